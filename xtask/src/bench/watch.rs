//! How much slower a training is when the notebook shows it.

use anyhow::Result;

use super::context::Bench;
use super::kernels;
use super::report::{Case, Report, Unit};
use super::worker::{number, take_turns};

pub(super) fn watch(bench: &Bench) -> Result<()> {
    let mut workers = kernels::workers(bench, &["gasshuku", "unwatched"])?;
    let mut speed = Case::empty("training, batches of 100", Unit::ImagesPerSecond, 2);
    take_turns("watch", bench.runs, &mut workers, |_, side, worker| {
        let answer = worker.request("watch")?;
        speed.sides[side].push(number(&answer, "images_per_second")?);
        Ok(())
    })?;
    Report {
        name: "watch",
        what: "LeNet's epochs 2 to 5 in a notebook's cell, with a bar and curves or with a line an epoch",
        sides: &["watched", "not watched"],
        cases: vec![speed],
        notes: Vec::new(),
    }
    .publish(bench, kernels::versions(bench)?)
}
