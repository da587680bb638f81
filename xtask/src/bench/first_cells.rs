//! The first cells of their kind in a new kernel: a wrong cell, and a cell that draws a chart.

use anyhow::Result;

use super::context::Bench;
use super::kernels::{self, STOCK_ONCE, numbers};
use super::report::{Case, Report, Unit};
use super::worker::take_turns;

/// The first wrong cells of a kernel.
pub(super) fn mistakes(bench: &Bench) -> Result<()> {
    let what = "the answer to a kernel's first wrong cell";
    let cells = ["a closure to keep", "an unfinished line", "a wrong type"];
    compare_with_stock(bench, "mistakes", what, &cells)
}

/// The first chart that a kernel draws with plotters, and another one.
pub(super) fn figures(bench: &Bench) -> Result<()> {
    let what = "a cell that draws a chart with plotters";
    let cells = ["the first of a kernel", "another"];
    compare_with_stock(bench, "figures", what, &cells)
}

/// Compares the seconds of cells with those in evcxr as it comes.
fn compare_with_stock(
    bench: &Bench,
    name: &'static str,
    what: &'static str,
    cells: &[&str],
) -> Result<()> {
    let mut workers = kernels::workers(bench, &["gasshuku", "stock"])?;
    let mut cases: Vec<Case> = cells
        .iter()
        .map(|name| Case::empty(name, Unit::Seconds, 2))
        .collect();
    take_turns(name, bench.runs, &mut workers, |run, side, worker| {
        if side == 1 && run > 0 {
            return Ok(());
        }
        let answer = worker.request(name)?;
        for (case, seconds) in cases.iter_mut().zip(numbers(&answer, "seconds")?) {
            case.sides[side].push(seconds);
        }
        Ok(())
    })?;
    Report {
        name,
        what,
        sides: &["gasshuku", "evcxr as it comes"],
        cases,
        notes: vec![STOCK_ONCE.to_owned()],
    }
    .publish(bench, kernels::versions(bench)?)
}
