//! The kernel itself, evcxr_jupyter. It is compiled here, because there is no binary to download.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::condition::{CompiledProgram, Condition};
use super::step::{EVCXR, Runner};
use crate::process;
use crate::workshop::Workshop;

pub(crate) const VERSION: &str = "0.22.0";
/// How many crates its build compiles, for the progress.
const CRATES: usize = 273;
/// What the compilation needs on the disk while it runs.
const DISK_GB: f64 = 1.5;

/// Builds evcxr_jupyter into .venv/bin. Returns whether anything has changed.
pub(crate) fn install(workshop: &Workshop, runner: &Runner) -> Result<bool> {
    let program = program(workshop);
    let condition = program.condition();
    if condition.is_intact() || keep_earlier(workshop, &program)? {
        return Ok(false);
    }
    let why = match condition {
        Condition::Damaged(_) => format!(" again: {condition}"),
        _ => String::new(),
    };
    EVCXR.print(&format!(
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
    runner.run(EVCXR, &mut command, &progress)?;
    program.write_stamp()?;
    process::remove_if_exists(&build)?;
    EVCXR.print("done");
    Ok(true)
}

pub(crate) fn condition(workshop: &Workshop) -> Condition {
    program(workshop).condition()
}

pub(crate) fn needed_gb(workshop: &Workshop) -> f64 {
    if condition(workshop).is_intact() {
        0.0
    } else {
        DISK_GB
    }
}

fn program(workshop: &Workshop) -> CompiledProgram {
    CompiledProgram {
        path: workshop.program("evcxr_jupyter"),
        stamp: workshop.venv_stamp("evcxr"),
        inputs: VERSION.to_owned(),
    }
}

/// Earlier versions of set-up wrote stamps without a size. Their program is kept if it runs.
fn keep_earlier(workshop: &Workshop, program: &CompiledProgram) -> Result<bool> {
    let stamp = fs::read_to_string(&program.stamp).unwrap_or_default();
    let runs = || process::output(Command::new(workshop.program("evcxr_jupyter")).arg("--help"));
    let is_good = stamp == VERSION && matches!(runs(), Ok(Some(output)) if output.success);
    if is_good {
        program.write_stamp()?;
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
