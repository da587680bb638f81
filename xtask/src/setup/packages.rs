//! The Python packages of the notebooks, and virtual environments of other commands.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use evcxr_prewarm::stamp::{self, Stamp};

use super::condition::Condition;
use super::locked_packages::LockedPackages;
use super::pip::Downloads;
use super::step::{PACKAGES, Runner};
use super::{python, venv};
use crate::process;
use crate::workshop::Workshop;

/// What the installation needs on the disk while it runs. Half of it stays.
const DISK_GB: f64 = 0.7;

/// Installs JupyterLab and what executes notebooks. Returns whether anything has changed.
pub(crate) fn install(workshop: &Workshop, runner: &Runner) -> Result<bool> {
    let packages = packages(workshop)?;
    match packages.condition(workshop) {
        Condition::Intact => return Ok(false),
        Condition::NotInstalled => {
            PACKAGES.print("JupyterLab and what it needs, about 90 MB to download");
        }
        damaged @ Condition::Damaged(_) => {
            PACKAGES.print(&format!("downloading again what is damaged: {damaged}"));
        }
    }
    packages.install(workshop, runner, PACKAGES)?;
    PACKAGES.print("done");
    Ok(true)
}

/// Whether they are installed.
pub(crate) fn condition(workshop: &Workshop) -> Condition {
    packages(workshop).map_or(Condition::NotInstalled, |packages| {
        packages.condition(workshop)
    })
}

pub(crate) fn needed_gb(workshop: &Workshop) -> f64 {
    if condition(workshop).is_intact() {
        0.0
    } else {
        DISK_GB
    }
}

fn packages(workshop: &Workshop) -> Result<LockedPackages> {
    let lock = workshop.python_sources().join("jupyter.txt");
    LockedPackages::new(&lock, workshop.venv_stamp("packages"), &[])
}

/// Makes a virtual environment of its own for another command, in a folder's `venv`, unless it is there
/// already. Returns the path of its Python.
///
/// `lock` is a file of `python_sources` or a path, `options` are further options of pip, and `what` is
/// printed before the download.
pub(crate) fn environment(
    workshop: &Workshop,
    folder: &Path,
    lock: impl AsRef<Path>,
    options: &[&str],
    what: &str,
) -> Result<PathBuf> {
    let venv = folder.join("venv");
    let program = venv.join("bin/python");
    let lock = workshop.python_sources().join(lock);
    let stamp = Stamp::new(venv.join("made-from"), &[&stamp::hash_file(&lock)?]);
    if stamp.is_fresh() {
        return Ok(program);
    }
    println!("{}: {what}", workshop.relative(&venv));
    venv::create(&python::find()?.program, &venv)?;
    let downloads = Downloads::below(folder)?;
    let mut pip = downloads.command(Command::new(&program), &lock);
    let installed = process::run(pip.arg("--quiet").args(options))?;
    ensure!(
        installed.success(),
        "pip cannot install {}; its messages are above",
        workshop.relative(&lock)
    );
    downloads.remove()?;
    stamp.write()?;
    Ok(program)
}
