//! What evcxr takes for cargo.
//!
//! A cell changes one file, `src/lib.rs`; yet cargo looks at two hundred crates before it calls
//! rustc, which takes a third of a small cell's time. So cargo is asked once, what it asks of rustc
//! is noted, and rustc is called in the same way for each cell, until anything but that file has
//! changed.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::FILLING;
use super::note::Note;
use super::toolchain::{CARGO, real};
use crate::setup::stubs;
use crate::stamp::replace_file;
use crate::workshop::Workshop;

/// The crate that evcxr writes a cell into.
const CRATE: &str = "ctx";

/// Tells the wrapper where to write.
const CALL: &str = "GASSHUKU_CALL";

/// A call of rustc, with the environment variables that cargo has set for it.
#[derive(Serialize, Deserialize)]
struct Call {
    rustc: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// What cargo has written.
#[derive(Serialize, Deserialize)]
struct Answer {
    stdout: String,
    stderr: String,
}

/// Does what cargo would. The current folder is the kernel's crate.
pub(crate) fn cargo(workshop: &Workshop, arguments: &[String]) -> Result<ExitCode> {
    put_lock_file_back()?;
    let mut words = arguments.iter().filter(|word| !word.starts_with('-'));
    match words.next().map(String::as_str) {
        Some("build" | "check") => compile(workshop, arguments),
        Some("metadata") => {
            let cargo = real(CARGO)?;
            answer(workshop, "evcxr", arguments, cargo, &|metadata| metadata)
        }
        _ => Err(real(CARGO)?.args(arguments).exec()).context("cannot start cargo"),
    }
}

/// A kernel begins with an empty crate, and cargo drops from Cargo.lock what a crate does not use;
/// the first :dep would then ask the network for the newest versions, and compile them. So the
/// workshop's lock file is put back when it is needed.
fn put_lock_file_back() -> Result<()> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (workshops, manifest) = (Path::new("Cargo.lock.workshop"), read("Cargo.toml"));
    let is_there = read("Cargo.lock").contains("\nname = \"gasshuku\"\n");
    if needs_workshop(&manifest) && !is_there && workshops.exists() {
        fs::copy(workshops, "Cargo.lock").context("cannot write Cargo.lock")?;
    }
    Ok(())
}

fn needs_workshop(manifest: &str) -> bool {
    manifest.lines().any(|line| {
        let rest = line.trim_start().strip_prefix("gasshuku");
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    })
}

fn compile(workshop: &Workshop, arguments: &[String]) -> Result<ExitCode> {
    let note = Note::on(workshop, arguments)?;
    if let Some(call) = note.as_ref().and_then(Note::read::<Call>) {
        return call.repeat();
    }
    wait_for_filling()?;
    let mut cargo = real(CARGO)?;
    cargo.args(arguments);
    let Some(note) = note else {
        return Err(cargo.exec()).context("cannot start cargo");
    };
    let call = note.path().with_extension("call");
    let status = cargo
        .env("RUSTC_WORKSPACE_WRAPPER", workshop.shims().join("note"))
        .env(CALL, &call)
        .status()
        .context("cannot start cargo")?;
    // None where the cell was compiled already.
    if let Ok(text) = fs::read(&call) {
        let mut made: Call = serde_json::from_slice(&text)?;
        let is_ours = |name: &str, value: &String| env::var(name).as_ref() == Ok(value);
        made.environment.retain(|name, value| !is_ours(name, value));
        note.write(made)?;
        fs::remove_file(&call)?;
    }
    Ok(code(status))
}

/// The launcher goes on copying what only cargo needs while the kernel starts.
fn wait_for_filling() -> Result<()> {
    match File::open(FILLING) {
        Ok(file) => file.lock_shared().context("cannot lock the kernel's files"),
        Err(_) => Ok(()),
    }
}

/// Answers as cargo has answered before, else asks it, and notes what `change` leaves of it.
pub(crate) fn answer(
    workshop: &Workshop,
    asker: &str,
    arguments: &[String],
    mut cargo: Command,
    change: &dyn Fn(String) -> String,
) -> Result<ExitCode> {
    let call = [&[asker.to_owned()], arguments].concat();
    let note = Note::on(workshop, &call)?;
    if let Some(answer) = note.as_ref().and_then(Note::read::<Answer>) {
        return answer.give();
    }
    let output = cargo
        .args(arguments)
        .output()
        .context("cannot start cargo")?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let answer = Answer {
        stdout: change(text(output.stdout)),
        stderr: text(output.stderr),
    };
    if let Some(note) = note.filter(|_| output.status.success()) {
        note.write(&answer)?;
    }
    answer.give()?;
    Ok(code(output.status))
}

impl Answer {
    fn give(&self) -> Result<ExitCode> {
        io::stderr().write_all(self.stderr.as_bytes())?;
        io::stdout().write_all(self.stdout.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// As a shell has it: 128 and the signal's number where a signal has ended the program.
pub(crate) fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    let code = code.and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Stands between cargo and rustc, and writes down the call that compiles the cell.
pub(crate) fn note_rustc(call: &[String]) -> Result<ExitCode> {
    let (rustc, arguments) = call.split_first().context("cargo names no rustc")?;
    let names_crate = |pair: &[String]| pair[0] == "--crate-name" && pair[1] == CRATE;
    if let Some(path) = env::var_os(CALL)
        && arguments.windows(2).any(names_crate)
    {
        let call = serde_json::to_vec(&Call::new(rustc, arguments))?;
        replace_file(Path::new(&path), &call)?;
    }
    Err(Command::new(rustc).args(arguments).exec()).context("cannot start rustc")
}

impl Call {
    fn new(rustc: &str, arguments: &[String]) -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables = env::vars_os().filter_map(text);
        Self {
            rustc: rustc.to_owned(),
            arguments: arguments.to_vec(),
            environment: variables
                .filter(|(name, _)| !ends_with_cargo(name))
                .collect(),
        }
    }

    /// evcxr reads what cargo writes: rustc's messages on standard output, and the library's place.
    fn repeat(&self) -> Result<ExitCode> {
        let stdout = io::stdout();
        let messages = stdout.as_fd().try_clone_to_owned()?;
        let status = Command::new(&self.rustc)
            // Before libtorch's own folder, or it would not be looked at.
            .arg(format!("-Lnative={}", stubs::FOLDER))
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
            let artifact = json!({
                "reason": "compiler-artifact",
                "target": { "name": CRATE },
                "filenames": [library],
            });
            writeln!(stdout.lock(), "{artifact}")?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The library that the call makes, if it makes one.
    fn library(&self) -> Option<PathBuf> {
        let mut arguments = self.arguments.iter();
        let links = arguments.clone().any(|argument| {
            let kinds = argument.strip_prefix("--emit=");
            kinds.is_some_and(|kinds| kinds.split(',').any(|kind| kind == "link"))
        });
        arguments.find(|argument| *argument == "--out-dir")?;
        let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        let library = Path::new(arguments.next()?).join(format!("{prefix}{CRATE}{suffix}"));
        links.then_some(library)
    }
}

/// Names of pipes of cargo's, and of ours.
fn ends_with_cargo(name: &str) -> bool {
    ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", CALL].contains(&name)
}

/// From `debug/deps` to `debug`: evcxr takes the library away from there.
fn put_where_cargo_does(library: &Path) -> Result<PathBuf> {
    let name = library.file_name().unwrap_or_default();
    let folder = library.parent().and_then(Path::parent);
    let place = folder.unwrap_or(Path::new(".")).join(name);
    let _ = fs::remove_file(&place);
    fs::hard_link(library, &place)
        .or_else(|_| fs::copy(library, &place).map(|_| ()))
        .with_context(|| format!("cannot write {}", place.display()))?;
    Ok(place)
}
