//! The Rust toolchain that a kernel compiles with.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cell_source;
use crate::program::{on_path_without, output};
use crate::settings::Home;
use crate::wrappers;

/// Names of environment variables that tell a wrapper which program it wraps.
pub const CARGO_PATH: &str = "EVCXR_PREWARM_CARGO";
/// See [`CARGO_PATH`].
pub const RUSTC_PATH: &str = "EVCXR_PREWARM_RUSTC";
/// See [`CARGO_PATH`].
pub const RUSTUP_PATH: &str = "EVCXR_PREWARM_RUSTUP";
/// Tells a wrapper where the settings are.
pub const HOME_PATH: &str = "EVCXR_PREWARM_HOME";
/// The format of the store in which a kernel's cells keep variables.
pub const STORE: &str = "EVCXR_PREWARM_STORE";
/// Set if the tricks are turned off.
const PLAIN: &str = "EVCXR_PREWARM_PLAIN";

/// The variable in which the system looks for folders of shared libraries.
const LIBRARY_PATH: &str = if cfg!(target_os = "macos") {
    "DYLD_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// Variables with which users configure cargo. In a kernel they would make cargo compile everything
/// again, or write to another folder.
const CARGO_CONFIGURATION: [&str; 12] = [
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "RUST_BACKTRACE",
];

/// The cargo and the rustc of a toolchain. The programs that rustup puts on PATH look for these at every
/// call, which takes 0.03 s.
pub struct Toolchain {
    /// The folder of the toolchain.
    pub sysroot: PathBuf,
    /// The folder of the shared standard library, which every cell is linked with.
    libraries: PathBuf,
    cargo: PathBuf,
    rustc: PathBuf,
    rustup: Option<PathBuf>,
}

impl Toolchain {
    /// The toolchain that compiles what is in `folder`.
    ///
    /// # Errors
    ///
    /// There is no Rust on PATH.
    pub fn find(home: &Home, folder: &Path) -> Result<Self> {
        let wrappers = home.wrappers();
        let rustc = find_wrapped(wrappers::RUSTC, &wrappers)?;
        let names = ["sysroot", "target-libdir"];
        let paths = print_paths(Command::new(&rustc).current_dir(folder), &names)?;
        let [sysroot, libraries] = paths
            .try_into()
            .ok()
            .context("rustc does not print its paths")?;
        let in_sysroot = |name: &str, on_path: PathBuf| {
            let program = sysroot.join("bin").join(name);
            if program.is_file() { program } else { on_path }
        };
        Ok(Self {
            cargo: in_sysroot(wrappers::CARGO, find_wrapped(wrappers::CARGO, &wrappers)?),
            rustc: in_sysroot(wrappers::RUSTC, rustc),
            rustup: find_wrapped(wrappers::RUSTUP, &wrappers).ok(),
            sysroot,
            libraries,
        })
    }

    /// Puts the wrappers first in the command's PATH, and tells them what they wrap.
    ///
    /// # Errors
    ///
    /// The path of the home or of the toolchain has a colon in it.
    pub fn wrap_programs(&self, home: &Home, plain: bool, command: &mut Command) -> Result<()> {
        for name in CARGO_CONFIGURATION {
            command.env_remove(name);
        }
        command
            .env("PATH", path_with_first(&home.wrappers())?)
            .env(CARGO_PATH, &self.cargo)
            .env(RUSTC_PATH, &self.rustc)
            .env(HOME_PATH, home.path())
            // If it is empty, cargo ignores a wrapper that its own configuration names, too.
            .env("RUSTC_WRAPPER", "");
        self.add_library_path(command)?;
        if plain {
            command.env(PLAIN, "1").env_remove(STORE);
        } else {
            command.env(STORE, cell_source::STORE_FORMAT);
        }
        if let Some(rustup) = &self.rustup {
            command.env(RUSTUP_PATH, rustup);
        }
        Ok(())
    }

    /// Lets the command's cells find the standard library. The toolchain's folder comes last in the
    /// library path.
    ///
    /// rustc gives a cell's library a relative path to the standard library, which starts in the folder where
    /// the cell was compiled (`target/…/debug/deps`), but evcxr loads it from the folder above. So the path leads
    /// one step too far up. That does no harm at the root of the file system: kernels worked as long as
    /// Rust and the clone had only `/` in common, and failed with both below one home folder ("dlopen failed",
    /// Rust 1.95, evcxr 0.22).
    fn add_library_path(&self, command: &mut Command) -> Result<()> {
        let set = command.get_envs().find(|(name, _)| *name == LIBRARY_PATH);
        let current = match set {
            Some((_, value)) => value.map(OsString::from),
            None => env::var_os(LIBRARY_PATH),
        };
        let current = current.unwrap_or_default();
        let folders = env::split_paths(&current).filter(|path| !path.as_os_str().is_empty());
        let all = env::join_paths(folders.chain([self.libraries.clone()]))
            .context("the path of Rust's libraries has a colon in it")?;
        command.env(LIBRARY_PATH, all);
        Ok(())
    }
}

/// Whether the wrapper was called by a kernel whose tricks are turned off.
pub fn is_plain() -> bool {
    env::var_os(PLAIN).is_some()
}

/// The sysroot of that rustc; an empty path if it does not print one.
///
/// # Errors
///
/// rustc cannot be started.
pub fn sysroot(rustc: &mut Command) -> Result<PathBuf> {
    let mut paths = print_paths(rustc, &["sysroot"])?.into_iter();
    Ok(paths.next().unwrap_or_default())
}

/// What rustc prints for `--print` with each of the names.
fn print_paths(rustc: &mut Command, names: &[&str]) -> Result<Vec<PathBuf>> {
    let printed = output(rustc.args(names.iter().flat_map(|name| ["--print", *name])))?;
    let printed = printed.map(|output| output.stdout).unwrap_or_default();
    Ok(printed.lines().map(|line| line.trim().into()).collect())
}

/// The program that the calling wrapper wraps. `variable` is [`CARGO_PATH`], [`RUSTC_PATH`] or [`RUSTUP_PATH`].
///
/// # Errors
///
/// The wrapper was not called by a kernel.
pub fn wrapped(variable: &str) -> Result<Command> {
    let program = env::var_os(variable)
        .with_context(|| format!("{variable} is not set: only a notebook kernel calls this"))?;
    Ok(Command::new(program))
}

/// The answer to `rustup which cargo` or `rustup which rustc`, by which evcxr finds these programs;
/// `None` if rustup has to answer.
pub fn rustup_which(home: &Home, arguments: &[String]) -> Option<PathBuf> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["which", "cargo"] => Some(home.wrappers().join(wrappers::CARGO)),
        ["which", "rustc"] => env::var_os(RUSTC_PATH).map(PathBuf::from),
        _ => None,
    }
}

fn path_with_first(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let others = env::split_paths(&path).filter(|found| found != folder);
    env::join_paths(std::iter::once(folder.to_owned()).chain(others))
        .with_context(|| format!("{} has a colon in it: move it", folder.display()))
}

fn find_wrapped(name: &str, wrappers: &Path) -> Result<PathBuf> {
    on_path_without(name, wrappers).with_context(|| {
        format!(
            "no {name} is on PATH: install Rust from https://rustup.rs, then start Jupyter from a new terminal"
        )
    })
}
