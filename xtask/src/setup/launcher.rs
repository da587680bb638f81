//! The launcher of kernels, which is compiled from `kernel/`.

use std::fs;

use anyhow::{Context, Result};

use super::condition::{CompiledProgram, Condition};
use super::step::{EVCXR, Runner};
use crate::process;
use crate::workshop::Workshop;
use evcxr_prewarm::stamp;

/// Builds the launcher and puts it into .venv/bin. It does not run from cargo's own folder, where cargo may
/// build it again while kernels run. Returns whether anything has changed.
pub(crate) fn install(workshop: &Workshop, runner: &Runner) -> Result<bool> {
    let program = program(workshop)?;
    if program.condition().is_intact() {
        return Ok(false);
    }
    EVCXR.print("compiling the launcher of kernels");
    let build = workshop.scratch().join("launcher");
    let mut command = workshop.cargo();
    command
        .args(["build", "--package", "evcxr-prewarm", "--locked"])
        .args(["--profile", "launcher", "--color", "never", "--target-dir"])
        .arg(&build);
    runner.run(EVCXR, &mut command, &|_| "the launcher".to_owned())?;
    let built = build.join("launcher").join("evcxr-prewarm");
    let launcher = workshop.launcher();
    // Renamed, not overwritten: the old one may be running.
    let new = launcher.with_extension("new");
    fs::copy(&built, &new).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&new, &launcher).with_context(|| format!("cannot write {}", launcher.display()))?;
    program.write_stamp()?;
    process::remove_if_exists(&build)?;
    Ok(true)
}

pub(crate) fn condition(workshop: &Workshop) -> Condition {
    program(workshop).map_or(Condition::NotInstalled, |program| program.condition())
}

fn program(workshop: &Workshop) -> Result<CompiledProgram> {
    let root = workshop.root();
    let inputs = [
        stamp::hash_folder(&root.join("kernel/src"))?,
        stamp::hash_file(&root.join("kernel/Cargo.toml"))?,
        stamp::hash_file(&root.join("Cargo.lock"))?,
    ];
    Ok(CompiledProgram {
        path: workshop.launcher(),
        stamp: workshop.venv_stamp("launcher"),
        inputs: inputs.join("\n"),
    })
}
