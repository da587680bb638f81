//! The call of rustc with which cargo has compiled a cell, recorded so that it can be repeated.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stamp::replace_file;

/// The crate that evcxr writes each cell into.
pub const CELL_CRATE: &str = "ctx";

/// The environment variable that tells the recorder which file to write.
pub const RECORD_TO: &str = "EVCXR_PREWARM_CALL";

/// Environment variables that describe pipes of the cargo that ran, and the one of the recorder.
const NOT_RECORDED: [&str; 4] = ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", RECORD_TO];

/// A call of rustc, with the environment variables that cargo has set for it.
#[derive(Serialize, Deserialize)]
pub struct RustcCall {
    rustc: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// Runs rustc for cargo (`RUSTC_WORKSPACE_WRAPPER`). Before that it records the call, if it compiles a
/// cell. `call` is the path of rustc and its arguments.
///
/// # Errors
///
/// The call is empty, or rustc does not start.
pub fn record(call: &[String]) -> Result<ExitCode> {
    let (rustc, arguments) = call.split_first().context("cargo names no rustc")?;
    let names_cell = |pair: &[String]| pair[0] == "--crate-name" && pair[1] == CELL_CRATE;
    if let Some(path) = env::var_os(RECORD_TO)
        && arguments.windows(2).any(names_cell)
    {
        let call = serde_json::to_vec(&RustcCall::new(rustc, arguments))?;
        replace_file(Path::new(&path), &call)?;
    }
    Err(Command::new(rustc).args(arguments).exec()).context("cannot start rustc")
}

impl RustcCall {
    fn new(rustc: &str, arguments: &[String]) -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables = env::vars_os().filter_map(text);
        Self {
            rustc: rustc.to_owned(),
            arguments: arguments.to_vec(),
            environment: variables
                .filter(|(name, _)| !NOT_RECORDED.contains(&name.as_str()))
                .collect(),
        }
    }

    /// Drops the environment variables that this process has, too: what is left was set by cargo.
    pub fn keep_only_cargos_variables(&mut self) {
        let is_ours = |name: &str, value: &String| env::var(name).as_ref() == Ok(value);
        self.environment.retain(|name, value| !is_ours(name, value));
    }

    /// Whether the compiler and all compiled crates are where they were. If not (another layout of
    /// cargo's target folder, for instance), cargo has to be called.
    pub fn is_possible(&self) -> bool {
        let externs = self
            .arguments
            .windows(2)
            .filter(|pair| pair[0] == "--extern");
        let mut paths = externs
            .filter_map(|pair| pair[1].split_once('='))
            .map(|(_, path)| path);
        Path::new(&self.rustc).exists() && paths.all(|path| Path::new(path).exists())
    }

    /// The call as a command.
    pub fn command(&self) -> Command {
        self.command_with(&self.arguments)
    }

    /// The call as a command that prints the compiler's messages and writes no library.
    pub fn check_command(&self) -> Command {
        self.command_with(&check_arguments(&self.arguments))
    }

    fn command_with(&self, arguments: &[String]) -> Command {
        let mut rustc = Command::new(&self.rustc);
        rustc.args(arguments).envs(&self.environment);
        rustc
    }

    /// The arguments, without the path of rustc.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// The path of the library that the call writes.
    pub fn library(&self) -> Option<PathBuf> {
        let mut arguments = self.arguments.iter();
        arguments.find(|argument| *argument == "--out-dir")?;
        let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        Some(Path::new(arguments.next()?).join(format!("{prefix}{CELL_CRATE}{suffix}")))
    }
}

fn check_arguments(arguments: &[String]) -> Vec<String> {
    let mut changed = Vec::new();
    let mut arguments = arguments.iter().peekable();
    while let Some(argument) = arguments.next() {
        let next = arguments.peek();
        if argument == "-C" && next.is_some_and(|next| next.starts_with("incremental=")) {
            // That folder belongs to the compilation of the library.
            arguments.next();
        } else if argument.starts_with("--emit=") {
            changed.push("--emit=metadata".to_owned());
        } else {
            changed.push(argument.clone());
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_check_writes_no_library() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let call = words(
            "--crate-name ctx src/lib.rs --emit=dep-info,link -C opt-level=2 -C incremental=/a/b \
             --extern tch=/a/libtch.rlib",
        );
        let expected = words(
            "--crate-name ctx src/lib.rs --emit=metadata -C opt-level=2 --extern tch=/a/libtch.rlib",
        );
        assert_eq!(check_arguments(&call), expected);
    }

    #[test]
    fn a_call_is_possible_while_its_files_exist() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libtch.rlib");
        let call = RustcCall {
            rustc: "/bin/sh".to_owned(),
            arguments: vec!["--extern".to_owned(), format!("tch={}", library.display())],
            environment: BTreeMap::new(),
        };
        assert!(!call.is_possible());
        fs::write(&library, "").unwrap();
        assert!(call.is_possible());
        assert!(
            !RustcCall {
                rustc: "/nowhere/rustc".to_owned(),
                ..call
            }
            .is_possible()
        );
    }
}
