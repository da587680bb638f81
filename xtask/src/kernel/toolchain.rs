//! The Rust that a kernel compiles with, and the programs that stand before it in a kernel's PATH.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::setup::requirements;
use crate::workshop::Workshop;

/// Names of environment variables by which the shims find what they stand before.
pub(crate) const CARGO: &str = "GASSHUKU_CARGO";
pub(crate) const RUSTC: &str = "GASSHUKU_RUSTC";
const RUSTUP: &str = "GASSHUKU_RUSTUP";
const LAUNCHER: &str = "GASSHUKU_LAUNCHER";
const ROOT: &str = "GASSHUKU_ROOT";

/// Cargo and rustc themselves: rustup's programs of these names look for them at every call, which
/// takes as long as a good part of a cell.
pub(crate) struct Toolchain {
    pub(crate) sysroot: PathBuf,
    cargo: PathBuf,
    rustc: PathBuf,
    rustup: Option<PathBuf>,
}

impl Toolchain {
    pub(crate) fn find(workshop: &Workshop) -> Result<Self> {
        let shims = workshop.shims();
        let rustc = behind("rustc", &shims)?;
        let sysroot = sysroot(Command::new(&rustc).current_dir(workshop.root()))?;
        let own = |name: &str, on_path: PathBuf| {
            let program = sysroot.join("bin").join(name);
            if program.is_file() { program } else { on_path }
        };
        Ok(Self {
            cargo: own("cargo", behind("cargo", &shims)?),
            rustc: own("rustc", rustc),
            rustup: behind("rustup", &shims).ok(),
            sysroot,
        })
    }

    /// Puts the shims before PATH, and tells them what they stand before.
    pub(crate) fn stand_before(&self, workshop: &Workshop, command: &mut Command) -> Result<()> {
        command
            .env("PATH", path_with(&workshop.shims())?)
            .env(CARGO, &self.cargo)
            .env(RUSTC, &self.rustc)
            .env(LAUNCHER, env::current_exe()?)
            .env(ROOT, workshop.root())
            // `cargo xtask` has it from rustup; rust-analyzer sets it to the sysroot that it is shown.
            .env_remove("RUSTUP_TOOLCHAIN");
        if let Some(rustup) = &self.rustup {
            command.env(RUSTUP, rustup);
        }
        Ok(())
    }
}

/// Where that rustc's libraries lie; an empty path where it does not say.
pub(crate) fn sysroot(rustc: &mut Command) -> Result<PathBuf> {
    let answer = process::ask(rustc.args(["--print", "sysroot"]))?;
    let path = answer.map(|answer| answer.stdout).unwrap_or_default();
    Ok(PathBuf::from(path.trim()))
}

/// The real cargo or rustc, for a launcher that was called by a shim.
pub(crate) fn real(variable: &str) -> Result<Command> {
    let program = env::var_os(variable)
        .with_context(|| format!("{variable} is not set: only a notebook kernel calls this"))?;
    Ok(Command::new(program))
}

fn path_with(shims: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter(|folder| folder != shims);
    env::join_paths(std::iter::once(shims.to_owned()).chain(folders))
        .with_context(|| format!("{} has a colon in it: move the workshop", shims.display()))
}

fn behind(name: &str, shims: &Path) -> Result<PathBuf> {
    requirements::on_path(name)
        .filter(|program| !program.starts_with(shims))
        .with_context(|| format!("no {name} is on PATH"))
}
