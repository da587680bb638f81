//! Notebooks: how soon a kernel starts, how soon it answers, and what it takes of the machine,
//! beside Python's kernel and beside evcxr as it comes.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Bench;
use super::report::{Case, Report, Unit, median, turns};
use super::worker::{Worker, number};
use crate::notebooks;
use crate::notebooks::ENGLISH;
use crate::process;

const PEER: &str = "bench_kernel.py";
const SIDES: [&str; 4] = [
    "gasshuku",
    "with a spare kernel",
    "ipykernel",
    "evcxr as it comes",
];
const KERNELS: [&str; 4] = ["gasshuku", "spare", "ipykernel", "stock"];

/// evcxr as it comes compiles for minutes, each time: once is enough beside so much less.
const STOCK: &str = "evcxr as it comes was measured once.";

/// From a notebook's opening to its first tensor: the kernel starts, loads its libraries, loads the
/// images, and shows one.
pub(super) fn start(bench: &Bench) -> Result<()> {
    let mut workers = workers(bench, &KERNELS)?;
    // What a kernel reads from the disk is in memory afterwards, for all of them.
    for worker in &mut workers[..3] {
        worker.ask("start")?;
    }
    let mut cases = Vec::new();
    let mut whole = empty("opened → first tensor", Unit::Seconds, 4);
    let parts = ["kernel ready", "libraries", "images", "a tensor"];
    let mut steps: Vec<Case> = parts
        .iter()
        .map(|name| empty(name, Unit::Seconds, 4))
        .collect();
    for run in 0..bench.runs {
        println!("start: run {} of {}", run + 1, bench.runs);
        for side in turns(run, workers.len()) {
            if KERNELS[side] == "stock" && run > 0 {
                continue;
            }
            let answer = workers[side].ask("start")?;
            whole.sides[side].push(number(&answer, "seconds")?);
            for (step, seconds) in steps.iter_mut().zip(numbers(&answer, "steps")?) {
                step.sides[side].push(seconds);
            }
        }
    }
    cases.push(whole);
    cases.extend(steps);
    Report {
        name: "start",
        what: "a notebook opened, until it shows a tensor of Fashion-MNIST",
        sides: &SIDES,
        cases,
        notes: vec![STOCK.to_owned()],
    }
    .publish(bench, versions(bench)?)
}

/// Every cell of every English notebook, until its own work begins: what evcxr and rustc take.
pub(super) fn cells(bench: &Bench) -> Result<()> {
    let mut workers = workers(bench, &["gasshuku", "stock", "stock-cache"])?;
    let names: Vec<String> = notebooks::of_language(bench.workshop, ENGLISH)?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    // Of each side, of each cell: run by run.
    let mut cells: [Vec<Vec<f64>>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    for run in 0..bench.runs {
        println!("cells: run {} of {}", run + 1, bench.runs);
        let mut found = [Vec::new(), Vec::new(), Vec::new()];
        for name in &names {
            for side in turns(run, workers.len()) {
                if side > 0 && run > 0 {
                    continue;
                }
                let answer = workers[side].ask(&format!("cells {name}"))?;
                found[side].extend(numbers(&answer, "cells")?);
            }
        }
        for (cells, found) in cells.iter_mut().zip(found) {
            cells.resize(cells.len().max(found.len()), Vec::new());
            for (cell, seconds) in cells.iter_mut().zip(found) {
                cell.push(seconds);
            }
        }
    }
    let count = cells[0].len();
    let medians = cells.map(|side| side.iter().map(|cell| median(cell)).collect::<Vec<_>>());
    let worst = |side: &Vec<f64>| side.iter().copied().fold(0.0, f64::max);
    let case = |name: &str, sides: [f64; 3]| Case {
        name: name.to_owned(),
        unit: Unit::Seconds,
        sides: sides.map(|seconds| vec![seconds]).to_vec(),
    };
    Report {
        name: "cells",
        what: "round trip of a cell until its own work begins",
        sides: &["gasshuku", "evcxr as it comes", "with its `:cache`"],
        cases: vec![
            case(
                "median of all cells",
                medians.each_ref().map(|side| median(side)),
            ),
            case("slowest cell", medians.each_ref().map(worst)),
        ],
        notes: vec![format!(
            "{count} cells of {} notebooks, of each the median of all runs. evcxr as it comes had \
             compiled the crates before, in a folder that it keeps. {STOCK}",
            names.len()
        )],
    }
    .publish(bench, versions(bench)?)
}

/// The first wrong cell of a kernel.
pub(super) fn mistakes(bench: &Bench) -> Result<()> {
    let what = "the answer to a kernel's first wrong cell";
    let cells = ["a closure to keep", "an unfinished line", "a wrong type"];
    beside_stock(bench, "mistakes", what, &cells)
}

/// The first chart that a cell draws with plotters, and another one.
pub(super) fn figures(bench: &Bench) -> Result<()> {
    let what = "a cell that draws a chart with plotters";
    beside_stock(
        bench,
        "figures",
        what,
        &["the first of a kernel", "another"],
    )
}

/// A worker's `seconds`, one for each of the cells, beside those of evcxr as it comes.
fn beside_stock(
    bench: &Bench,
    name: &'static str,
    what: &'static str,
    cells: &[&str],
) -> Result<()> {
    let mut workers = workers(bench, &["gasshuku", "stock"])?;
    let mut cases: Vec<Case> = cells
        .iter()
        .map(|name| empty(name, Unit::Seconds, 2))
        .collect();
    for run in 0..bench.runs {
        println!("{name}: run {} of {}", run + 1, bench.runs);
        for side in turns(run, workers.len()) {
            if side == 1 && run > 0 {
                continue;
            }
            let answer = workers[side].ask(name)?;
            for (case, seconds) in cases.iter_mut().zip(numbers(&answer, "seconds")?) {
                case.sides[side].push(seconds);
            }
        }
    }
    Report {
        name,
        what,
        sides: &["gasshuku", "evcxr as it comes"],
        cases,
        notes: vec![STOCK.to_owned()],
    }
    .publish(bench, versions(bench)?)
}

/// A kernel that is used for an afternoon: 500 cells keep 100 variables, and 500 where no name comes twice.
pub(super) fn long(bench: &Bench) -> Result<()> {
    const CELLS: usize = 500;
    let last = CELLS - 20..CELLS;
    let mut workers = workers(bench, &["gasshuku"])?;
    let mut groups = [
        (100, "the first 20 cells", 0..20),
        (100, "20 around the hundredth", 90..110),
        (100, "the last 20 of 500", last.clone()),
        (CELLS, "the last 20 of 500 with 500 variables", last),
    ]
    .map(|(variables, name, cells)| (variables, cells, empty(name, Unit::Seconds, 1)));
    let mut memory =
        ["memory after 20 cells", "memory after 500"].map(|name| empty(name, Unit::Megabytes, 1));
    let mut files = Vec::new();
    for run in 0..bench.runs {
        println!("long: run {} of {}", run + 1, bench.runs);
        for variables in [100, CELLS] {
            let answer = workers[0].ask(&format!("long {CELLS} {variables}"))?;
            let seconds = numbers(&answer, "seconds")?;
            let ran = seconds.len();
            ensure!(ran == CELLS, "a worker has run {ran} cells");
            for (_, cells, case) in groups.iter_mut().filter(|group| group.0 == variables) {
                case.sides[0].push(median(&seconds[cells.clone()]));
            }
            if variables == 100 {
                for (case, bytes) in memory.iter_mut().zip(numbers(&answer, "memory")?) {
                    case.sides[0].push(bytes / 1e6);
                }
                files = numbers(&answer, "files")?;
            }
        }
    }
    let files: Vec<String> = files.iter().map(|count| format!("{count:.0}")).collect();
    let cases = groups.into_iter().map(|(_, _, case)| case);
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
    .publish(bench, versions(bench)?)
}

/// What it costs that a notebook shows a training while it goes on.
pub(super) fn watch(bench: &Bench) -> Result<()> {
    let mut workers = workers(bench, &["gasshuku", "unwatched"])?;
    let mut pace = empty("training, batches of 100", Unit::ImagesPerSecond, 2);
    for run in 0..bench.runs {
        println!("watch: run {} of {}", run + 1, bench.runs);
        for side in turns(run, workers.len()) {
            let answer = workers[side].ask("watch")?;
            pace.sides[side].push(number(&answer, "images_per_second")?);
        }
    }
    Report {
        name: "watch",
        what: "LeNet's epochs 2 to 5 in a notebook's cell, with a bar and curves or with a line an epoch",
        sides: &["watched", "not watched"],
        cases: vec![pace],
        notes: Vec::new(),
    }
    .publish(bench, versions(bench)?)
}

/// Memory after the training notebook, and room on the disk.
pub(super) fn memory(bench: &Bench) -> Result<()> {
    let mut workers = workers(bench, &["gasshuku", "ipykernel"])?;
    let mut memory = empty("memory after training", Unit::Megabytes, 2);
    let mut disk = empty("disk, of a kernel's own", Unit::Megabytes, 2);
    let megabytes = |answer: &Value, key| Ok::<_, anyhow::Error>(number(answer, key)? / 1e6);
    for run in 0..bench.runs {
        println!("memory: run {} of {}", run + 1, bench.runs);
        for side in turns(run, workers.len()) {
            let answer = workers[side].ask("memory")?;
            memory.sides[side].push(megabytes(&answer, "memory")?);
            if side == 0 {
                disk.sides[side].push(megabytes(&answer, "disk")?);
            }
        }
    }
    let mut set_up = empty("disk, of set-up", Unit::Megabytes, 2);
    set_up.sides[0].push(on_disk(bench)?);
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
    .publish(bench, versions(bench)?)
}

fn empty(name: &str, unit: Unit, sides: usize) -> Case {
    Case {
        name: name.to_owned(),
        unit,
        sides: vec![Vec::new(); sides],
    }
}

/// In megabytes.
fn on_disk(bench: &Bench) -> Result<f64> {
    let workshop = bench.workshop;
    let bytes = process::size(&workshop.venv()) + process::size(&workshop.kernel());
    Ok(bytes as f64 / 1e6)
}

/// One for each kernel; they run in the workshop's own Python, which has Jupyter's client.
fn workers(bench: &Bench, kernels: &[&str]) -> Result<Vec<Worker>> {
    let start = |kernel: &&str| {
        let mut command = bench.workshop.python();
        command
            .arg(bench.workshop.python_sources().join(PEER))
            .args(["--kernel", kernel])
            .arg("--root")
            .arg(bench.workshop.root())
            .arg("--python")
            .arg(&bench.python)
            .args(["--threads", &bench.threads.to_string()]);
        if kernel.starts_with("stock") {
            stock(bench, &mut command);
        }
        Worker::start(command)
    };
    kernels.iter().map(start).collect()
}

/// evcxr with what it must have, and nothing else of the workshop's.
fn stock(bench: &Bench, command: &mut Command) {
    bench.workshop.find_libtorch(command);
    command
        .env("JUPYTER_PATH", bench.workshop.kernel())
        .env("EVCXR_CONFIG_DIR", bench.folder.join("no-configuration"));
}

fn versions(bench: &Bench) -> Result<Value> {
    bench.versions("bench_train.py")
}

fn numbers(answer: &Value, key: &str) -> Result<Vec<f64>> {
    let list = answer[key].as_array();
    let list = list.with_context(|| format!("a worker answers without `{key}`: {answer}"))?;
    let numbers = list.iter().map(|entry| entry.as_f64());
    numbers
        .collect::<Option<_>>()
        .with_context(|| format!("`{key}` are no numbers: {answer}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_that_lacks_something_is_an_error() {
        let answer = json!({ "seconds": 1.5, "cells": [0.25, 1.0], "steps": ["a"] });
        assert_eq!(number(&answer, "seconds").unwrap(), 1.5);
        assert_eq!(numbers(&answer, "cells").unwrap(), [0.25, 1.0]);
        assert!(number(&answer, "memory").is_err());
        assert!(numbers(&answer, "steps").is_err());
        assert!(numbers(&answer, "seconds").is_err());
    }
}
