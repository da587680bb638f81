//! A kernel that is used for an afternoon: 500 cells.

use std::ops::Range;

use anyhow::{Result, ensure};

use super::context::Bench;
use super::kernels::{self, numbers};
use super::report::{Case, Report, Unit, median};
use super::worker::Worker;

const CELLS: usize = 500;
/// How many variables a kernel has at last, in the usual case.
const VARIABLES: usize = 100;

/// Some of the cells of a kernel that has so many variables at last.
struct Group {
    variables: usize,
    cells: Range<usize>,
    case: Case,
}

impl Group {
    fn new(variables: usize, cells: Range<usize>, name: &str) -> Group {
        Group {
            variables,
            cells,
            case: Case::empty(name, Unit::Seconds, 1),
        }
    }
}

pub(super) fn long(bench: &Bench) -> Result<()> {
    let mut workers = kernels::workers(bench, &["gasshuku"])?;
    let last = CELLS - 20..CELLS;
    let mut groups = [
        Group::new(VARIABLES, 0..20, "the first 20 cells"),
        Group::new(VARIABLES, 90..110, "20 around the hundredth"),
        Group::new(VARIABLES, last.clone(), "the last 20 of 500"),
        Group::new(CELLS, last, "the last 20 of 500 with 500 variables"),
    ];
    let mut memory = ["memory after 20 cells", "memory after 500"]
        .map(|name| Case::empty(name, Unit::Megabytes, 1));
    let mut files = Vec::new();
    for run in 0..bench.runs {
        println!("long: run {} of {}", run + 1, bench.runs);
        files = usual_kernel(&mut workers[0], &mut groups, &mut memory)?;
        run_cells(&mut workers[0], CELLS, &mut groups)?;
    }
    let files: Vec<String> = files.iter().map(|count| format!("{count:.0}")).collect();
    let cases = groups.into_iter().map(|group| group.case);
    Report {
        name: "long",
        what: "500 cells of a kernel, each of which keeps one of 100 variables",
        sides: &["gasshuku"],
        cases: cases.chain(memory).collect(),
        notes: vec![format!(
            "Files of the kernel after 20 and after 500 cells: {}.",
            files.join(", ")
        )],
    }
    .publish(bench, kernels::versions(bench)?)
}

/// Measures time and memory. Returns the numbers of files.
fn usual_kernel(
    worker: &mut Worker,
    groups: &mut [Group],
    memory: &mut [Case],
) -> Result<Vec<f64>> {
    let answer = run_cells(worker, VARIABLES, groups)?;
    for (case, bytes) in memory.iter_mut().zip(numbers(&answer, "memory")?) {
        case.sides[0].push(bytes / 1e6);
    }
    numbers(&answer, "files")
}

fn run_cells(
    worker: &mut Worker,
    variables: usize,
    groups: &mut [Group],
) -> Result<serde_json::Value> {
    let answer = worker.request(&format!("long {CELLS} {variables}"))?;
    let seconds = numbers(&answer, "seconds")?;
    let ran = seconds.len();
    ensure!(ran == CELLS, "a worker has run {ran} cells");
    for group in groups.iter_mut().filter(|it| it.variables == variables) {
        group.case.sides[0].push(median(&seconds[group.cells.clone()]));
    }
    Ok(answer)
}
