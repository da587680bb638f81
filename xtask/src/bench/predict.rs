//! Evaluation of the test set and prediction of one image, beside PyTorch.

use anyhow::Result;

use super::context::Bench;
use super::report::{Case, Report, SameResult, Unit, median};
use super::worker::Worker;

const SCRIPT: &str = "bench_predict.py";
const WEIGHTS: &str = "lenet.safetensors";

/// The checksum of an evaluation is the number of correct predictions, that of predictions the sum of their
/// probabilities.
const SAME_RESULT: SameResult = SameResult {
    tolerance: 1e-4,
    message: "the sides do not predict the same:",
};

pub(super) fn predict(bench: &Bench) -> Result<()> {
    let ours = bench.our_worker("bench-predict", WEIGHTS)?;
    let mut workers = [
        Worker::start(ours)?,
        Worker::start(bench.python_worker(SCRIPT, WEIGHTS))?,
    ];
    let mut measure = |name: &str, request: &str| {
        workers
            .iter_mut()
            .try_for_each(|worker| worker.request(request).map(|_| ()))?;
        Case::measure(name, &mut workers, request, bench.runs, &SAME_RESULT)
    };
    let evaluation = measure("evaluation of 10,000 images", "evaluate 10000")?;
    let mut prediction = measure("prediction of one image", "predict 1000")?;
    prediction.unit = Unit::Milliseconds;
    for images_per_second in prediction.sides.iter_mut().flatten() {
        *images_per_second = 1e3 / *images_per_second;
    }
    let evaluated = 10_000.0 / median(&evaluation.sides[0]);
    Report {
        name: "predict",
        what: "LeNet on Fashion-MNIST's test images",
        sides: &["gasshuku", "PyTorch"],
        cases: vec![evaluation, prediction],
        notes: vec![format!(
            "The whole test set is evaluated in {evaluated:.2} s."
        )],
    }
    .publish(bench, bench.versions(SCRIPT)?)
}
