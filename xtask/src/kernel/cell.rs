//! What evcxr takes for cargo.
//!
//! A cell changes one file, `src/lib.rs`; yet cargo looks at two hundred crates before it calls
//! rustc, which takes a third of a small cell's time. So cargo is asked once, what it asks of rustc
//! is noted, and rustc is called in the same way for each cell, until anything but that file has
//! changed.

use std::collections::BTreeMap;
use std::env;
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
use crate::stamp::replace_file;
use crate::workshop::Workshop;

/// The crate that evcxr writes a cell into.
const CRATE: &str = "ctx";

/// By which a noted call is found: the wrapper is told where to write.
const NOTE: &str = "GASSHUKU_NOTE";

/// A call of rustc, and what it depends on.
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
    let Some(note) = note(arguments) else {
        let error = real(CARGO)?.args(arguments).exec();
        return Err(error).context("cannot start cargo");
    };
    let made_for = made_for(workshop, arguments)?;
    if let (Some(made_for), Some(call)) = (&made_for, Call::read(&note))
        && call.made_for == *made_for
    {
        return call.repeat();
    }
    let _ = fs::remove_file(&note);
    let mut cargo = real(CARGO)?;
    cargo.args(arguments);
    if made_for.is_some() {
        cargo
            .env("RUSTC_WORKSPACE_WRAPPER", workshop.shims().join("note"))
            .env(NOTE, &note);
    }
    let status = cargo.status().context("cannot start cargo")?;
    if let (Some(made_for), Some(mut call)) = (made_for, Call::read(&note)) {
        call.made_for = made_for;
        call.write(&note)?;
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

/// Where the call for these arguments is noted, if they are what evcxr compiles a cell with.
fn note(arguments: &[String]) -> Option<PathBuf> {
    let command = arguments
        .iter()
        .find(|argument| !argument.starts_with('-'))?;
    let name = match command.as_str() {
        "build" => "cell-build.json",
        "check" => "cell-check.json",
        _ => return None,
    };
    let target = env::current_dir().ok()?.join("target");
    Some(target.join(name))
}

/// All that a compilation of the kernel's crate depends on, but the cell. None where the crate
/// depends on folders that are not the workshop's: there cargo must look what has changed.
fn made_for(workshop: &Workshop, arguments: &[String]) -> Result<Option<String>> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let manifest = read("Cargo.toml");
    let crate_ = workshop.root().join("crate");
    let ours = format!("{:?}", crate_);
    let paths = manifest
        .lines()
        .filter(|line| line.contains("path = ") && line.contains('{'));
    if !paths.into_iter().all(|line| line.contains(&ours)) {
        return Ok(None);
    }
    let variables =
        ["RUSTC", "RUSTFLAGS", "LIBTORCH"].map(|name| env::var(name).unwrap_or_default());
    let compiler = modified(Path::new(&variables[0]));
    Ok(Some(format!(
        "{arguments:?}\n{variables:?}\n{compiler:?}\n{:?}\n{manifest}\n{}",
        newest(&crate_)?,
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
        Call::new(rustc, arguments).write(Path::new(&note))?;
    }
    let error = Command::new(rustc).args(arguments).exec();
    Err(error).context("cannot start rustc")
}

impl Call {
    fn new(rustc: &str, arguments: &[String]) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            made_for: String::new(),
            rustc: rustc.to_owned(),
            arguments: arguments.to_vec(),
            environment: env::vars_os()
                .filter_map(text)
                .filter(|(name, _)| !is_of_one_call(name))
                .collect(),
        }
    }

    fn read(note: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(note).ok()?).ok()
    }

    fn write(&self, note: &Path) -> Result<()> {
        replace_file(note, &serde_json::to_vec(self)?)
    }

    /// evcxr reads what cargo writes: rustc's messages on standard output, and the library's place.
    fn repeat(&self) -> Result<ExitCode> {
        let stdout = io::stdout();
        let messages = stdout.as_fd().try_clone_to_owned()?;
        let status = Command::new(&self.rustc)
            .args(&self.arguments)
            .env_clear()
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

/// Pipes of cargo's, which end with it.
fn is_of_one_call(name: &str) -> bool {
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
