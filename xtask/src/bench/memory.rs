//! The memory of a kernel after a training, and its disk space.

use anyhow::Result;
use serde_json::Value;

use super::context::Bench;
use super::kernels;
use super::report::{Case, Report, Unit};
use super::worker::{number, take_turns};
use crate::process;

pub(super) fn memory(bench: &Bench) -> Result<()> {
    let mut workers = kernels::workers(bench, &["gasshuku", "ipykernel"])?;
    let mut memory = Case::empty("memory after training", Unit::Megabytes, 2);
    let mut disk = Case::empty("disk, of a kernel's own", Unit::Megabytes, 2);
    let megabytes = |answer: &Value, key| Ok::<_, anyhow::Error>(number(answer, key)? / 1e6);
    take_turns("memory", bench.runs, &mut workers, |_, side, worker| {
        let answer = worker.request("memory")?;
        memory.sides[side].push(megabytes(&answer, "memory")?);
        if side == 0 {
            disk.sides[side].push(megabytes(&answer, "disk")?);
        }
        Ok(())
    })?;
    let mut set_up = Case::empty("disk, of set-up", Unit::Megabytes, 2);
    set_up.sides[0].push(setup_megabytes(bench)?);
    Report {
        name: "memory",
        what: "memory of a kernel's processes (their share of what they share) after notebook 04, \
               or after an epoch in Python",
        sides: &["gasshuku", "ipykernel"],
        cases: vec![memory, disk, set_up],
        notes: vec![
            "Of a kernel's directory, most files are links to the template's and take no room. \
             Set-up: .venv and target/kernel, libtorch included."
                .to_owned(),
        ],
    }
    .publish(bench, kernels::versions(bench)?)
}

/// The megabytes of what set-up has installed.
fn setup_megabytes(bench: &Bench) -> Result<f64> {
    let workshop = bench.workshop;
    let bytes = process::size(&workshop.venv()) + process::size(&workshop.kernel());
    Ok(bytes as f64 / 1e6)
}
