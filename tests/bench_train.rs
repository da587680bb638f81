//! Trains LeNet for an epoch with this crate, for the benchmark to take turns with.
//!
//! `bench-train WEIGHTS DATA THREADS`: the weights to start from, the folder that holds the folder
//! of Fashion-MNIST. Prints "ready", then answers each line "train BATCH" on its standard input with
//! one line of JSON (the training log stands before it), and ends with the input: as
//! `xtask/python/bench_train.py` does. Reading the files is not timed, all of `train` is.

use std::time::Instant;

use gasshuku::prelude::*;
use gasshuku::{Error, Result};
use support::worker::{Arguments, serve};

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    let training_set = load(&fashion_mnist(), &arguments.data, Split::Train)?;
    serve("train", |numbers| {
        let [batch] = *numbers else {
            return Err(Error::Data("one number is needed".into()));
        };
        load_weights(&model, &arguments.weights)?;
        answer(&model, &training_set, batch)
    })
}

fn answer(model: &LeNet, training_set: &Dataset, batch: usize) -> Result<serde_json::Value> {
    let settings = TrainingSettings {
        epochs: 1,
        batch_size: batch,
        learning_rate: 1e-3,
        schedule: Schedule::None,
        validation_share: 0.0,
        ..Default::default()
    };
    let start = Instant::now();
    let history = train(model, training_set, &settings)?;
    let seconds = start.elapsed().as_secs_f64();
    let loss = history.last().map_or(f64::NAN, |epoch| epoch.training.loss);
    Ok(serde_json::json!({
        "seconds": seconds,
        "images": training_set.len(),
        "checksum": loss,
    }))
}
