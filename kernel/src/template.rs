//! The kernel's crate, compiled once, so that each kernel starts from a copy of it.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cell::Call;
use crate::inventory::{self, Damage};
use crate::settings::{Home, Settings};
use crate::stamp::{self, Stamp};
use crate::toolchain::Toolchain;
use crate::{analyzer, content, copy, directory, library, note, program, start};

/// Stamps within the template, and within the folder where it is built.
pub const MADE_FROM: &str = "made-from";
const MADE_BY: &str = "made-by";
const BEGUN_BY: &str = "begun-by";

/// Lists, within the template, its files with their sizes.
const FILES: &str = "files";
/// What below the template's `target` is written anew when only the crate is compiled: damages elsewhere
/// below it mean that all is compiled again, for cargo looks at the times of files, not at their sizes.
const RENEWED: [&str; 2] = [note::FOLDER, library::FOLDER];

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
    /// Files of it are missing or cut short.
    Damaged,
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
        let damages: Vec<Damage> = damages(home).collect();
        if let (State::Damaged, Some(damage)) = (state, damages.first()) {
            say(&format!("repairing what kernels start from: {damage}"));
        }
        let crates_are_whole = damages.iter().all(|damage| is_renewed(home, &damage.path));
        if crates_are_whole && [State::Stale, State::Damaged].contains(&state) {
            say(if state == State::Stale {
                "compiling the notebooks' crate, which has changed"
            } else {
                "compiling the notebooks' crate"
            });
            copy::folder(&home.template(), &building)?;
        } else {
            say("compiling what notebooks use");
            fs::create_dir_all(&building)?;
        }
        for old in [MADE_BY, MADE_FROM, FILES, note::FOLDER, NO_LIBRARY] {
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
    inventory::note(folder, &folder.join(FILES), &[FILES, MADE_BY, MADE_FROM])?;
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

/// What is missing of the template, or cut short.
pub fn damages(home: &Home) -> impl Iterator<Item = Damage> {
    let template = home.template();
    inventory::damages(&template, &template.join(FILES))
}

/// Whether a file of the template is written anew when only the crate is compiled.
fn is_renewed(home: &Home, path: &Path) -> bool {
    let Ok(within) = path.strip_prefix(home.template()) else {
        return false;
    };
    let renewed = RENEWED.iter().any(|name| within.starts_with(name));
    renewed || !within.starts_with("target")
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
        if let Some(damage) = damages(home).next() {
            // cargo would compile for minutes.
            bail!("what kernels start from is damaged: {damage}");
        }
        copy::missing(&template, here)?;
    }
    Ok(fs::remove_file(here.join(UNFILLED))?)
}

/// As long as it is held, nobody replaces the template or takes it away.
pub(crate) fn lock_shared(home: &Home) -> Result<File> {
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

/// Takes the template away, when no kernel is copying it, and what an interrupted build has left. `waits`
/// is called where one is.
///
/// # Errors
///
/// They cannot be removed.
pub fn remove(home: &Home, waits: &dyn Fn()) -> Result<()> {
    fs::create_dir_all(home.path())?;
    let lock = File::create(home.template_lock())?;
    directory::lock_patiently(&lock, waits).context("cannot lock the kernels' template")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const CRATE: &str = "target/debug/deps/libtch.rlib";

    struct Machine {
        _folder: tempfile::TempDir,
        home: Home,
        settings: Settings,
    }

    impl Machine {
        /// With a template as a set-up would leave it.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().to_owned();
            let machine = Self {
                home: Home::at(&root.join("home")),
                settings: Settings {
                    crate_name: "three-lines".to_owned(),
                    crate_folder: root.join("crate"),
                    lock_file: root.join("Cargo.lock"),
                    ..Settings::default()
                },
                _folder: folder,
            };
            write(&root.join("crate/src/lib.rs"), "fn a() {}");
            write(&root.join("Cargo.lock"), "a lock file");
            machine.write(CRATE, "compiled");
            machine.write("target/library/libcrates.so", "linked");
            machine.write("target/notes/1", "noted");
            machine.write(note::LOCK, "a lock file");
            let template = machine.home.template();
            inventory::note(&template, &template.join(FILES), &[FILES]).unwrap();
            for stamp in stamps(&machine.home, &machine.settings, &template).unwrap() {
                stamp.write().unwrap();
            }
            machine
        }

        fn write(&self, path: &str, contents: &str) {
            write(&self.home.template().join(path), contents);
        }

        fn remove(&self, path: &str) {
            program::remove(&self.home.template().join(path)).unwrap();
        }

        fn state(&self) -> State {
            state(&self.home, &self.settings).unwrap()
        }

        /// Whether the compiled crates are taken over, and what is said.
        fn begin(&self) -> (bool, String) {
            let said = std::cell::RefCell::new(String::new());
            let say = |text: &str| *said.borrow_mut() += text;
            let building = begin(&self.home, &self.settings, &say).unwrap();
            (building.folder.join(CRATE).exists(), said.into_inner())
        }
    }

    fn write(path: &Path, contents: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    #[test]
    fn a_changed_crate_is_stale_and_another_compiler_unusable() {
        let machine = Machine::new();
        assert_eq!(machine.state(), State::Fresh);
        write(&machine.settings.lock_file, "another");
        assert_eq!(machine.state(), State::Stale);
        assert!(machine.begin().0);
        machine.write(MADE_BY, "rustc 1.0");
        assert_eq!(machine.state(), State::Unusable);
    }

    #[test]
    fn what_the_crates_compilation_renews_costs_no_other_crate() {
        // Earlier set-ups have made no list.
        for path in [note::LOCK, "target/library", "target/notes/1", FILES] {
            let machine = Machine::new();
            machine.remove(path);
            assert_eq!(machine.state(), State::Damaged, "{path}");
            let (crates_are_kept, said) = machine.begin();
            assert!(crates_are_kept, "{path}");
            assert!(said.contains(&format!("{path} is missing")), "{said}");
        }
    }

    #[test]
    fn damaged_crates_are_compiled_again() {
        for (path, words) in [
            ("target", "template/target is missing"),
            ("target/debug/deps", "deps is missing"),
        ] {
            let machine = Machine::new();
            machine.remove(path);
            assert_eq!(machine.state(), State::Damaged, "{path}");
            let (crates_are_kept, said) = machine.begin();
            assert!(!crates_are_kept, "{path}");
            assert!(said.contains(words), "{said}");
        }
        let machine = Machine::new();
        machine.write(CRATE, "comp");
        let (crates_are_kept, said) = machine.begin();
        assert!(!crates_are_kept);
        assert!(said.contains("has 4 bytes instead of 8"), "{said}");
    }
}
