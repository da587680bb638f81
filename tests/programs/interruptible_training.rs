//! A training that waits at a given step, where `interrupted.rs` kills it.
//!
//! `interruptible-training train CHECKPOINT [STEP]` or `interruptible-training resume CHECKPOINT`.
//! At the beginning of the step it prints a line and waits for one on its standard input.

use std::cell::Cell;

use gasshuku::prelude::*;

/// LeNet with dropout, so that the result depends on the state of the random numbers, too.
struct LeNetWithDropout {
    lenet: LeNet,
    steps: Cell<usize>,
    stop_at: Option<usize>,
}

impl Model for LeNetWithDropout {
    fn variables(&self) -> &nn::VarStore {
        self.lenet.variables()
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        if pass.is_training() {
            self.steps.set(self.steps.get() + 1);
            if Some(self.steps.get()) == self.stop_at {
                println!("WAITING");
                std::io::stdin().read_line(&mut String::new()).unwrap();
            }
        }
        let dropped = images.dropout(0.2, pass.is_training());
        self.lenet.forward(&dropped, pass)
    }
}

/// Random images whose brightness tells their class.
fn dataset() -> Dataset {
    tch::manual_seed(1);
    let count = 330;
    let labels = Tensor::randint(3, [count], (Kind::Int64, Device::Cpu));
    let noise = Tensor::randint(100, [count, 1, 28, 28], (Kind::Int64, Device::Cpu));
    let images = (noise + labels.reshape([count, 1, 1, 1]) * 50).to_kind(Kind::Uint8);
    Dataset::new(&images, &labels, &["dark", "grey", "bright"]).unwrap()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, checkpoint, rest @ ..] = &arguments[..] else {
        panic!("a mode and a checkpoint are needed")
    };
    let settings = LeNetSettings {
        classes: 3,
        seed: 4,
        ..Default::default()
    };
    let model = LeNetWithDropout {
        lenet: LeNet::new(&settings, Device::Cpu).unwrap(),
        steps: Cell::new(0),
        stop_at: rest.first().map(|step| step.parse().unwrap()),
    };
    match mode.as_str() {
        "train" => {
            let settings = TrainingSettings {
                epochs: 4,
                batch_size: 32,
                seed: 11,
                checkpoint: Some(checkpoint.into()),
                ..Default::default()
            };
            train(&model, &dataset(), &settings).unwrap();
        }
        "resume" => {
            resume(&model, &dataset(), checkpoint).unwrap();
        }
        other => panic!("unknown mode {other}"),
    }
    println!("DONE");
}
