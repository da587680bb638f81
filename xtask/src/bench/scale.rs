//! Training with smaller and larger batches, and with ten and a hundred times as many images: the speed, and
//! the memory.

use anyhow::Result;
use serde_json::json;

use super::context::Bench;
use super::report::{Case, Report, Unit, median};
use super::worker::{Run, Worker, number};

/// Images in a batch, how often the data set is repeated, and the name of the case.
const CASES: [(usize, usize, &str); 5] = [
    (10, 1, "batches of 10, 60,000 images"),
    (100, 1, "batches of 100, 60,000 images"),
    (1_000, 1, "batches of 1,000, 60,000 images"),
    (100, 10, "batches of 100, 600,000 images"),
    (100, 100, "batches of 100, 6,000,000 images"),
];

pub(super) fn scale(bench: &Bench) -> Result<()> {
    let ours = bench.our_worker("bench-train", "lenet.safetensors")?;
    let mut worker = Worker::start(ours)?;
    worker.request("train 100")?;
    let mut cases: Vec<Case> = CASES
        .iter()
        .map(|(.., name)| Case::empty(name, Unit::ImagesPerSecond, 1))
        .collect();
    let mut memory = vec![Vec::new(); CASES.len()];
    for run in 0..bench.runs {
        println!("scale: run {} of {}", run + 1, bench.runs);
        for (index, (batch, copies, _)) in CASES.iter().enumerate() {
            // It takes minutes, so once is enough.
            if *copies == 100 && run > 0 {
                continue;
            }
            let answer = worker.request(&format!("scale {batch} {copies}"))?;
            cases[index].sides[0].push(Run::parse(&answer)?.images_per_second);
            memory[index].push(number(&answer, "memory")? / number(&answer, "data")?);
        }
    }
    let notes = CASES
        .iter()
        .zip(&memory)
        .skip(3)
        .map(|((.., name), found)| {
            format!(
                "Memory that {name} take while they are trained with: {:.2} × their bytes.",
                median(found)
            )
        });
    Report {
        name: "scale",
        what: "an epoch of LeNet with Adam",
        sides: &["gasshuku"],
        cases,
        notes: notes
            .chain(["6,000,000 images: one run.".to_owned()])
            .collect(),
    }
    .publish(bench, json!({}))
}
