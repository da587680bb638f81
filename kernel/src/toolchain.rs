//! The Rust that a kernel compiles with, and the programs that stand before it in a kernel's PATH.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::library;
use crate::program::{ask, on_path_without};
use crate::settings::Home;
use crate::source;

/// Names of environment variables by which a program that stands before another finds it.
pub const CARGO: &str = "EVCXR_PREWARM_CARGO";
/// See [`CARGO`].
pub const RUSTC: &str = "EVCXR_PREWARM_RUSTC";
const RUSTUP: &str = "EVCXR_PREWARM_RUSTUP";
/// Where a program that stands before another finds the settings.
pub const HOME: &str = "EVCXR_PREWARM_HOME";
/// The format of the store that a kernel's cells keep variables in.
pub const STORE: &str = "EVCXR_PREWARM_STORE";
/// Set where the tricks are turned off.
const PLAIN: &str = "EVCXR_PREWARM_PLAIN";

/// What stands before others: links to this program, which looks by which name it was called.
pub const NAMES: [&str; 7] = [
    "cargo",
    "rustc",
    "rustup",
    "mold",
    "note",
    "analyzer",
    library::LINKER,
];

/// Variables with which users tune cargo: for a kernel they would mean that everything is compiled
/// again, or goes elsewhere.
const TUNING: [&str; 12] = [
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

/// Cargo and rustc themselves: rustup's programs of these names look for them at every call, which
/// takes as long as a good part of a cell.
pub struct Toolchain {
    /// Where rustc's own files lie.
    pub sysroot: PathBuf,
    /// Where the shared standard library lies, which every cell is linked with.
    libraries: PathBuf,
    cargo: PathBuf,
    rustc: PathBuf,
    rustup: Option<PathBuf>,
}

impl Toolchain {
    /// Those that the crate's folder is compiled with.
    ///
    /// # Errors
    ///
    /// There is no Rust on PATH.
    pub fn find(home: &Home, folder: &Path) -> Result<Self> {
        let ours = home.programs();
        let rustc = behind("rustc", &ours)?;
        let (sysroot, libraries) = places(Command::new(&rustc).current_dir(folder))?;
        let own = |name: &str, on_path: PathBuf| {
            let program = sysroot.join("bin").join(name);
            if program.is_file() { program } else { on_path }
        };
        Ok(Self {
            cargo: own("cargo", behind("cargo", &ours)?),
            rustc: own("rustc", rustc),
            rustup: behind("rustup", &ours).ok(),
            sysroot,
            libraries,
        })
    }

    /// Puts what stands before others before PATH, and tells it what it stands before.
    ///
    /// # Errors
    ///
    /// The home's path has a colon in it.
    pub fn stand_before(&self, home: &Home, plain: bool, command: &mut Command) -> Result<()> {
        for name in TUNING {
            command.env_remove(name);
        }
        command
            .env("PATH", path_with(&home.programs())?)
            .env(CARGO, &self.cargo)
            .env(RUSTC, &self.rustc)
            .env(HOME, home.path())
            // Empty: one that cargo's own configuration names is not used either.
            .env("RUSTC_WRAPPER", "");
        self.lead_to_libraries(command)?;
        if plain {
            command.env(PLAIN, "1").env_remove(STORE);
        } else {
            command.env(STORE, source::STORE_FORMAT);
        }
        if let Some(rustup) = &self.rustup {
            command.env(RUSTUP, rustup);
        }
        Ok(())
    }
}

/// Where the system looks for a program's shared libraries first.
const LIBRARY_PATH: &str = if cfg!(target_os = "macos") {
    "DYLD_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

impl Toolchain {
    /// Lets a command's cells find the standard library, behind what it looks through already.
    ///
    /// rustc gives a cell's library the way to it from the folder in which it was compiled (`target/…/debug/deps`),
    /// and evcxr loads it from the one above. That is one step too far up, which does no harm at the root of all
    /// folders: kernels started as long as Rust and the clone had nothing but `/` in common, and not with both
    /// below one home folder ("dlopen failed", Rust 1.95, evcxr 0.22).
    fn lead_to_libraries(&self, command: &mut Command) -> Result<()> {
        let set = command.get_envs().find(|(name, _)| *name == LIBRARY_PATH);
        let before = match set {
            Some((_, value)) => value.map(OsString::from),
            None => env::var_os(LIBRARY_PATH),
        };
        let before = before.unwrap_or_default();
        let folders = env::split_paths(&before).filter(|path| !path.as_os_str().is_empty());
        let all = env::join_paths(folders.chain([self.libraries.clone()]))
            .context("the path of Rust's libraries has a colon in it")?;
        command.env(LIBRARY_PATH, all);
        Ok(())
    }
}

/// Lays out the links to this program.
///
/// # Errors
///
/// The home cannot be written.
pub fn write_programs(home: &Home, launcher: &Path) -> Result<bool> {
    let folder = home.programs();
    let mut changed = false;
    for name in NAMES {
        let path = folder.join(name);
        if fs::read_link(&path).is_ok_and(|found| found == launcher) {
            continue;
        }
        let link = || -> io::Result<()> {
            fs::create_dir_all(&folder)?;
            let _ = fs::remove_file(&path);
            symlink(launcher, &path)
        };
        link().with_context(|| format!("cannot write {}", path.display()))?;
        changed = true;
    }
    Ok(changed)
}

/// The first of the links that is missing, or leads nowhere.
pub fn missing_program(home: &Home) -> Option<PathBuf> {
    let mut programs = NAMES.iter().map(|name| home.programs().join(name));
    programs.find(|program| !program.exists())
}

/// Whether this call is of a kernel whose tricks are turned off.
pub fn is_plain() -> bool {
    env::var_os(PLAIN).is_some()
}

/// Where that rustc's libraries lie; an empty path where it does not say.
///
/// # Errors
///
/// It cannot be started.
pub fn sysroot(rustc: &mut Command) -> Result<PathBuf> {
    let answer = ask(rustc.args(["--print", "sysroot"]))?;
    let path = answer.map(|answer| answer.stdout).unwrap_or_default();
    Ok(PathBuf::from(path.trim()))
}

/// The sysroot, and the folder of the libraries of what is compiled.
fn places(rustc: &mut Command) -> Result<(PathBuf, PathBuf)> {
    let answer = ask(rustc.args(["--print", "sysroot", "--print", "target-libdir"]))?;
    let answer = answer.map(|answer| answer.stdout).unwrap_or_default();
    let mut lines = answer.lines().map(|line| PathBuf::from(line.trim()));
    let mut next = || lines.next().context("rustc does not say where it lies");
    Ok((next()?, next()?))
}

/// The real program, for one that stands before it.
///
/// # Errors
///
/// No kernel has called.
pub fn real(variable: &str) -> Result<Command> {
    let program = env::var_os(variable)
        .with_context(|| format!("{variable} is not set: only a notebook kernel calls this"))?;
    Ok(Command::new(program))
}

/// evcxr asks rustup where cargo and rustc are: cargo is the one that stands before it.
///
/// # Errors
///
/// No kernel has called.
pub fn rustup(home: &Home, arguments: &[String]) -> Result<Option<PathBuf>> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Ok(match words.as_slice() {
        ["which", "cargo"] => Some(home.programs().join("cargo")),
        ["which", "rustc"] => env::var_os(RUSTC).map(PathBuf::from),
        _ => None,
    })
}

/// The real rustup, where there is one.
///
/// # Errors
///
/// There is none.
pub fn real_rustup() -> Result<Command> {
    real(RUSTUP)
}

fn path_with(ours: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter(|folder| folder != ours);
    env::join_paths(std::iter::once(ours.to_owned()).chain(folders))
        .with_context(|| format!("{} has a colon in it: move it", ours.display()))
}

fn behind(name: &str, ours: &Path) -> Result<PathBuf> {
    on_path_without(name, ours).with_context(|| {
        format!(
            "no {name} is on PATH: install Rust from https://rustup.rs, then start Jupyter from a new terminal"
        )
    })
}
