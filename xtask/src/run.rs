//! Notebooks executed without a browser.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::notebooks;
use crate::process;
use crate::setup;
use crate::workshop::Workshop;

/// A cell that went wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Counted from 1, code cells only; 0 is before the first.
    pub(crate) cell: u64,
    pub(crate) line: String,
    pub(crate) message: String,
}

/// How executing a notebook went.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) cells: u64,
    pub(crate) failures: Vec<Failure>,
}

/// Executes the notebooks named, or all, and says how each went.
pub(crate) fn run(workshop: &Workshop, named: &[PathBuf]) -> Result<ExitCode> {
    let chosen = if named.is_empty() {
        notebooks::all(workshop)?
    } else {
        named
            .iter()
            .map(|name| notebooks::find(workshop, name))
            .collect::<Result<_>>()?
    };
    if chosen.is_empty() {
        bail!("there is no notebook in {}", workshop.notebooks().display());
    }
    setup::setup(workshop)?;
    let good = run_all(workshop, &chosen)?;
    println!(
        "executed copies are in {}",
        workshop.relative(&workshop.executed())
    );
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One after the other: a notebook may need what an earlier one has left in target, and training
/// takes all processors.
pub(crate) fn run_all(workshop: &Workshop, notebooks: &[PathBuf]) -> Result<bool> {
    let mut good = true;
    for notebook in notebooks {
        let start = Instant::now();
        let report = run_one(workshop, notebook)?;
        let time = process::duration(start.elapsed());
        let name = workshop.relative(notebook);
        if report.failures.is_empty() {
            println!("ok      {name}: {} cells, {time}", report.cells);
        } else {
            good = false;
            println!("FAILED  {name}: {time}");
            for failure in &report.failures {
                println!("{}", describe(failure));
            }
        }
    }
    Ok(good)
}

fn describe(failure: &Failure) -> String {
    let message = failure.message.replace('\n', "\n            ");
    format!(
        "        cell {}: {}\n            {message}",
        failure.cell, failure.line
    )
}

/// Executes one notebook; the executed copies are written however it goes.
pub(crate) fn run_one(workshop: &Workshop, notebook: &Path) -> Result<Report> {
    let notebook = notebook
        .canonicalize()
        .with_context(|| format!("there is no notebook {}", notebook.display()))?;
    let folder = notebook.parent().unwrap_or(workshop.root()).to_owned();
    let name = notebook.file_stem().unwrap_or_default();
    let executed = workshop.executed();
    fs::create_dir_all(&executed)?;
    let copy = executed.join(name);
    let log = copy.with_extension("log");
    let output = execute(workshop, &notebook, &folder)
        .arg("--ipynb")
        .arg(copy.with_extension("ipynb"))
        .arg("--html")
        .arg(copy.with_extension("html"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log)?)
        .spawn()
        .context("cannot start the Python of .venv: run `cargo xtask setup`")?
        .wait_with_output()?;
    let report = serde_json::from_slice(&output.stdout)
        .ok()
        .and_then(|answer| read(&answer));
    report.with_context(|| {
        let log = fs::read_to_string(&log).unwrap_or_default();
        format!("{} was not executed: {}", notebook.display(), log.trim())
    })
}

/// The command that executes a notebook in a folder.
pub(crate) fn execute(workshop: &Workshop, notebook: &Path, folder: &Path) -> Command {
    let mut command = workshop.python();
    command
        .arg(workshop.python_sources().join("execute.py"))
        .arg(notebook)
        .arg("--folder")
        .arg(folder);
    command
}

fn read(answer: &Value) -> Option<Report> {
    let failures = answer["failures"].as_array()?.iter().map(|failure| {
        Some(Failure {
            cell: failure["cell"].as_u64()?,
            line: failure["line"].as_str()?.to_owned(),
            message: failure["message"].as_str()?.to_owned(),
        })
    });
    Some(Report {
        cells: answer["cells"].as_u64()?,
        failures: failures.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_answer_is_read() {
        let answer = json!({
            "cells": 3, "seconds": [1.0, 0.2, null],
            "failures": [{ "cell": 2, "line": "panic!()", "message": "explicit panic" }],
        });
        let report = read(&answer).unwrap();
        assert_eq!(report.cells, 3);
        assert_eq!(report.failures[0].cell, 2);
        assert!(read(&json!({ "cells": 3 })).is_none());
        assert!(read(&json!({ "cells": 3, "failures": [{}] })).is_none());
    }
}
