//! What evcxr takes for cargo.
//!
//! A cell changes one file, `src/lib.rs`; yet cargo looks at two hundred crates before it calls
//! rustc, which takes a third of a small cell's time. So cargo is asked once, what it asks of rustc
//! is noted, and rustc is called in the same way for each cell, until anything but that file has
//! changed. Notes are copied with the rest of the crate: what set-up's kernel has asked, none asks
//! again.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::analyzer::code;
use super::toolchain::{CARGO, real};
use crate::stamp::{self, replace_file};
use crate::workshop::Workshop;

/// The crate that evcxr writes a cell into.
const CRATE: &str = "ctx";

/// Tells the wrapper where to write.
const NOTE: &str = "GASSHUKU_NOTE";

/// Stands in a note for the kernel's directory.
const HERE: &str = "//here";

/// A call of rustc, what it depends on, and the environment variables that cargo has set for it.
#[derive(Serialize, Deserialize)]
struct Call {
    made_for: String,
    rustc: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// Calls cargo, or rustc as cargo would. The current folder is the kernel's crate.
pub(crate) fn cargo(workshop: &Workshop, arguments: &[String]) -> Result<ExitCode> {
    put_lock_file_back()?;
    let mut cargo = real(CARGO)?;
    cargo.args(arguments);
    let Some(made_for) = made_for(workshop, arguments)? else {
        return Err(cargo.exec()).context("cannot start cargo");
    };
    let here = env::current_dir().context("the kernel's directory is gone")?;
    let note = here.join("target/cells").join(stamp::text(&made_for));
    if let Some(call) = Call::read(&note, &here)
        && call.made_for == made_for
    {
        return call.repeat();
    }
    cargo
        .env("RUSTC_WORKSPACE_WRAPPER", workshop.shims().join("note"))
        .env(NOTE, &note);
    let status = cargo.status().context("cannot start cargo")?;
    if let Some(mut call) = Call::read(&note, &here) {
        call.made_for = made_for;
        call.environment
            .retain(|name, value| env::var(name).as_ref() != Ok(value));
        call.write(&note, &here)?;
    }
    Ok(code(status))
}

/// A kernel begins with an empty crate, and cargo drops from Cargo.lock what a crate does not use;
/// the first :dep would then ask the network for the newest versions, and compile them. So the
/// workshop's lock file is put back when it is needed.
fn put_lock_file_back() -> Result<()> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (workshops, manifest) = (Path::new("Cargo.lock.workshop"), read("Cargo.toml"));
    let mut dependencies = manifest.lines().map(|line| line.trim_start());
    let is_needed = dependencies.any(|line| {
        let rest = line.strip_prefix("gasshuku");
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    });
    let is_there = read("Cargo.lock").contains("\nname = \"gasshuku\"\n");
    if is_needed && !is_there && workshops.exists() {
        fs::copy(workshops, "Cargo.lock").context("cannot write Cargo.lock")?;
    }
    Ok(())
}

/// All that a compilation of the kernel's crate depends on, but the cell. None where cargo is asked
/// for something else, and where the crate depends on folders that are not the workshop's: there
/// cargo must look what has changed.
fn made_for(workshop: &Workshop, arguments: &[String]) -> Result<Option<String>> {
    let mut words = arguments.iter().filter(|word| !word.starts_with('-'));
    if !words
        .next()
        .is_some_and(|word| word == "build" || word == "check")
    {
        return Ok(None);
    }
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (manifest, folder) = (read("Cargo.toml"), workshop.root().join("crate"));
    let ours = format!("{folder:?}");
    let mut paths = manifest
        .lines()
        .filter(|line| line.contains('{') && line.contains("path = "));
    if !paths.all(|line| line.contains(&ours)) {
        return Ok(None);
    }
    let variables = ["RUSTC", "RUSTFLAGS", "LIBTORCH"];
    let variables = variables.map(|name| env::var(name).unwrap_or_default());
    let compiler = modified(Path::new(&variables[0]));
    Ok(Some(format!(
        "{arguments:?}\n{variables:?}\n{compiler:?}\n{:?}\n{manifest}\n{}",
        newest(&folder)?,
        read("Cargo.lock"),
    )))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// The last change in a folder, and how many files it has.
fn newest(folder: &Path) -> Result<(Option<SystemTime>, usize)> {
    let (mut time, mut files) = (modified(folder), 0);
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()));
    for entry in entries? {
        let path = entry?.path();
        if path.is_dir() {
            let (below, count) = newest(&path)?;
            (time, files) = (time.max(below), files + count);
        } else {
            (time, files) = (time.max(modified(&path)), files + 1);
        }
    }
    Ok((time, files))
}

/// Stands between cargo and rustc, and notes the call that compiles the cell.
pub(crate) fn note_rustc(call: &[String]) -> Result<ExitCode> {
    let (rustc, arguments) = call.split_first().context("cargo names no rustc")?;
    let names_crate = |pair: &[String]| pair[0] == "--crate-name" && pair[1] == CRATE;
    if let Some(note) = env::var_os(NOTE)
        && arguments.windows(2).any(names_crate)
    {
        let here = env::current_dir()?;
        Call::new(rustc, arguments).write(Path::new(&note), &here)?;
    }
    let error = Command::new(rustc).args(arguments).exec();
    Err(error).context("cannot start rustc")
}

impl Call {
    fn new(rustc: &str, arguments: &[String]) -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables = env::vars_os().filter_map(text);
        Self {
            made_for: String::new(),
            rustc: rustc.to_owned(),
            arguments: arguments.to_vec(),
            environment: variables
                .filter(|(name, _)| !ends_with_cargo(name))
                .collect(),
        }
    }

    fn read(note: &Path, here: &Path) -> Option<Self> {
        let mut call: Self = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
        call.replace(HERE, here.to_str()?);
        Some(call)
    }

    fn write(mut self, note: &Path, here: &Path) -> Result<()> {
        let here = here
            .to_str()
            .context("the workshop's path is not text: move it")?;
        self.replace(here, HERE);
        replace_file(note, &serde_json::to_vec(&self)?)
    }

    fn replace(&mut self, old: &str, new: &str) {
        for text in self
            .arguments
            .iter_mut()
            .chain(self.environment.values_mut())
        {
            *text = text.replace(old, new);
        }
    }

    /// evcxr reads what cargo writes: rustc's messages on standard output, and the library's place.
    fn repeat(&self) -> Result<ExitCode> {
        let stdout = io::stdout();
        let messages = stdout.as_fd().try_clone_to_owned()?;
        let status = Command::new(&self.rustc)
            .args(&self.arguments)
            .envs(&self.environment)
            .stderr(Stdio::from(messages))
            .status()
            .with_context(|| format!("cannot start {}", self.rustc))?;
        if !status.success() {
            return Ok(ExitCode::from(101));
        }
        if let Some(library) = self.library() {
            let library = put_where_cargo_does(&library)?;
            writeln!(
                stdout.lock(),
                "{}",
                json!({
                    "reason": "compiler-artifact",
                    "target": { "name": CRATE },
                    "filenames": [library],
                })
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The file that the call makes, if it makes one to load.
    fn library(&self) -> Option<PathBuf> {
        let mut arguments = self.arguments.iter();
        let links = self.arguments.iter().any(|argument| {
            let kinds = argument.strip_prefix("--emit=");
            kinds.is_some_and(|kinds| kinds.split(',').any(|kind| kind == "link"))
        });
        arguments.find(|argument| *argument == "--out-dir")?;
        let name = format!(
            "{}{CRATE}{}",
            env::consts::DLL_PREFIX,
            env::consts::DLL_SUFFIX
        );
        Some(Path::new(arguments.next()?).join(name)).filter(|_| links)
    }
}

/// Names of pipes of cargo's, and of ours.
fn ends_with_cargo(name: &str) -> bool {
    ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", NOTE].contains(&name)
}

/// From `debug/deps` to `debug`: evcxr takes the library away from there.
fn put_where_cargo_does(library: &Path) -> Result<PathBuf> {
    let name = library.file_name().unwrap_or_default();
    let folder = library
        .parent()
        .and_then(Path::parent)
        .unwrap_or(Path::new("."));
    let place = folder.join(name);
    let _ = fs::remove_file(&place);
    fs::hard_link(library, &place)
        .or_else(|_| fs::copy(library, &place).map(|_| ()))
        .with_context(|| format!("cannot write {}", place.display()))?;
    Ok(place)
}
