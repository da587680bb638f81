//! The system, Rust, the C++ compiler and git: what a machine must have before set-up can begin.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use evcxr_prewarm::program::Output;
use evcxr_prewarm::toolchain;

use crate::process;
use crate::workshop::Workshop;

/// The oldest Rust that evcxr_jupyter builds with.
const OLDEST_RUST: [u32; 2] = [1, 95];

/// The name of the system, or an error if set-up cannot work on it, whatever is installed.
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

/// The version of rustc, or an error if it is too old or incomplete.
pub(crate) fn rust() -> Result<String> {
    let output = process::output(Command::new("rustc").arg("--version"))?
        .filter(|output| output.success)
        .context("no rustc is on PATH: install Rust from https://rustup.rs")?;
    let version = output
        .stdout
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    if major_minor(&version).is_none_or(|found| found < OLDEST_RUST) {
        bail!(
            "Rust {version} is too old, {}.{} or newer is needed: run `rustup update stable`",
            OLDEST_RUST[0],
            OLDEST_RUST[1]
        );
    }
    check_shared_library()?;
    Ok(version)
}

/// Cells are libraries of one process and share Rust's standard library as a shared library. Some
/// distributions leave it out.
fn check_shared_library() -> Result<()> {
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

/// The name of the C++ compiler, after it has built a C++17 program. It is needed even if all C++ is
/// compiled already: Rust links with it.
pub(crate) fn compiler(workshop: &Workshop) -> Result<String> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let advice = if cfg!(target_os = "macos") {
        "install Apple's with `xcode-select --install`"
    } else {
        "install one (Debian, Ubuntu: sudo apt install g++; Fedora: sudo dnf install gcc-c++)"
    };
    let output = compile_example(workshop, &compiler)?
        .with_context(|| format!("no C++ compiler is on PATH ({compiler}): {advice}"))?;
    if output.success {
        return Ok(compiler);
    }
    if output.stderr.contains("gomp") {
        bail!("{compiler} does not find libgomp, which libtorch is linked with: {advice}");
    }
    let reason = output.stderr.lines().next().unwrap_or("no reason given");
    bail!("{compiler} cannot build a C++17 program ({reason}): {advice}")
}

/// Compiles and links a small C++17 program. No output if there is no such compiler.
fn compile_example(workshop: &Workshop, compiler: &str) -> Result<Option<Output>> {
    const SOURCE: &str = "#include <optional>\n#include <string_view>\n\
                          int main() { std::optional<std::string_view> none; return none ? 1 : 0; }\n";
    let folder = workshop.scratch().join("compiler");
    fs::create_dir_all(&folder)?;
    let source = folder.join("try.cpp");
    fs::write(&source, SOURCE)?;
    // CXX may contain arguments.
    let mut words = compiler.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("c++"));
    command.args(words).arg("-std=c++17").arg(&source);
    command.arg("-o").arg(folder.join("try"));
    if cfg!(target_os = "linux") {
        // tch links with it, and clang comes without it.
        command.arg("-lgomp");
    }
    let output = process::output(&mut command)?;
    process::remove_if_exists(&folder)?;
    Ok(output)
}

/// The version of git.
pub(crate) fn git() -> Result<String> {
    let output = process::output(Command::new("git").arg("--version"))?
        .filter(|output| output.success)
        .context("no git is on PATH: install it (Debian, Ubuntu: sudo apt install git)")?;
    Ok(output
        .stdout
        .trim()
        .trim_start_matches("git version ")
        .to_owned())
}

/// The first two numbers of a version.
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
