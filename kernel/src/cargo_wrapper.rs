//! Wraps cargo for evcxr: it compiles cells more quickly, and keeps the versions of the crate's lock
//! file.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cached_call::CRATE_LOCK_FILE;
use crate::settings::{Home, Settings};
use crate::toolchain::{self, CARGO_PATH, wrapped};
use crate::{cargo_output, cell};

/// Does what cargo would, in the kernel's directory, the current folder.
///
/// # Errors
///
/// The kernel's directory is damaged, or a program does not start.
pub fn run(home: &Home, arguments: &[String]) -> Result<ExitCode> {
    let settings = home.settings()?;
    restore_lock_file(&settings)?;
    if toolchain::is_plain() {
        let mut cargo = wrapped(CARGO_PATH)?;
        cargo.args(arguments);
        return cargo_output::run(cargo);
    }
    let mut words = arguments.iter().filter(|word| !word.starts_with('-'));
    match words.next().map(String::as_str) {
        Some("build") => cell::build(home, &settings, arguments),
        Some("check") => cell::check(home, &settings, arguments),
        Some("metadata") => {
            let (cargo, unchanged) = (wrapped(CARGO_PATH)?, |output| output);
            cargo_output::cached_or_run(home, &settings, "evcxr", arguments, cargo, &unchanged)
        }
        _ => Err(wrapped(CARGO_PATH)?.args(arguments).exec()).context("cannot start cargo"),
    }
}

/// A kernel begins with an empty crate, and cargo removes packages from Cargo.lock that a crate does
/// not use. At the first `:dep`, cargo would then ask the network for the newest versions and compile
/// those. So the lock file of the notebooks' crate is restored as soon as the crate is used.
fn restore_lock_file(settings: &Settings) -> Result<()> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap_or_default();
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let name = &settings.extern_name();
    let is_crate = |found: &str| found.replace('-', "_") == *name;
    let is_used = dependencies.is_some_and(|names| names.keys().any(|found| is_crate(found)));
    let is_locked = read("Cargo.lock")
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .any(is_crate);
    if is_used && !is_locked && Path::new(CRATE_LOCK_FILE).exists() {
        fs::copy(CRATE_LOCK_FILE, "Cargo.lock").context("cannot write Cargo.lock")?;
    }
    Ok(())
}
