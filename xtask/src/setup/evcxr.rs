//! The kernel itself, compiled here: there is no binary of it to download.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::EVCXR;
use super::installed::{Condition, Program};
use crate::process::{self, Watch};
use crate::workshop::Workshop;

pub(crate) const VERSION: &str = "0.22.0";
/// How many crates its build compiles, to say how far it is.
const CRATES: usize = 273;
const GB: f64 = 1.5;

/// Builds evcxr_jupyter into .venv/bin.
pub(crate) fn install(workshop: &Workshop, watch: &Watch) -> Result<bool> {
    let program = program(workshop);
    let condition = program.condition();
    if condition.is_whole() || takes_over(workshop, &program)? {
        return Ok(false);
    }
    let why = match condition {
        Condition::Damaged(_) => format!(" again, for {condition}"),
        _ => String::new(),
    };
    EVCXR.translated(&format!(
        "compiling version {VERSION}{why}; about 6 minutes on 2 cores"
    ));
    let build = workshop.scratch().join("evcxr");
    let mut command = workshop.cargo();
    command
        .args([
            "install",
            "evcxr_jupyter",
            "--version",
            VERSION,
            "--locked",
            "--force",
        ])
        .args(["--no-track", "--color", "never", "--root"])
        .arg(workshop.venv())
        .arg("--target-dir")
        .arg(&build);
    watch.run(EVCXR, &mut command, &progress)?;
    program.note()?;
    process::remove(&build)?;
    EVCXR.translated("done");
    Ok(true)
}

pub(crate) fn condition(workshop: &Workshop) -> Condition {
    program(workshop).condition()
}

pub(crate) fn missing_gb(workshop: &Workshop) -> f64 {
    if condition(workshop).is_whole() {
        0.0
    } else {
        GB
    }
}

fn program(workshop: &Workshop) -> Program {
    Program {
        path: workshop.program("evcxr_jupyter"),
        stamp: workshop.venv_stamp("evcxr"),
        inputs: VERSION.to_owned(),
    }
}

/// An earlier set-up has noted no size: what it has compiled is kept, if it runs.
fn takes_over(workshop: &Workshop, program: &Program) -> Result<bool> {
    let noted = fs::read_to_string(&program.stamp).unwrap_or_default();
    let runs = || process::ask(Command::new(workshop.program("evcxr_jupyter")).arg("--help"));
    let is_good = noted == VERSION && matches!(runs(), Ok(Some(answer)) if answer.success);
    if is_good {
        program.note()?;
    }
    Ok(is_good)
}

fn progress(output: &str) -> String {
    let compiled = output
        .lines()
        .filter(|line| line.trim_start().starts_with("Compiling"))
        .count();
    if compiled == 0 {
        return "fetching its sources".to_owned();
    }
    format!("crate {compiled} of about {CRATES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_crates() {
        assert_eq!(
            progress("    Updating crates.io index\n"),
            "fetching its sources"
        );
        let output = "   Compiling a v1.0.0\n   Compiling b v1.0.0\n    Finished";
        assert_eq!(progress(output), "crate 2 of about 273");
    }
}
