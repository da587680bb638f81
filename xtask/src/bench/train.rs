//! An epoch of training, beside three ways to do it with PyTorch: with a DataLoader as in its tutorials, with
//! all images in one tensor, and compiled.

use anyhow::Result;

use super::context::Bench;
use super::report::{Case, Report, SameResult, median};
use super::worker::{Worker, number};

/// Images in a batch, and the name of the case.
const CASES: [(usize, &str); 2] = [(100, "batches of 100"), (1_000, "batches of 1,000")];

/// The variants with PyTorch, as `bench_train.py` names them.
const VARIANTS: [&str; 3] = ["data-loader", "tensor", "compiled"];
const SIDES: [&str; 4] = [
    "gasshuku",
    "PyTorch, DataLoader",
    "PyTorch, one tensor",
    "PyTorch, compiled",
];

/// The mean losses are not equal, because each program shuffles the images in its own way.
const SAME_RESULT: SameResult = SameResult {
    tolerance: 0.1,
    message: "the sides do not learn the same: their mean losses are",
};

pub(super) fn train(bench: &Bench) -> Result<()> {
    const SCRIPT: &str = "bench_train.py";
    const WEIGHTS: &str = "lenet.safetensors";
    let mut workers = vec![Worker::start(bench.our_worker("bench-train", WEIGHTS)?)?];
    for variant in VARIANTS {
        let mut pytorch = bench.python_worker(SCRIPT, WEIGHTS);
        pytorch.args(["--variant", variant]);
        workers.push(Worker::start(pytorch)?);
    }
    let mut cases = Vec::new();
    for (batch, name) in CASES {
        let request = format!("train {batch}");
        // torch.compile compiles in the first epoch with a batch size.
        println!("{name}: warming up");
        for worker in &mut workers {
            worker.request(&request)?;
        }
        cases.push(Case::measure(
            name,
            &mut workers,
            &request,
            bench.runs,
            &SAME_RESULT,
        )?);
    }
    let batches_of_100 = median(&cases[0].sides[0]);
    Report {
        name: "train",
        what: "an epoch of LeNet with Adam on 60,000 images",
        sides: &SIDES,
        cases,
        notes: vec![share_of_peak(&mut workers[0], bench.runs, batches_of_100)?],
    }
    .publish(bench, bench.versions(SCRIPT)?)
}

/// Floating-point operations of the training with one image. A multiplication and its addition are two.
/// Each layer's weights are used at each place of its output three times: forward, for the gradients of the
/// weights, and for those of the inputs, which the first layer does not need.
const OPERATIONS: f64 = {
    let conv1 = 2.0 * (24 * 24 * 6 * 25) as f64;
    let conv2 = 2.0 * (8 * 8 * 16 * 25 * 6) as f64;
    let linear = 2.0 * (256 * 120 + 120 * 64 + 64 * 10) as f64;
    3.0 * (conv1 + conv2 + linear) - conv1
};

/// The speed of the training as a share of libtorch's best speed, that of a product of large matrices.
fn share_of_peak(worker: &mut Worker, runs: usize, images_per_second: f64) -> Result<String> {
    let mut found = Vec::new();
    for _ in 0..runs {
        let answer = worker.request("multiply 1024")?;
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
    fn another_loss_is_refused() {
        let check = |losses: [f64; 3]| {
            SAME_RESULT.check(&losses.map(|checksum| Run {
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
