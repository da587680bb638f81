//! Notebooks executed without a browser.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{exercises, json};
use crate::process;
use crate::workshop::Workshop;

/// A cell that failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The number of the code cell, from 1; 0 if the kernel failed before the first.
    pub(crate) cell: u64,
    pub(crate) line: String,
    pub(crate) message: String,
}

/// How executing a notebook went.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) cells: u64,
    pub(crate) failures: Vec<Failure>,
    /// A sentence for each exercise whose check has the wrong result.
    pub(crate) wrong_checks: Vec<String>,
}

/// What is in the cells that participants fill in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exercises {
    /// The code as it is committed: every check must fail.
    Unsolved,
    /// The solutions: every check must pass.
    Solved,
}

/// Executes notebooks one after the other and prints how each went. Returns whether all went well.
///
/// Not in parallel: a notebook may need a file that an earlier one has written, and training uses all
/// processors.
pub(crate) fn run_all(
    workshop: &Workshop,
    notebooks: &[PathBuf],
    exercises: Exercises,
) -> Result<bool> {
    let mut good = true;
    for notebook in notebooks {
        let start = Instant::now();
        let report = run_one(workshop, notebook, exercises)?;
        let time = process::format_duration(start.elapsed());
        let name = workshop.relative(notebook);
        if report.failures.is_empty() && report.wrong_checks.is_empty() {
            println!("ok      {name}: {} cells, {time}", report.cells);
        } else {
            good = false;
            println!("FAILED  {name}: {time}");
            for failure in &report.failures {
                println!("{}", describe(failure));
            }
            for sentence in &report.wrong_checks {
                println!("        {sentence}");
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

/// Executes one notebook. The executed copies are written even if cells fail.
pub(crate) fn run_one(
    workshop: &Workshop,
    notebook: &Path,
    exercises: Exercises,
) -> Result<Report> {
    let notebook = notebook
        .canonicalize()
        .with_context(|| format!("there is no notebook {}", notebook.display()))?;
    let folder = notebook.parent().unwrap_or(workshop.root()).to_owned();
    let copy = copy_stem(workshop, &notebook, exercises);
    if let Some(folder) = copy.parent() {
        fs::create_dir_all(folder)?;
    }
    let source = source(&notebook, &copy, exercises)?;
    let log = copy.with_extension("log");
    let executed = copy.with_extension("ipynb");
    let output = command(workshop, &source, &folder)
        .arg("--ipynb")
        .arg(&executed)
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
        .and_then(|json| parse_report(&json));
    let mut report = report.with_context(|| {
        let log = fs::read_to_string(&log).unwrap_or_default();
        format!("{} was not executed: {}", notebook.display(), log.trim())
    })?;
    report.wrong_checks =
        exercises::wrong_reports(&json::read(&executed)?, exercises == Exercises::Solved);
    Ok(report)
}

/// The notebook to execute: the committed file, or a copy of it with the solutions.
fn source(notebook: &Path, copy: &Path, exercises: Exercises) -> Result<PathBuf> {
    if exercises == Exercises::Unsolved {
        return Ok(notebook.to_owned());
    }
    let solved = exercises::solve(&json::read(notebook)?)?;
    let path = copy.with_extension("solved.ipynb");
    fs::write(&path, json::to_bytes(&solved)?)?;
    Ok(path)
}

/// The folder of executed copies.
pub(crate) fn copies_folder(workshop: &Workshop, exercises: Exercises) -> PathBuf {
    match exercises {
        Exercises::Unsolved => workshop.executed(),
        Exercises::Solved => workshop.executed().join("solved"),
    }
}

/// The path of a notebook's executed copy, whether it exists or not.
pub(crate) fn executed_copy(workshop: &Workshop, notebook: &Path, exercises: Exercises) -> PathBuf {
    copy_stem(workshop, notebook, exercises).with_extension("ipynb")
}

/// The path of a notebook's executed copy without its extension. Copies of the workshop's own notebooks
/// are in the same folders as the notebooks.
fn copy_stem(workshop: &Workshop, notebook: &Path, exercises: Exercises) -> PathBuf {
    let name = Path::new(notebook.file_name().unwrap_or_default());
    let ours = notebook.strip_prefix(workshop.notebooks());
    copies_folder(workshop, exercises)
        .join(ours.unwrap_or(name))
        .with_extension("")
}

/// The command that executes a notebook in a working folder.
fn command(workshop: &Workshop, notebook: &Path, folder: &Path) -> Command {
    let mut command = workshop.python();
    command
        .arg(workshop.python_sources().join("execute.py"))
        .arg(notebook)
        .arg("--folder")
        .arg(folder);
    command
}

fn parse_report(json: &Value) -> Option<Report> {
    let failures = json["failures"].as_array()?.iter().map(|failure| {
        Some(Failure {
            cell: failure["cell"].as_u64()?,
            line: failure["line"].as_str()?.to_owned(),
            message: failure["message"].as_str()?.to_owned(),
        })
    });
    Some(Report {
        cells: json["cells"].as_u64()?,
        failures: failures.collect::<Option<_>>()?,
        wrong_checks: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn copies_lie_as_the_notebooks_do() {
        let root = tempfile::tempdir().unwrap();
        let workshop = Workshop::at(Some(root.path().to_owned())).unwrap();
        let copy = |notebook: &Path, exercises| {
            let copy = copy_stem(&workshop, notebook, exercises);
            copy.strip_prefix(workshop.executed()).unwrap().to_owned()
        };
        let ours = workshop.notebooks().join("ja/04_train.ipynb");
        assert_eq!(copy(&ours, Exercises::Unsolved), Path::new("ja/04_train"));
        assert_eq!(
            copy(&ours, Exercises::Solved),
            Path::new("solved/ja/04_train")
        );
        let other = workshop.root().join("tests/notebooks/panics.ipynb");
        assert_eq!(copy(&other, Exercises::Unsolved), Path::new("panics"));
    }

    #[test]
    fn the_answer_is_read() {
        let answer = json!({
            "cells": 3,
            "failures": [{ "cell": 2, "line": "panic!()", "message": "explicit panic" }],
        });
        let report = parse_report(&answer).unwrap();
        assert_eq!(report.cells, 3);
        assert_eq!(report.failures[0].cell, 2);
        assert!(parse_report(&json!({ "cells": 3 })).is_none());
        assert!(parse_report(&json!({ "cells": 3, "failures": [{}] })).is_none());
    }
}
