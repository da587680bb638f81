//! What a machine must have before set-up can begin.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use evcxr_prewarm::toolchain;

use super::libtorch::Source;
use super::{REQUIREMENTS, evcxr, libtorch, packages, template, venv};
use crate::process;
use crate::workshop::Workshop;

/// The oldest that evcxr_jupyter builds with.
const RUST: [u32; 2] = [1, 95];
/// The Pythons that torch 2.13.0 has wheels for.
const PYTHON: std::ops::RangeInclusive<[u32; 2]> = [3, 10]..=[3, 14];
/// What cargo builds beside the kernels: the tests.
const ALWAYS_GB: f64 = 0.5;

/// Refuses what set-up would fail on later, and less clearly.
pub(crate) fn check(workshop: &Workshop, source: &Source) -> Result<()> {
    let rust = rust()?;
    let compiler = compiler(workshop)?;
    let missing = missing_gb(workshop, source);
    if missing == 0.0 {
        return Ok(());
    }
    let room = room(workshop, missing)?;
    let python = if venv::is_usable(workshop) {
        venv::probe(workshop)?.version
    } else {
        python()?.version
    };
    REQUIREMENTS.translated(&format!(
        "Rust {rust}, Python {python}, {compiler}, {room:.0} GB of room ({missing:.0} needed)"
    ));
    Ok(())
}

/// Where set-up cannot work whatever is installed.
pub(crate) fn platform() -> Result<&'static str> {
    if cfg!(windows) {
        bail!("set-up works on Linux and macOS; on Windows, use it inside WSL2");
    }
    if cfg!(all(target_os = "macos", not(target_arch = "aarch64"))) {
        bail!("there is no libtorch 2.13 for Macs with an Intel processor");
    }
    Ok(if cfg!(target_os = "macos") {
        "macOS on Apple silicon"
    } else if cfg!(target_arch = "aarch64") {
        "Linux on ARM"
    } else {
        "Linux on x86-64"
    })
}

/// The version of rustc.
pub(crate) fn rust() -> Result<String> {
    let answer = process::ask(Command::new("rustc").arg("--version"))?
        .filter(|answer| answer.success)
        .context("no rustc is on PATH: install Rust from https://rustup.rs")?;
    let version = answer
        .stdout
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    if major_minor(&version).is_none_or(|found| found < RUST) {
        bail!(
            "Rust {version} is too old, {}.{} or newer is needed: run `rustup update stable`",
            RUST[0],
            RUST[1]
        );
    }
    shared_library()?;
    Ok(version)
}

/// Cells are loaded into one process, and share Rust's library. Some distributions leave it out.
fn shared_library() -> Result<()> {
    let sysroot = toolchain::sysroot(&mut Command::new("rustc"))?;
    let targets = fs::read_dir(sysroot.join("lib/rustlib"))
        .into_iter()
        .flatten();
    let folders = targets.flatten().map(|target| target.path().join("lib"));
    let files = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<String> = folders
        .flat_map(files)
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("libstd-"))
        .collect();
    let is_shared = |name: &String| name.ends_with(".so") || name.ends_with(".dylib");
    if !names.is_empty() && !names.iter().any(is_shared) {
        bail!(
            "this Rust comes without its shared library, libstd-….so, which notebooks need: install \
             Rust from https://rustup.rs"
        );
    }
    Ok(())
}

/// A Python that can make the virtual environment.
pub(crate) struct Python {
    pub(crate) program: String,
    pub(crate) version: String,
}

/// The Python that GASSHUKU_PYTHON names, else the first that will do on PATH.
pub(crate) fn python() -> Result<Python> {
    if let Some(named) = env::var("GASSHUKU_PYTHON")
        .ok()
        .filter(|named| !named.is_empty())
    {
        return try_python(&named)?
            .with_context(|| format!("GASSHUKU_PYTHON names {named}, which is not there"))?;
    }
    let minors = (PYTHON.start()[1]..=PYTHON.end()[1]).rev();
    let names =
        std::iter::once("python3".to_owned()).chain(minors.map(|minor| format!("python3.{minor}")));
    let mut refusal = None;
    for name in names {
        match try_python(&name)? {
            Some(Ok(python)) => return Ok(python),
            Some(Err(error)) => refusal = refusal.or(Some(error)),
            None => {}
        }
    }
    Err(refusal.unwrap_or_else(|| {
        anyhow!(
            "no python3 is on PATH: install Python 3.10 or newer (Debian, Ubuntu: sudo apt \
             install python3 python3-venv)"
        )
    }))
}

/// None: there is no such program.
fn try_python(program: &str) -> Result<Option<Result<Python>>> {
    const SCRIPT: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3], flush=True); \
                          import venv, ensurepip";
    let Some(answer) = process::ask(Command::new(program).args(["-c", SCRIPT]))? else {
        return Ok(None);
    };
    let version = answer.stdout.trim().to_owned();
    let Some(found) = major_minor(&version) else {
        // A shim of a version manager that has no such Python.
        return Ok(None);
    };
    if found < *PYTHON.start() {
        return Ok(Some(Err(anyhow!(
            "{program} is Python {version}, and 3.10 or newer is needed: install one, and name it \
             in GASSHUKU_PYTHON where it is not the python3 on PATH"
        ))));
    }
    if found > *PYTHON.end() {
        return Ok(Some(Err(anyhow!(
            "{program} is Python {version}, and libtorch {} is there for 3.10 to 3.14: install \
             one of these, and name it in GASSHUKU_PYTHON",
            libtorch::VERSION
        ))));
    }
    if !answer.success {
        let [major, minor] = found;
        return Ok(Some(Err(anyhow!(
            "{program} is Python {version} without venv: install it (Debian, Ubuntu: sudo apt \
             install python{major}.{minor}-venv)"
        ))));
    }
    Ok(Some(Ok(Python {
        program: program.to_owned(),
        version,
    })))
}

/// A C++17 compiler that makes a program. It is always needed: Rust links with it.
pub(crate) fn compiler(workshop: &Workshop) -> Result<String> {
    const SOURCE: &str = "#include <optional>\n#include <string_view>\n\
                          int main() { std::optional<std::string_view> none; return none ? 1 : 0; }\n";
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let missing = if cfg!(target_os = "macos") {
        "install Apple's with `xcode-select --install`"
    } else {
        "install one (Debian, Ubuntu: sudo apt install g++; Fedora: sudo dnf install gcc-c++)"
    };
    let folder = workshop.scratch().join("compiler");
    fs::create_dir_all(&folder)?;
    let source = folder.join("try.cpp");
    fs::write(&source, SOURCE)?;
    let mut words = compiler.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("c++"));
    command.args(words).arg("-std=c++17").arg(&source);
    command.arg("-o").arg(folder.join("try"));
    if cfg!(target_os = "linux") {
        // tch links to it, and clang does not bring it.
        command.arg("-lgomp");
    }
    let answer = process::ask(&mut command)?
        .with_context(|| format!("no C++ compiler is on PATH ({compiler}): {missing}"))?;
    process::remove(&folder)?;
    if answer.success {
        return Ok(compiler);
    }
    if answer.stderr.contains("gomp") {
        bail!("{compiler} does not find libgomp, which libtorch is linked with: {missing}");
    }
    let reason = answer
        .stderr
        .lines()
        .next()
        .unwrap_or("no reason given")
        .to_owned();
    bail!("{compiler} cannot build a C++17 program ({reason}): {missing}")
}

/// The version of git.
pub(crate) fn git() -> Result<String> {
    let answer = process::ask(Command::new("git").arg("--version"))?
        .filter(|answer| answer.success)
        .context("no git is on PATH: install it (Debian, Ubuntu: sudo apt install git)")?;
    Ok(answer
        .stdout
        .trim()
        .trim_start_matches("git version ")
        .to_owned())
}

/// How much the steps still to do take while they work.
pub(crate) fn missing_gb(workshop: &Workshop, source: &Source) -> f64 {
    let missing = packages::missing_gb(workshop)
        + libtorch::missing_gb(workshop, source)
        + evcxr::missing_gb(workshop)
        + template::missing_gb(workshop);
    if missing == 0.0 {
        0.0
    } else {
        missing + ALWAYS_GB
    }
}

/// The gigabytes that are free, if they are enough.
pub(crate) fn room(workshop: &Workshop, needed: f64) -> Result<f64> {
    let answer = process::ask(Command::new("df").arg("-Pk").arg(workshop.root()))?;
    let kilobytes: Option<f64> = answer.and_then(|answer| {
        let line = answer.stdout.lines().nth(1)?.to_owned();
        let mut from_right = line.split_whitespace().rev();
        from_right.nth(2)?.parse().ok()
    });
    let free = kilobytes.context("df does not say how much room is left")? * 1024.0 / 1e9;
    if free < needed {
        bail!(
            "set-up needs {needed:.1} GB on the disk of {}, and {free:.1} GB are free: make room, \
             then run the same command again",
            workshop.root().display()
        );
    }
    Ok(free)
}

pub(crate) fn major_minor(version: &str) -> Option<[u32; 2]> {
    let mut numbers = version
        .split(['.', '-', '+'])
        .map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(major_minor("1.95.0"), Some([1, 95]));
        assert_eq!(major_minor("1.100.0-nightly"), Some([1, 100]));
        assert!(major_minor("1.100.0") > major_minor("1.95.0"));
        assert_eq!(major_minor("pyenv: python3.12: command not found"), None);
    }
}
