//! The kernel's crate, compiled once, so that each kernel starts from a copy of it.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cell::Call;
use crate::settings::{Home, Settings};
use crate::stamp::{self, Stamp};
use crate::toolchain::Toolchain;
use crate::{analyzer, content, copy, directory, library, note, program, start};

/// Stamps within the template, and within the folder where it is built.
pub const MADE_FROM: &str = "made-from";
const MADE_BY: &str = "made-by";
const BEGUN_BY: &str = "begun-by";

/// Says, within the template, why there is no library for cells.
pub const NO_LIBRARY: &str = "no-library";

/// Folders that cargo looks at, and rustc does not: most of the files.
const FOR_CARGO: [&str; 2] = [".fingerprint", "build"];
/// In a kernel's directory: what only cargo needs is not there yet.
const UNFILLED: &str = "unfilled";

/// Whether kernels can start from the template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is as its sources are.
    Fresh,
    /// The crate's sources have changed: it is compiled again, its dependencies are not.
    Stale,
    /// There is none, or it was made by another compiler or with other libraries.
    Unusable,
}

/// How far a template is being built.
pub struct Building {
    /// The folder it is built in: a kernel's directory.
    pub folder: PathBuf,
    stamps: [Stamp; 2],
}

/// Makes the folder to build in: what an interrupted build has left, where cargo goes on; a copy of
/// the template, where only the crate is compiled again; or an empty one. `say` is told which.
///
/// # Errors
///
/// The home cannot be written.
pub fn begin(home: &Home, settings: &Settings, say: &dyn Fn(&str)) -> Result<Building> {
    analyzer::lay_out(
        home,
        &Toolchain::find(home, &settings.crate_folder)?.sysroot,
    )?;
    let building = home.building();
    let state = state(home, settings)?;
    let begun = Stamp::new(building.join(BEGUN_BY), &[&base(settings)?]);
    if begun.is_fresh() {
        say("going on with what notebooks use");
    } else {
        // A kernel that an earlier set-up has left behind is killed by its guard.
        directory::remove_when_free(&building)?;
        if state == State::Stale {
            say("compiling the notebooks' crate, which has changed");
            copy::folder(&home.template(), &building)?;
        } else {
            say("compiling what notebooks use");
            fs::create_dir_all(&building)?;
        }
        for old in [MADE_BY, MADE_FROM, note::FOLDER, NO_LIBRARY] {
            program::remove(&building.join(old))?;
        }
        begun.write()?;
    }
    for lock in ["Cargo.lock", note::LOCK] {
        fs::copy(&settings.lock_file, building.join(lock))
            .with_context(|| format!("cannot copy {}", settings.lock_file.display()))?;
    }
    // Read before the build: what changes during it is compiled next time.
    let stamps = stamps(home, settings, &building)?;
    Ok(Building {
        folder: building,
        stamps,
    })
}

/// Makes of what was built the template that kernels start from.
///
/// # Errors
///
/// The home cannot be written.
pub fn finish(home: &Home, settings: &Settings, building: Building) -> Result<()> {
    let folder = &building.folder;
    if let Err(error) = make_library(home, settings, folder) {
        fs::write(folder.join(NO_LIBRARY), format!("{error:#}"))?;
    }
    strip(folder)?;
    for stamp in building.stamps {
        stamp.write()?;
    }
    replace(home, folder)
}

fn make_library(home: &Home, settings: &Settings, folder: &Path) -> Result<()> {
    let name = &settings.extern_name();
    let is_for_crate = |call: &Call| {
        let mut pairs = call.arguments().windows(2);
        pairs.any(|pair| pair[0] == "--extern" && pair[1].starts_with(&format!("{name}=")))
    };
    let call = note::all::<Call>(folder)?
        .into_iter()
        .find(is_for_crate)
        .context("no call of the compiler was noted")?;
    library::make(home, folder, &call, name)
}

/// Whether the template fits its sources, the compiler and what else it was made with.
///
/// # Errors
///
/// There is no Rust, or the crate cannot be read.
pub fn state(home: &Home, settings: &Settings) -> Result<State> {
    let [base, sources] = stamps(home, settings, &home.template())?;
    Ok(match (base.is_fresh(), sources.is_fresh()) {
        (true, true) => State::Fresh,
        (true, false) => State::Stale,
        (false, _) => State::Unusable,
    })
}

fn stamps(home: &Home, settings: &Settings, folder: &Path) -> Result<[Stamp; 2]> {
    let configuration = start::cargo_configuration(settings);
    let sources = [&content::of(home, settings)?, &configuration];
    Ok([
        Stamp::new(folder.join(MADE_BY), &[&base(settings)?]),
        Stamp::new(folder.join(MADE_FROM), &sources.map(String::as_str)),
    ])
}

/// What makes everything compiled useless when it changes.
fn base(settings: &Settings) -> Result<String> {
    let rustc = program::ask(Command::new("rustc").arg("-vV"))?
        .context("no rustc is on PATH: install Rust from https://rustup.rs")?
        .stdout;
    Ok(format!(
        "{rustc}{}\n{}\n",
        settings.made_by,
        stamp::text(&settings.notebook.prelude)
    ))
}

/// Copies into a kernel's directory what rustc needs of the template, while nobody replaces it.
///
/// # Errors
///
/// There is no template, or no room.
pub fn fill(home: &Home, settings: &Settings, directory: &Path) -> Result<()> {
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

/// Copies the rest, which only cargo needs, into the current kernel's directory: the first time that
/// cargo itself is called there.
///
/// # Errors
///
/// There is no room.
pub fn fill_for_cargo(home: &Home) -> Result<()> {
    let here = env::current_dir()?;
    fill_rest(home, &here)
}

/// The same for a kernel's directory.
///
/// # Errors
///
/// There is no room.
pub fn fill_rest(home: &Home, here: &Path) -> Result<()> {
    if !here.join(UNFILLED).exists() {
        return Ok(());
    }
    let _lock = lock_shared(home)?;
    let template = home.template();
    let made_from = |folder: &Path| fs::read_to_string(folder.join(MADE_FROM)).unwrap_or_default();
    // Of a template that was made since, cargo would find marks that belong to other files.
    if made_from(here) == made_from(&template) {
        copy::missing(&template, here)?;
    }
    Ok(fs::remove_file(here.join(UNFILLED))?)
}

fn lock_shared(home: &Home) -> Result<File> {
    // Network file systems give shared locks on files that are open for reading, and others on
    // files that are open for writing.
    let path = home.template_lock();
    let lock = File::open(&path)
        .or_else(|_| File::create(&path).and_then(|_| File::open(&path)))
        .with_context(|| format!("cannot open {}", path.display()))?;
    lock.lock_shared()
        .context("cannot lock the kernels' template")?;
    Ok(lock)
}

/// Takes away what cargo does not look at when nothing has changed: a third of the files, and it is
/// their number that a copy's time depends on.
fn strip(building: &Path) -> Result<()> {
    for file in [BEGUN_BY, directory::LOCK] {
        program::remove(&building.join(file))?;
    }
    let target = building.join("target");
    let mut profiles = vec![target.join("debug")];
    for entry in fs::read_dir(&target)? {
        profiles.push(entry?.path().join("debug"));
    }
    for profile in profiles {
        program::remove(&profile.join("incremental"))?;
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
            program::remove(&path)?;
        }
    }
    Ok(())
}

/// Puts the new template in the old one's place, when no kernel is copying it.
fn replace(home: &Home, building: &Path) -> Result<()> {
    let (template, old) = (home.template(), old(home));
    let lock = File::create(home.template_lock())?;
    lock.lock().context("cannot lock the kernels' template")?;
    program::remove(&old)?;
    rename_if_there(&template, &old)?;
    fs::rename(building, &template)
        .with_context(|| format!("cannot make {}", template.display()))?;
    drop(lock);
    program::remove(&old)
}

/// Takes the template away, when no kernel is copying it, and what an interrupted build has left.
///
/// # Errors
///
/// They cannot be removed.
pub fn remove(home: &Home) -> Result<()> {
    let lock = File::create(home.template_lock())?;
    lock.lock().context("cannot lock the kernels' template")?;
    for path in [home.template(), home.building(), old(home)] {
        program::remove(&path)?;
    }
    Ok(())
}

fn old(home: &Home) -> PathBuf {
    home.path().join("old")
}

fn rename_if_there(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            bail!("cannot move {}: {error}", from.display())
        }
        _ => Ok(()),
    }
}
