//! The launcher of kernels, compiled from `kernel/`.

use std::fs;

use anyhow::{Context, Result};

use super::EVCXR;
use super::installed::{Condition, Program};
use crate::process::{self, Watch};
use crate::stamp;
use crate::workshop::Workshop;

/// Builds it into .venv/bin, beside evcxr_jupyter. Not where cargo builds: it may do so while kernels
/// run.
pub(crate) fn install(workshop: &Workshop, watch: &Watch) -> Result<bool> {
    let program = program(workshop)?;
    if program.condition().is_whole() {
        return Ok(false);
    }
    EVCXR.translated("compiling the launcher of kernels");
    let build = workshop.scratch().join("launcher");
    let mut command = workshop.cargo();
    command
        .args(["build", "--package", "evcxr-prewarm", "--locked"])
        .args(["--profile", "launcher", "--color", "never", "--target-dir"])
        .arg(&build);
    watch.run(EVCXR, &mut command, &|_| "the launcher".to_owned())?;
    let built = build.join("launcher").join("evcxr-prewarm");
    let launcher = workshop.launcher();
    // Not written over: it may run.
    let new = launcher.with_extension("new");
    fs::copy(&built, &new).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&new, &launcher).with_context(|| format!("cannot write {}", launcher.display()))?;
    program.note()?;
    process::remove(&build)?;
    Ok(true)
}

pub(crate) fn condition(workshop: &Workshop) -> Condition {
    program(workshop).map_or(Condition::NotInstalled, |program| program.condition())
}

fn program(workshop: &Workshop) -> Result<Program> {
    let root = workshop.root();
    let inputs = [
        stamp::hash_folder(&root.join("kernel/src"))?,
        stamp::hash_file(&root.join("kernel/Cargo.toml"))?,
        stamp::hash_file(&root.join("Cargo.lock"))?,
    ];
    Ok(Program {
        path: workshop.launcher(),
        stamp: workshop.venv_stamp("launcher"),
        inputs: inputs.join("\n"),
    })
}
