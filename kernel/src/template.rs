//! The template: the compiled crates that each kernel starts from as a copy.
//!
//! Without it, the first `:dep` of each kernel takes 137 s; with it 0.1 s. It rests on cargo, which accepts a
//! target folder that was copied with the times of its files (1.95).

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::inventory::{self, Damage};
use crate::settings::{Home, Settings};
use crate::stamp::{self, Stamp};
use crate::{configuration, copy, directory, program, source_fingerprint};

pub mod build;

/// The stamp, in the template, of the sources that the crate was compiled from.
pub const MADE_FROM: &str = "made-from";
/// The stamp, in the template, of the compiler and the other inputs of all crates.
const MADE_BY: &str = "made-by";

/// The list, in the template, of its files with their sizes.
const FILES: &str = "files";

/// A file in the template that says why there is no shared library for cells. It exists only then.
pub const NO_LIBRARY: &str = "no-library";

/// Folders in the target folder that cargo needs and rustc does not: most of the files.
const FOR_CARGO: [&str; 2] = [".fingerprint", "build"];
/// A file in a kernel's directory. It exists until the folders for cargo are copied, too.
const UNFILLED: &str = "unfilled";

/// Whether kernels can start from the template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It was compiled from the current sources.
    Fresh,
    /// The crate's sources have changed. The crate has to be compiled again, its dependencies do not.
    Stale,
    /// There is none, or it was made by another compiler or with other libraries.
    Unusable,
    /// Files of it are missing or cut short.
    Damaged,
}

/// The state of the template.
///
/// # Errors
///
/// There is no Rust, or the crate cannot be read.
pub fn state(home: &Home, settings: &Settings) -> Result<State> {
    let [base, sources] = stamps(home, settings, &home.template())?;
    if !base.is_fresh() {
        return Ok(State::Unusable);
    }
    Ok(if damages(home).next().is_some() {
        State::Damaged
    } else if sources.is_fresh() {
        State::Fresh
    } else {
        State::Stale
    })
}

/// The files of the template that are missing or cut short.
pub fn damages(home: &Home) -> impl Iterator<Item = Damage> {
    let template = home.template();
    inventory::damages(&template, &template.join(FILES))
}

/// The stamps of a template in that folder: of the inputs of all crates, and of the crate's sources.
fn stamps(home: &Home, settings: &Settings, folder: &Path) -> Result<[Stamp; 2]> {
    let cargo_configuration = configuration::for_cargo(settings);
    let sources = [
        &source_fingerprint::current(home, settings)?,
        &cargo_configuration,
    ];
    Ok([
        Stamp::new(folder.join(MADE_BY), &[&base_inputs(settings)?]),
        Stamp::new(folder.join(MADE_FROM), &sources.map(String::as_str)),
    ])
}

/// If this changes, everything is compiled again.
fn base_inputs(settings: &Settings) -> Result<String> {
    let rustc = program::output(Command::new("rustc").arg("-vV"))?
        .context("no rustc is on PATH: install Rust from https://rustup.rs")?
        .stdout;
    Ok(format!(
        "{rustc}{}\n{}\n",
        settings.made_by,
        stamp::hash_text(&settings.notebook.prelude)
    ))
}

/// Copies what rustc needs from the template to a kernel's directory.
///
/// # Errors
///
/// There is no template, or the disk is full.
pub fn copy_for_rustc(home: &Home, settings: &Settings, directory: &Path) -> Result<()> {
    let _lock = lock_shared(home)?;
    let template = home.template();
    if !template.join(MADE_FROM).exists() {
        bail!(
            "notebook kernels are not set up: {}, then start the kernel again",
            settings.advice
        );
    }
    copy::folder_without(&template, directory, &FOR_CARGO)?;
    fs::write(directory.join(UNFILLED), "")?;
    Ok(())
}

/// Copies the rest, which only cargo needs, to the kernel's directory that is the current folder. This is
/// done when cargo is called there for the first time.
///
/// # Errors
///
/// The template is damaged, or the disk is full.
pub fn copy_rest_to_current(home: &Home) -> Result<()> {
    copy_rest(home, &env::current_dir()?)
}

/// Copies the rest, which only cargo needs, to a kernel's directory.
///
/// # Errors
///
/// The template is damaged, or the disk is full.
pub fn copy_rest(home: &Home, directory: &Path) -> Result<()> {
    if !directory.join(UNFILLED).exists() {
        return Ok(());
    }
    let _lock = lock_shared(home)?;
    let template = home.template();
    let made_from = |folder: &Path| fs::read_to_string(folder.join(MADE_FROM)).unwrap_or_default();
    // In a template that was built later, cargo's fingerprints would belong to other files.
    if made_from(directory) == made_from(&template) {
        if let Some(damage) = damages(home).next() {
            // cargo would compile for minutes.
            bail!("what kernels start from is damaged: {damage}");
        }
        copy::missing(&template, directory)?;
    }
    Ok(fs::remove_file(directory.join(UNFILLED))?)
}

/// Locks the template for reading: while the lock is held, the template is neither replaced nor removed.
pub(crate) fn lock_shared(home: &Home) -> Result<File> {
    // Network file systems give a shared lock only on a file that is open for reading, and an exclusive one
    // only on a file that is open for writing.
    let path = home.template_lock();
    let lock = File::open(&path)
        .or_else(|_| File::create(&path).and_then(|_| File::open(&path)))
        .with_context(|| format!("cannot open {}", path.display()))?;
    lock.lock_shared()
        .context("cannot lock the kernels' template")?;
    Ok(lock)
}

/// Removes the template, when no kernel copies it, and what an interrupted build has left. `on_wait` is
/// called before it waits for a kernel.
///
/// # Errors
///
/// They cannot be removed.
pub fn remove(home: &Home, on_wait: &dyn Fn()) -> Result<()> {
    fs::create_dir_all(home.path())?;
    let lock = File::create(home.template_lock())?;
    directory::lock_or_wait(&lock, on_wait).context("cannot lock the kernels' template")?;
    for path in [home.template(), home.building(), replaced(home)] {
        program::remove_if_exists(&path)?;
    }
    Ok(())
}

/// The previous template, while it is replaced.
fn replaced(home: &Home) -> PathBuf {
    home.path().join("old")
}

#[cfg(test)]
mod tests;
