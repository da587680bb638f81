//! An epoch of training, beside PyTorch as its tutorials have it, with all images in one tensor, and
//! with all that PyTorch has to be fast.

use anyhow::Result;

use super::Bench;
use super::report::{Case, Report, SameWork, median};
use super::worker::{Worker, number};

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
    let batches_of_100 = median(&cases[0].sides[0]);
    Report {
        name: "train",
        what: "an epoch of LeNet with Adam on 60,000 images",
        sides: &SIDES,
        cases,
        notes: vec![peak(&mut workers[0], bench.runs, batches_of_100)?],
    }
    .publish(bench, bench.versions(PEER)?)
}

/// Floating-point operations that an image takes in training, a multiplication with its addition
/// counted as two: each layer's weights are used at each place of its output, once forward, once for
/// the weights' gradients and once for the inputs', which the first layer does not need.
const OPERATIONS: f64 = {
    let conv1 = 2.0 * (24 * 24 * 6 * 25) as f64;
    let conv2 = 2.0 * (8 * 8 * 16 * 25 * 6) as f64;
    let linear = 2.0 * (256 * 120 + 120 * 64 + 64 * 10) as f64;
    3.0 * (conv1 + conv2 + linear) - conv1
};

/// What libtorch reaches at best, in a product of large matrices, beside what training reaches.
fn peak(worker: &mut Worker, runs: usize, images_per_second: f64) -> Result<String> {
    let mut found = Vec::new();
    for _ in 0..runs {
        let answer = worker.ask("multiply 1024")?;
        found.push(number(&answer, "operations")? / number(&answer, "seconds")? / 1e9);
    }
    let (peak, reached) = (median(&found), images_per_second * OPERATIONS / 1e9);
    Ok(format!(
        "In batches of 100 gasshuku does {reached:.0} GFLOP/s of the {peak:.0} that libtorch reaches \
         in a product of 1024 × 1024 matrices: {:.0} %.",
        100.0 * reached / peak
    ))
}

#[cfg(test)]
mod tests {
    use super::super::worker::Run;
    use super::*;

    #[test]
    fn operations_are_those_of_lenets_table() {
        // 172,800 + 307,200 + 61,440 + 15,360 + 1,280 forward.
        assert_eq!(OPERATIONS, 3.0 * 558_080.0 - 172_800.0);
    }

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
