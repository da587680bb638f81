//! Training in smaller and larger batches, and with ten and a hundred times the images: the time an
//! image takes, and the memory that the images take.

use anyhow::Result;
use serde_json::json;

use super::Bench;
use super::report::{Case, Report, Unit, median};
use super::worker::{Run, Worker, number};

/// Images in a batch, and how often the data set is repeated.
const CASES: [(usize, usize, &str); 5] = [
    (10, 1, "batches of 10, 60,000 images"),
    (100, 1, "batches of 100, 60,000 images"),
    (1_000, 1, "batches of 1,000, 60,000 images"),
    (100, 10, "batches of 100, 600,000 images"),
    (100, 100, "batches of 100, 6,000,000 images"),
];

pub(super) fn scale(bench: &Bench) -> Result<()> {
    let ours = bench.ours("bench-train", "lenet.safetensors")?;
    let mut worker = Worker::start(ours)?;
    worker.ask("train 100")?;
    let mut cases: Vec<Case> = CASES
        .iter()
        .map(|(_, _, name)| Case {
            name: (*name).to_owned(),
            unit: Unit::ImagesPerSecond,
            sides: vec![Vec::new()],
        })
        .collect();
    let mut memory = vec![Vec::new(); CASES.len()];
    for run in 0..bench.runs {
        println!("scale: run {} of {}", run + 1, bench.runs);
        for (index, (batch, copies, _)) in CASES.iter().enumerate() {
            // Minutes long: the median of the others has more to say.
            if *copies == 100 && run > 0 {
                continue;
            }
            let answer = worker.ask(&format!("scale {batch} {copies}"))?;
            cases[index].sides[0].push(Run::read(&answer)?.images_per_second);
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
