//! Notebooks executed without a browser.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::exercises;
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
    /// What the exercises' checks should have said and did not.
    pub(crate) wrong_checks: Vec<String>,
}

/// What stands in the gaps of the exercises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gaps {
    /// What is committed there: no check may be content with it.
    Open,
    /// The solutions: every check must be content.
    Solved,
}

/// Executes the notebooks named, or all, and says how each went.
pub(crate) fn run(workshop: &Workshop, named: &[PathBuf], gaps: Gaps) -> Result<ExitCode> {
    let mut chosen = Vec::new();
    for name in named {
        chosen.extend(notebooks::find(workshop, name)?);
    }
    if named.is_empty() {
        chosen = notebooks::all(workshop)?;
    }
    if chosen.is_empty() {
        bail!("there is no notebook in {}", workshop.notebooks().display());
    }
    setup::setup(workshop)?;
    let good = run_all(workshop, &chosen, gaps)?;
    println!(
        "executed copies are in {}",
        workshop.relative(&folder_of_copies(workshop, gaps))
    );
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One after the other: a notebook may need what an earlier one has left in target, and training
/// takes all processors.
pub(crate) fn run_all(workshop: &Workshop, notebooks: &[PathBuf], gaps: Gaps) -> Result<bool> {
    let mut good = true;
    for notebook in notebooks {
        let start = Instant::now();
        let report = run_one(workshop, notebook, gaps)?;
        let time = process::duration(start.elapsed());
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

/// Executes one notebook; the executed copies are written however it goes.
pub(crate) fn run_one(workshop: &Workshop, notebook: &Path, gaps: Gaps) -> Result<Report> {
    let notebook = notebook
        .canonicalize()
        .with_context(|| format!("there is no notebook {}", notebook.display()))?;
    let folder = notebook.parent().unwrap_or(workshop.root()).to_owned();
    let copy = copy_of(workshop, &notebook, gaps);
    if let Some(folder) = copy.parent() {
        fs::create_dir_all(folder)?;
    }
    let source = match gaps {
        Gaps::Open => notebook.clone(),
        Gaps::Solved => {
            let solved = exercises::solve(&notebooks::read(&notebook)?)?;
            let path = copy.with_extension("solved.ipynb");
            fs::write(&path, notebooks::written(&solved)?)?;
            path
        }
    };
    let log = copy.with_extension("log");
    let executed = copy.with_extension("ipynb");
    let output = execute(workshop, &source, &folder)
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
        .and_then(|answer| read(&answer));
    let mut report = report.with_context(|| {
        let log = fs::read_to_string(&log).unwrap_or_default();
        format!("{} was not executed: {}", notebook.display(), log.trim())
    })?;
    report.wrong_checks =
        exercises::wrong_reports(&notebooks::read(&executed)?, gaps == Gaps::Solved);
    Ok(report)
}

fn folder_of_copies(workshop: &Workshop, gaps: Gaps) -> PathBuf {
    match gaps {
        Gaps::Open => workshop.executed(),
        Gaps::Solved => workshop.executed().join("solved"),
    }
}

/// The executed copy of one of the workshop's notebooks, whether it is there or not.
pub(crate) fn executed_copy(workshop: &Workshop, notebook: &Path, gaps: Gaps) -> PathBuf {
    copy_of(workshop, notebook, gaps).with_extension("ipynb")
}

/// Where the executed copy goes, but for its ending: the workshop's own lie as the notebooks do.
fn copy_of(workshop: &Workshop, notebook: &Path, gaps: Gaps) -> PathBuf {
    let name = Path::new(notebook.file_name().unwrap_or_default());
    let ours = notebook.strip_prefix(workshop.notebooks());
    folder_of_copies(workshop, gaps)
        .join(ours.unwrap_or(name))
        .with_extension("")
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
        let copy = |notebook: &Path, gaps| {
            let copy = copy_of(&workshop, notebook, gaps);
            copy.strip_prefix(workshop.executed()).unwrap().to_owned()
        };
        let ours = workshop.notebooks().join("ja/04_train.ipynb");
        assert_eq!(copy(&ours, Gaps::Open), Path::new("ja/04_train"));
        assert_eq!(copy(&ours, Gaps::Solved), Path::new("solved/ja/04_train"));
        let other = workshop.root().join("tests/notebooks/panics.ipynb");
        assert_eq!(copy(&other, Gaps::Open), Path::new("panics"));
    }

    #[test]
    fn the_answer_is_read() {
        let answer = json!({
            "cells": 3,
            "failures": [{ "cell": 2, "line": "panic!()", "message": "explicit panic" }],
        });
        let report = read(&answer).unwrap();
        assert_eq!(report.cells, 3);
        assert_eq!(report.failures[0].cell, 2);
        assert!(read(&json!({ "cells": 3 })).is_none());
        assert!(read(&json!({ "cells": 3, "failures": [{}] })).is_none());
    }
}
