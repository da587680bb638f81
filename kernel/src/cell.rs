//! What evcxr takes for cargo.
//!
//! A cell changes one file, `src/lib.rs`; yet cargo looks at hundreds of crates before it calls
//! rustc, which takes a third of a small cell's time. So cargo is asked once, what it asks of rustc
//! is noted, and rustc is called in the same way for each cell, until anything but that file has
//! changed.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::library;
use crate::note::{self, Note};
use crate::settings::{Home, Settings};
use crate::source;
use crate::stamp::replace_file;
use crate::start::{CHANNEL, LISTENING};
use crate::template;
use crate::toolchain::{self, CARGO, real};

/// The crate that evcxr writes a cell into.
pub const CRATE: &str = "ctx";

/// The cell that was compiled last, where it says where its output ends.
pub const MARKED: &str = "marked";

/// Tells the wrapper where to write.
const CALL: &str = "EVCXR_PREWARM_CALL";

/// A call of rustc, with the environment variables that cargo has set for it.
#[derive(Serialize, Deserialize)]
pub struct Call {
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
///
/// # Errors
///
/// The kernel's directory is damaged, or a program does not start.
pub fn cargo(home: &Home, arguments: &[String]) -> Result<ExitCode> {
    let settings = home.settings()?;
    put_lock_file_back(&settings)?;
    if toolchain::is_plain() {
        let mut cargo = real(CARGO)?;
        cargo.args(arguments);
        return ask_cargo(cargo);
    }
    let mut words = arguments.iter().filter(|word| !word.starts_with('-'));
    match words.next().map(String::as_str) {
        Some("build") => build(home, &settings, arguments),
        Some("check") => check(home, &settings, arguments),
        Some("metadata") => {
            let cargo = real(CARGO)?;
            answer(home, &settings, "evcxr", arguments, cargo, &|answer| answer)
        }
        _ => Err(real(CARGO)?.args(arguments).exec()).context("cannot start cargo"),
    }
}

/// A kernel begins with an empty crate, and cargo drops from Cargo.lock what a crate does not use;
/// the first :dep would then ask the network for the newest versions, and compile them. So the
/// crate's own lock file is put back when it is needed.
fn put_lock_file_back(settings: &Settings) -> Result<()> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap_or_default();
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let name = &settings.extern_name();
    let needs =
        dependencies.is_some_and(|them| them.keys().any(|found| found.replace('-', "_") == *name));
    let is_there = read("Cargo.lock")
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .any(|found| found.replace('-', "_") == *name);
    if needs && !is_there && Path::new(note::LOCK).exists() {
        fs::copy(note::LOCK, "Cargo.lock").context("cannot write Cargo.lock")?;
    }
    Ok(())
}

/// Compiles a cell.
fn build(home: &Home, settings: &Settings, arguments: &[String]) -> Result<ExitCode> {
    let _ = fs::remove_file(MARKED);
    let with_marks = has_front();
    let source = fs::read_to_string("src/lib.rs").context("there is no cell")?;
    let with_store = with_kernels_store(&source)?;
    let source = with_store.as_ref().unwrap_or(&source);
    let changed = source::change(source, with_marks);
    if let Some(text) = changed
        .as_ref()
        .map(|changed| &changed.text)
        .or(with_store.as_ref())
    {
        fs::write("src/lib.rs", text).context("cannot write the cell")?;
    }
    if let Some(changed) = changed.filter(|_| with_marks) {
        fs::write(MARKED, changed.number.to_string()).context("cannot write the cell's number")?;
    }
    let code = compile(home, settings, arguments)?;
    if code != ExitCode::SUCCESS {
        let _ = fs::remove_file(MARKED);
    }
    Ok(code)
}

/// All cells of a kernel share one store, so that the kernel's start decides which it is.
fn with_kernels_store(source: &str) -> Result<Option<String>> {
    match env::var(toolchain::STORE) {
        Ok(format) if format == source::STORE_FORMAT => Ok(source::with_small_store(source)),
        Ok(_) => bail!("set-up has replaced this kernel's programs: restart the kernel"),
        Err(_) => Ok(None),
    }
}

/// Whether a front reads what evcxr hands on.
fn has_front() -> bool {
    env::var_os(CHANNEL).is_some_and(|folder| Path::new(&folder).join(LISTENING).exists())
}

fn compile(home: &Home, settings: &Settings, arguments: &[String]) -> Result<ExitCode> {
    let note = Note::on(home, settings, arguments)?;
    if let Some(call) = note.as_ref().and_then(Note::read::<Call>)
        && call.is_possible()
    {
        return call.repeat(home);
    }
    template::fill_for_cargo(home)?;
    let mut cargo = real(CARGO)?;
    cargo.args(arguments);
    let Some(note) = note else {
        return ask_cargo(cargo);
    };
    let call = note.path().with_extension("call");
    cargo
        .env("RUSTC_WORKSPACE_WRAPPER", home.programs().join("note"))
        .env(CALL, &call);
    let code = ask_cargo(cargo)?;
    // None where the cell was compiled already.
    if let Ok(text) = fs::read(&call) {
        let mut made: Call = serde_json::from_slice(&text)?;
        let is_ours = |name: &str, value: &String| env::var(name).as_ref() == Ok(value);
        made.environment.retain(|name, value| !is_ours(name, value));
        note.write(made)?;
        fs::remove_file(&call)?;
    }
    Ok(code)
}

/// Says what is wrong with a cell. Cargo itself would check every crate again that the cell depends
/// on, for it keeps what it has checked apart from what it has built: 20 s, once in every kernel.
fn check(home: &Home, settings: &Settings, arguments: &[String]) -> Result<ExitCode> {
    let as_build: Vec<String> = arguments
        .iter()
        .map(|word| {
            if word == "check" {
                "build".to_owned()
            } else {
                word.clone()
            }
        })
        .collect();
    let note = Note::on(home, settings, &as_build)?;
    match note.as_ref().and_then(Note::read::<Call>) {
        Some(call) if call.is_possible() => call.check(),
        _ => compile(home, settings, &as_build),
    }
}

/// Cargo names the library by the real path of the kernel's directory, which may have a space in it,
/// and evcxr hands it on without quotes: it gets the path by which it knows the directory.
fn ask_cargo(mut cargo: Command) -> Result<ExitCode> {
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut stdout = io::stdout().lock();
    for line in text.lines() {
        writeln!(stdout, "{}", with_known_path(line)?)?;
    }
    Ok(ExitCode::from(code(output.status)))
}

fn with_known_path(line: &str) -> Result<String> {
    let (Ok(here), Some(known)) = (env::current_dir(), env::var_os("EVCXR_TMPDIR")) else {
        return Ok(line.to_owned());
    };
    if here == known || !line.contains("compiler-artifact") {
        return Ok(line.to_owned());
    }
    let mut artifact: Value = serde_json::from_str(line).unwrap_or_default();
    let Some(files) = artifact["filenames"].as_array_mut() else {
        return Ok(line.to_owned());
    };
    for file in files {
        let path = file.as_str().map(Path::new);
        if let Some(within) = path.and_then(|path| path.strip_prefix(&here).ok()) {
            *file = json!(Path::new(&known).join(within));
        }
    }
    Ok(artifact.to_string())
}

/// Answers as cargo has answered before, else asks it, and notes what `change` leaves of it.
pub(crate) fn answer(
    home: &Home,
    settings: &Settings,
    asker: &str,
    arguments: &[String],
    mut cargo: Command,
    change: &dyn Fn(String) -> String,
) -> Result<ExitCode> {
    let call = [&[asker.to_owned()], arguments].concat();
    let note = Note::on(home, settings, &call)?;
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
    Ok(ExitCode::from(code(output.status)))
}

impl Answer {
    fn give(&self) -> Result<ExitCode> {
        io::stderr().write_all(self.stderr.as_bytes())?;
        io::stdout().write_all(self.stdout.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// As a shell has it: 128 and the signal's number where a signal has ended the program.
pub(crate) fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Stands between cargo and rustc, and writes down the call that compiles the cell.
///
/// # Errors
///
/// There is nothing to call, or it does not start.
pub fn note_rustc(call: &[String]) -> Result<ExitCode> {
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

    /// Whether the compiler and all compiled crates are where they were: another layout of cargo's
    /// target folder asks cargo.
    fn is_possible(&self) -> bool {
        let externs = self
            .arguments
            .windows(2)
            .filter(|pair| pair[0] == "--extern");
        let mut paths = externs
            .filter_map(|pair| pair[1].split_once('='))
            .map(|(_, path)| path);
        Path::new(&self.rustc).exists() && paths.all(|path| Path::new(path).exists())
    }

    /// evcxr reads what cargo writes: rustc's messages on standard output, and the library's place.
    fn repeat(&self, home: &Home) -> Result<ExitCode> {
        let Some(library) = self.library() else {
            return Ok(failed());
        };
        let folder = library.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).context("cannot write to the kernel's directory")?;
        remove_loaded(folder.parent().unwrap_or(folder));
        let mut rustc = self.rustc(&self.arguments);
        rustc.args(optimization(&self.arguments));
        library::use_it(home, &self.arguments, &mut rustc)?;
        if !self.run(&mut rustc)? {
            return Ok(failed());
        }
        let artifact = json!({
            "reason": "compiler-artifact",
            "target": { "name": CRATE },
            "filenames": [put_where_cargo_does(&library)?],
        });
        writeln!(io::stdout(), "{}", with_known_path(&artifact.to_string())?)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The same call, for its messages only.
    fn check(&self) -> Result<ExitCode> {
        let good = self.run(&mut self.rustc(&to_check(&self.arguments)))?;
        Ok(if good { ExitCode::SUCCESS } else { failed() })
    }

    pub(crate) fn rustc(&self, arguments: &[String]) -> Command {
        let mut rustc = Command::new(&self.rustc);
        rustc.args(arguments).envs(&self.environment);
        rustc
    }

    pub(crate) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    fn run(&self, rustc: &mut Command) -> Result<bool> {
        let messages = io::stdout().as_fd().try_clone_to_owned()?;
        let status = rustc
            .stderr(Stdio::from(messages))
            .status()
            .with_context(|| format!("cannot start {}", self.rustc))?;
        Ok(status.success())
    }

    /// The library that the call makes.
    pub(crate) fn library(&self) -> Option<PathBuf> {
        let mut arguments = self.arguments.iter();
        arguments.find(|argument| *argument == "--out-dir")?;
        let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        Some(Path::new(arguments.next()?).join(format!("{prefix}{CRATE}{suffix}")))
    }
}

/// A cell is compiled at level 1 where evcxr asks for 2, its default: 0.01 s of 0.2 less, and loops over
/// 47 million pixels, a sort or a product of matrices by hand are as fast (within a tenth; a histogram
/// takes 28 ms instead of 21). Level 0 would save 0.03 s, and make them 5 to 30 times slower. Another
/// level, by `:opt_level`, is kept.
fn optimization(arguments: &[String]) -> Option<&'static str> {
    let is_default = arguments.iter().any(|word| word == "opt-level=2");
    is_default.then_some("-Copt-level=1")
}

/// What cargo answers when rustc has failed.
fn failed() -> ExitCode {
    ExitCode::from(101)
}

fn to_check(arguments: &[String]) -> Vec<String> {
    let mut changed = Vec::new();
    let mut arguments = arguments.iter().peekable();
    while let Some(argument) = arguments.next() {
        let next = arguments.peek();
        if argument == "-C" && next.is_some_and(|next| next.starts_with("incremental=")) {
            // What is kept there is for the library.
            arguments.next();
        } else if argument.starts_with("--emit=") {
            changed.push("--emit=metadata".to_owned());
        } else {
            changed.push(argument.clone());
        }
    }
    changed
}

/// evcxr keeps the library of every cell; once one is loaded, its file is needed no more.
fn remove_loaded(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("libcode_") {
            let _ = fs::remove_file(entry.path());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_makes_no_library() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let call = words(
            "--crate-name ctx src/lib.rs --emit=dep-info,link -C opt-level=2 -C incremental=/a/b \
             --extern tch=/a/libtch.rlib",
        );
        let expected = words(
            "--crate-name ctx src/lib.rs --emit=metadata -C opt-level=2 --extern tch=/a/libtch.rlib",
        );
        assert_eq!(to_check(&call), expected);
    }

    #[test]
    fn only_evcxrs_own_level_of_optimisation_is_changed() {
        let call = |level: &str| ["-C".to_owned(), format!("opt-level={level}")];
        assert_eq!(optimization(&call("2")), Some("-Copt-level=1"));
        assert_eq!(optimization(&call("3")), None);
        assert_eq!(optimization(&call("0")), None);
    }

    #[test]
    fn a_call_is_possible_where_its_files_are() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libtch.rlib");
        let call = Call {
            rustc: "/bin/sh".to_owned(),
            arguments: vec!["--extern".to_owned(), format!("tch={}", library.display())],
            environment: BTreeMap::new(),
        };
        assert!(!call.is_possible());
        fs::write(&library, "").unwrap();
        assert!(call.is_possible());
        assert!(
            !Call {
                rustc: "/nowhere/rustc".to_owned(),
                ..call
            }
            .is_possible()
        );
    }
}
