//! The kernel's crate, compiled once, so that each kernel starts from a copy of it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{TEMPLATE, evcxr, stubs};
use crate::kernel::{copy, directory, note};
use crate::process::{self, Watch};
use crate::run;
use crate::stamp::{self, Stamp};
use crate::workshop::Workshop;

const GB: f64 = 1.5;

/// Stamps within the template, and within the folder where it is built.
pub(crate) const MADE_FROM: &str = "made-from";
const MADE_BY: &str = "made-by";
const BEGUN_BY: &str = "begun-by";

/// Whether kernels can start from the template.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum State {
    Fresh,
    /// The crate's sources have changed: it is compiled again, its dependencies are not.
    Stale,
    /// There is none, or it was made by another compiler or with another libtorch.
    Unusable,
}

/// Builds it, or builds it again, by running the real kernel on a notebook's first cells.
pub(crate) fn build(workshop: &Workshop, watch: &Watch) -> Result<bool> {
    let state = state(workshop)?;
    if state == State::Fresh {
        return Ok(false);
    }
    let building = workshop.kernel().join("building");
    begin(workshop, &building, state)?;
    for lock in ["Cargo.lock", "Cargo.lock.workshop"] {
        fs::copy(workshop.root().join("Cargo.lock"), building.join(lock))?;
    }
    // Read before the build: what changes during it is compiled next time.
    let stamps = stamps(workshop, &building)?;
    compile(workshop, watch, &building)?;
    stubs::make(workshop, &building)?;
    strip(&building)?;
    for stamp in stamps {
        stamp.write()?;
    }
    replace(workshop, &building)?;
    TEMPLATE.say("done");
    Ok(true)
}

/// Makes the folder to build in: what an interrupted build has left, where cargo goes on; a copy of
/// the template, where only the crate is compiled again; or an empty one.
fn begin(workshop: &Workshop, building: &Path, state: State) -> Result<()> {
    let begun = Stamp::new(building.join(BEGUN_BY), &[&base(workshop)?]);
    if begun.is_fresh() {
        TEMPLATE.say("going on with what notebooks use");
        return Ok(());
    }
    // A kernel that set-up has left behind is killed by its guard.
    directory::remove_when_free(building)?;
    if state == State::Stale {
        TEMPLATE.say("compiling the workshop's crate, which has changed");
        copy::folder(&workshop.template(), building)?;
    } else {
        TEMPLATE.say("compiling what notebooks use, about 3 minutes on 2 cores");
        fs::create_dir_all(building)?;
    }
    process::remove(&building.join(MADE_BY))?;
    process::remove(&building.join(MADE_FROM))?;
    process::remove(&building.join(note::FOLDER))?;
    begun.write()
}

pub(crate) fn state(workshop: &Workshop) -> Result<State> {
    let [base, sources] = stamps(workshop, &workshop.template())?;
    Ok(match (base.is_fresh(), sources.is_fresh()) {
        (true, true) => State::Fresh,
        (true, false) => State::Stale,
        (false, _) => State::Unusable,
    })
}

pub(crate) fn missing_gb(workshop: &Workshop) -> f64 {
    match state(workshop) {
        Ok(State::Fresh) => 0.0,
        _ => GB,
    }
}

fn stamps(workshop: &Workshop, folder: &Path) -> Result<[Stamp; 2]> {
    Ok([
        Stamp::new(folder.join(MADE_BY), &[&base(workshop)?]),
        Stamp::new(folder.join(MADE_FROM), &[&sources(workshop)?]),
    ])
}

/// What makes everything compiled useless when it changes.
fn base(workshop: &Workshop) -> Result<String> {
    let rustc = process::ask(Command::new("rustc").arg("-vV"))?
        .context("no rustc is on PATH: install Rust from https://rustup.rs")?
        .stdout;
    let libtorch = fs::canonicalize(workshop.libtorch()).unwrap_or_default();
    let (libtorch, root) = (libtorch.display(), workshop.root().display());
    Ok(format!(
        "{rustc}evcxr {}\n{libtorch}\n{root}\n",
        evcxr::VERSION
    ))
}

/// What the crate is compiled from.
fn sources(workshop: &Workshop) -> Result<String> {
    let root = workshop.root();
    let mut sources = stamp::folder(&root.join("crate"))?;
    for file in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"] {
        sources += &stamp::file(&root.join(file))?;
    }
    Ok(sources)
}

fn compile(workshop: &Workshop, watch: &Watch, building: &Path) -> Result<()> {
    let notebook = workshop.scratch().join("first-cells.ipynb");
    let dependency = dependency(workshop);
    // A cell that keeps a variable is checked before it is built.
    let cells = [&dependency, "let kept: u8 = 1;"];
    fs::write(&notebook, serde_json::to_vec(&of_cells(&cells))?)?;
    let mut command = run::execute(workshop, &notebook, workshop.root());
    command
        .args(["--timeout", "3600"])
        .env("GASSHUKU_KERNEL_DIRECTORY", building);
    watch.run(TEMPLATE, &mut command, &progress)
}

/// A notebook's first line.
pub(crate) fn dependency(workshop: &Workshop) -> String {
    let folder = workshop.root().join("crate");
    format!(":dep gasshuku = {{ path = {folder:?} }}")
}

fn of_cells(sources: &[&str]) -> serde_json::Value {
    let cell = |(number, source): (usize, &&str)| {
        json!({
            "cell_type": "code", "id": format!("cell-{number}"), "metadata": {}, "source": source,
            "outputs": [], "execution_count": null,
        })
    };
    json!({
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": { "kernelspec": { "name": "rust", "display_name": "Rust", "language": "rust" } },
        "cells": sources.iter().enumerate().map(cell).collect::<Vec<_>>(),
    })
}

fn progress(output: &str) -> String {
    let compiling = output
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Compiling "));
    match compiling.enumerate().last() {
        Some((position, name)) => format!("crate {}, {name}", position + 1),
        None => "starting the kernel".to_owned(),
    }
}

/// Takes away what cargo does not look at when nothing has changed: a third of the files, and it is
/// their number that a copy's time depends on.
fn strip(building: &Path) -> Result<()> {
    for file in [BEGUN_BY, directory::LOCK] {
        process::remove(&building.join(file))?;
    }
    let target = building.join("target");
    let mut profiles = vec![target.join("debug")];
    for entry in fs::read_dir(&target)? {
        profiles.push(entry?.path().join("debug"));
    }
    for profile in profiles {
        process::remove(&profile.join("incremental"))?;
        remove_files(&profile.join("deps"), "d")?;
        remove_files(&profile.join("build"), "o")?;
        remove_files(&profile.join(".fingerprint"), "json")?;
    }
    Ok(())
}

/// Removes all files below a folder that have this extension.
fn remove_files(folder: &Path, extension: &str) -> Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            remove_files(&path, extension)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            process::remove(&path)?;
        }
    }
    Ok(())
}

/// Puts the new template in the old one's place, when no kernel is copying it.
fn replace(workshop: &Workshop, building: &Path) -> Result<()> {
    let template = workshop.template();
    let old = workshop.kernel().join("old");
    let lock = File::create(workshop.template_lock())?;
    lock.lock().context("cannot lock the kernel's template")?;
    process::remove(&old)?;
    rename_if_there(&template, &old)?;
    fs::rename(building, &template)
        .with_context(|| format!("cannot make {}", template.display()))?;
    drop(lock);
    process::remove(&old)
}

fn rename_if_there(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            bail!("cannot move {}: {error}", from.display())
        }
        _ => Ok(()),
    }
}

/// Folders that only set-up uses while it builds a template.
pub(crate) fn leftovers(workshop: &Workshop) -> [PathBuf; 2] {
    [
        workshop.kernel().join("building"),
        workshop.kernel().join("old"),
    ]
}
