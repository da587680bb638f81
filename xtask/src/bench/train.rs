//! An epoch of training, beside PyTorch as its tutorials have it, with all images in one tensor, and
//! with all that PyTorch has to be fast.

use anyhow::Result;

use super::Bench;
use super::report::{Case, Report, SameWork};
use super::worker::Worker;

/// Images in a batch.
const CASES: [(usize, &str); 2] = [(100, "batches of 100"), (1_000, "batches of 1,000")];

/// The peers' names for themselves, and ours for them.
const WAYS: [&str; 3] = ["workshop", "tensor", "compiled"];
const SIDES: [&str; 4] = [
    "gasshuku",
    "PyTorch, DataLoader",
    "PyTorch, one tensor",
    "PyTorch, compiled",
];

/// Speed counts only where as much is learned: every side shuffles in its own way.
const SAME_WORK: SameWork = SameWork {
    tolerance: 0.1,
    otherwise: "the sides do not learn the same: their mean losses are",
};

pub(super) fn train(bench: &Bench) -> Result<()> {
    const PEER: &str = "bench_train.py";
    const WEIGHTS: &str = "lenet.safetensors";
    let mut workers = vec![Worker::start(bench.ours("bench-train", WEIGHTS)?)?];
    for way in WAYS {
        let mut peer = bench.peer(PEER, WEIGHTS);
        peer.args(["--way", way]);
        workers.push(Worker::start(peer)?);
    }
    let mut cases = Vec::new();
    for (batch, name) in CASES {
        let request = format!("train {batch}");
        // Compiling happens in the first epoch of a batch size.
        println!("{name}: warming up");
        for worker in &mut workers {
            worker.ask(&request)?;
        }
        cases.push(Case::measure(
            name,
            &mut workers,
            &request,
            bench.runs,
            &SAME_WORK,
        )?);
    }
    Report {
        name: "train",
        what: "an epoch of LeNet with Adam on 60,000 images, images a second",
        sides: &SIDES,
        cases,
    }
    .publish(bench, bench.versions(PEER)?)
}

#[cfg(test)]
mod tests {
    use super::super::worker::Run;
    use super::*;

    #[test]
    fn who_learns_less_is_no_comparison() {
        let check = |losses: [f64; 3]| {
            SAME_WORK.check(&losses.map(|checksum| Run {
                images_per_second: 1.0,
                checksum,
            }))
        };
        check([0.80, 0.82, 0.78]).unwrap();
        assert!(check([0.80, 0.80, 0.90]).is_err());
        assert!(check([0.80, f64::NAN, 0.80]).is_err());
        assert!(check([f64::NAN, 0.80, 0.80]).is_err());
    }
}
