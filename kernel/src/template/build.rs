//! Builds the template.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{
    FILES, MADE_BY, MADE_FROM, NO_LIBRARY, State, base_inputs, damages, replaced, stamps, state,
};
use crate::inventory::{self, Damage};
use crate::rustc_call::RustcCall;
use crate::settings::{Home, Settings};
use crate::stamp::Stamp;
use crate::toolchain::Toolchain;
use crate::{cached_call, copy, directory, program, shared_library, sysroot};

/// The stamp, in the folder where a template is built, of the inputs of all crates. If it is there, an
/// interrupted build can go on.
const BEGUN_BY: &str = "begun-by";

/// Folders of the template in `target` that are written again when only the crate is compiled. If other
/// files in `target` are damaged, all crates are compiled again: cargo looks at the times of files, not at
/// their sizes.
const WRITTEN_WITH_CRATE: [&str; 2] = [cached_call::FOLDER, shared_library::FOLDER];

/// A template that is being built.
pub struct Build {
    /// The folder it is built in, as in a kernel's directory.
    pub folder: PathBuf,
    stamps: [Stamp; 2],
}

/// Prepares the folder to build in. It is what an interrupted build has left, in which cargo goes on; or a
/// copy of the template, in which only the crate is compiled again; or an empty folder. `log` gets a
/// sentence that says which.
///
/// # Errors
///
/// The home cannot be written.
pub fn begin(home: &Home, settings: &Settings, log: &dyn Fn(&str)) -> Result<Build> {
    let toolchain = Toolchain::find(home, &settings.crate_folder)?;
    sysroot::create(home, &toolchain.sysroot)?;
    let folder = home.building();
    let state = state(home, settings)?;
    let begun = Stamp::new(folder.join(BEGUN_BY), &[&base_inputs(settings)?]);
    if begun.is_fresh() {
        log("going on with what notebooks use");
    } else {
        // The guard of an earlier set-up may still be killing its kernel.
        directory::remove_when_unused(&folder)?;
        prepare_folder(home, state, &folder, log)?;
        begun.write()?;
    }
    for lock_file in ["Cargo.lock", cached_call::CRATE_LOCK_FILE] {
        fs::copy(&settings.lock_file, folder.join(lock_file))
            .with_context(|| format!("cannot copy {}", settings.lock_file.display()))?;
    }
    // Computed before the build: a source that changes during the build is compiled next time.
    let stamps = stamps(home, settings, &folder)?;
    Ok(Build { folder, stamps })
}

fn prepare_folder(home: &Home, state: State, folder: &Path, log: &dyn Fn(&str)) -> Result<()> {
    let damages: Vec<Damage> = damages(home).collect();
    if let (State::Damaged, Some(damage)) = (state, damages.first()) {
        log(&format!("repairing what kernels start from: {damage}"));
    }
    let only_crate = damages
        .iter()
        .all(|damage| is_written_with_crate(home, &damage.path));
    if only_crate && [State::Stale, State::Damaged].contains(&state) {
        log(if state == State::Stale {
            "compiling the notebooks' crate, which has changed"
        } else {
            "compiling the notebooks' crate"
        });
        copy::folder(&home.template(), folder)?;
    } else {
        log("compiling what notebooks use");
        fs::create_dir_all(folder)?;
    }
    for old in [MADE_BY, MADE_FROM, FILES, cached_call::FOLDER, NO_LIBRARY] {
        program::remove_if_exists(&folder.join(old))?;
    }
    Ok(())
}

/// Whether a file of the template is written again when only the crate is compiled.
fn is_written_with_crate(home: &Home, path: &Path) -> bool {
    let Ok(within) = path.strip_prefix(home.template()) else {
        return false;
    };
    let is_written = WRITTEN_WITH_CRATE
        .iter()
        .any(|name| within.starts_with(name));
    is_written || !within.starts_with("target")
}

/// Makes the finished build the template that kernels start from.
///
/// # Errors
///
/// The home cannot be written.
pub fn finish(home: &Home, settings: &Settings, build: Build) -> Result<()> {
    let folder = &build.folder;
    if let Err(error) = link_library(home, settings, folder) {
        fs::write(folder.join(NO_LIBRARY), format!("{error:#}"))?;
    }
    remove_unneeded(folder)?;
    inventory::write_list(folder, &folder.join(FILES), &[FILES, MADE_BY, MADE_FROM])?;
    for stamp in build.stamps {
        stamp.write()?;
    }
    replace(home, folder)
}

fn link_library(home: &Home, settings: &Settings, folder: &Path) -> Result<()> {
    let name = &settings.extern_name();
    let uses_crate = |call: &RustcCall| {
        let mut pairs = call.arguments().windows(2);
        pairs.any(|pair| pair[0] == "--extern" && pair[1].starts_with(&format!("{name}=")))
    };
    let call = cached_call::all::<RustcCall>(folder)?
        .into_iter()
        .find(uses_crate)
        .context("no call of rustc was recorded")?;
    shared_library::link(home, folder, &call, name)
}

/// Removes files that cargo does not look at if nothing has changed: a third of all. The time of a copy
/// depends on their number.
fn remove_unneeded(folder: &Path) -> Result<()> {
    for file in [BEGUN_BY, directory::LOCK] {
        program::remove_if_exists(&folder.join(file))?;
    }
    let target = folder.join("target");
    let mut profiles = vec![target.join("debug")];
    for entry in fs::read_dir(&target)? {
        profiles.push(entry?.path().join("debug"));
    }
    for profile in profiles {
        program::remove_if_exists(&profile.join("incremental"))?;
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
            program::remove_if_exists(&path)?;
        }
    }
    Ok(())
}

/// Replaces the template, when no kernel copies it.
fn replace(home: &Home, built: &Path) -> Result<()> {
    let (template, old) = (home.template(), replaced(home));
    let lock = File::create(home.template_lock())?;
    lock.lock().context("cannot lock the kernels' template")?;
    program::remove_if_exists(&old)?;
    rename_if_exists(&template, &old)?;
    fs::rename(built, &template).with_context(|| format!("cannot make {}", template.display()))?;
    drop(lock);
    program::remove_if_exists(&old)
}

fn rename_if_exists(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            bail!("cannot move {}: {error}", from.display())
        }
        _ => Ok(()),
    }
}
