//! Benchmarks beside other programs that do the same work.
//!
//! Each program is a worker: it waits on its standard input and answers requests. The workers take turns, so
//! that other load on the machine affects all of them.
//!
//! Each measure is a module. They share `worker`, `report`, `kernels` and `context`.

mod cells;
mod context;
mod explain;
mod first_cells;
mod kernels;
mod long;
mod memory;
mod predict;
mod report;
mod scale;
mod start;
mod train;
mod watch;
mod worker;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::setup;
use crate::workshop::Workshop;
use context::Bench;
pub(crate) use context::Settings;

/// A measure of `cargo xtask bench`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Measure {
    /// A notebook from its opening to its first tensor, beside Python's kernel and evcxr as it comes
    Start,
    /// The round trip of every cell of every notebook, beside evcxr as it comes
    Cells,
    /// The first wrong cell of a kernel, beside evcxr as it comes
    Mistakes,
    /// The first chart that a cell draws with plotters, beside evcxr as it comes
    Figures,
    /// The five hundredth cell of a kernel, its memory and files
    Long,
    /// What it costs to watch a training in a notebook
    Watch,
    /// An epoch of training, beside three ways to do it with PyTorch
    Train,
    /// Training in larger batches and with more images
    Scale,
    /// Evaluation and prediction, beside PyTorch
    Predict,
    /// Grad-CAM of the test images, beside pytorch-grad-cam
    Explain,
    /// What a kernel takes of memory and disk, beside Python's
    Memory,
}

/// Runs the measures, or all if none is named. Prints a table for each, and writes it with the single runs to
/// target/bench.
pub(crate) fn bench(
    workshop: &Workshop,
    measures: &[Measure],
    settings: Settings,
) -> Result<ExitCode> {
    ensure!(settings.runs > 0, "--runs is 0: measure at least once");
    ensure!(
        settings.threads != Some(0),
        "--threads is 0: give at least 1"
    );
    setup::setup(workshop)?;
    let bench = Bench::new(workshop, settings)?;
    let all = Measure::value_variants();
    for measure in if measures.is_empty() { all } else { measures } {
        match measure {
            Measure::Start => start::start(&bench)?,
            Measure::Cells => cells::cells(&bench)?,
            Measure::Mistakes => first_cells::mistakes(&bench)?,
            Measure::Figures => first_cells::figures(&bench)?,
            Measure::Long => long::long(&bench)?,
            Measure::Watch => watch::watch(&bench)?,
            Measure::Train => train::train(&bench)?,
            Measure::Scale => scale::scale(&bench)?,
            Measure::Predict => predict::predict(&bench)?,
            Measure::Explain => explain::explain(&bench)?,
            Measure::Memory => memory::memory(&bench)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}
