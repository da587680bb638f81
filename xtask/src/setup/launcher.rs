//! The launcher of kernels, compiled from `kernel/`.

use std::fs;

use anyhow::{Context, Result};

use super::EVCXR;
use crate::process::{self, Watch};
use crate::stamp::{self, Stamp};
use crate::workshop::Workshop;

/// Builds it into .venv/bin, beside evcxr_jupyter. Not where cargo builds: it may do so while kernels
/// run.
pub(crate) fn install(workshop: &Workshop, watch: &Watch) -> Result<bool> {
    if is_done(workshop)? {
        return Ok(false);
    }
    EVCXR.say("compiling the launcher of kernels");
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
    stamp(workshop)?.write()?;
    process::remove(&build)?;
    Ok(true)
}

pub(crate) fn is_done(workshop: &Workshop) -> Result<bool> {
    Ok(stamp(workshop)?.is_fresh() && workshop.launcher().exists())
}

fn stamp(workshop: &Workshop) -> Result<Stamp> {
    let root = workshop.root();
    let sources = stamp::folder(&root.join("kernel/src"))?;
    let manifest = stamp::file(&root.join("kernel/Cargo.toml"))?;
    let lock = stamp::file(&root.join("Cargo.lock"))?;
    let stamp = workshop.venv_stamp("launcher");
    Ok(Stamp::new(stamp, &[&sources, &manifest, &lock]))
}
