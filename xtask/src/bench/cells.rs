//! The round trip of each cell of each English notebook until its own work begins: the time that evcxr and
//! rustc take.

use anyhow::Result;

use super::context::Bench;
use super::kernels::{self, STOCK_ONCE, numbers};
use super::report::{Case, Report, Unit, median};
use super::worker::{Worker, turn_order};
use crate::notebooks::{self, ENGLISH};

const SIDES: [&str; 3] = ["gasshuku", "evcxr as it comes", "with its `:cache`"];

pub(super) fn cells(bench: &Bench) -> Result<()> {
    let mut workers = kernels::workers(bench, &["gasshuku", "stock", "stock-cache"])?;
    let notebooks: Vec<String> = notebooks::of_language(bench.workshop, ENGLISH)?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let mut sides = [const { Vec::new() }; 3];
    for run in 0..bench.runs {
        println!("cells: run {} of {}", run + 1, bench.runs);
        for (side, seconds) in sides
            .iter_mut()
            .zip(one_run(run, &mut workers, &notebooks)?)
        {
            add_run(side, seconds);
        }
    }
    let count = sides[0].len();
    Report {
        name: "cells",
        what: "round trip of a cell until its own work begins",
        sides: &SIDES,
        cases: cases(sides),
        notes: vec![format!(
            "{count} cells of {} notebooks, of each the median of all runs. evcxr as it comes had \
             compiled the crates before, in a folder that it keeps. {STOCK_ONCE}",
            notebooks.len()
        )],
    }
    .publish(bench, kernels::versions(bench)?)
}

/// The seconds of each cell, for each worker. Only ours takes part in runs after the first.
fn one_run(run: usize, workers: &mut [Worker], notebooks: &[String]) -> Result<[Vec<f64>; 3]> {
    let mut seconds = [const { Vec::new() }; 3];
    for notebook in notebooks {
        for side in turn_order(run, workers.len()) {
            if side > 0 && run > 0 {
                continue;
            }
            let answer = workers[side].request(&format!("cells {notebook}"))?;
            seconds[side].extend(numbers(&answer, "cells")?);
        }
    }
    Ok(seconds)
}

/// Adds the seconds of a run to those of each cell.
fn add_run(cells: &mut Vec<Vec<f64>>, seconds: Vec<f64>) {
    cells.resize(cells.len().max(seconds.len()), Vec::new());
    for (cell, seconds) in cells.iter_mut().zip(seconds) {
        cell.push(seconds);
    }
}

fn cases(sides: [Vec<Vec<f64>>; 3]) -> Vec<Case> {
    let medians = sides.map(|cells| cells.iter().map(|runs| median(runs)).collect::<Vec<_>>());
    let slowest = |cells: &Vec<f64>| cells.iter().copied().fold(0.0, f64::max);
    let case = |name: &str, sides: [f64; 3]| Case {
        name: name.to_owned(),
        unit: Unit::Seconds,
        sides: sides.map(|seconds| vec![seconds]).to_vec(),
    };
    vec![
        case(
            "median of all cells",
            medians.each_ref().map(|cells| median(cells)),
        ),
        case("slowest cell", medians.each_ref().map(slowest)),
    ]
}
