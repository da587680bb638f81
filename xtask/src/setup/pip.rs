//! Installing Python packages with pip, from a lock file with hashes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::step::{PACKAGES, Runner, Step};
use crate::process;
use crate::workshop::Workshop;

/// Installs the packages of a lock file into .venv.
pub(crate) fn install(workshop: &Workshop, runner: &Runner, step: Step, lock: &Path) -> Result<()> {
    restore_pip(workshop)?;
    let downloads = Downloads::below(&workshop.scratch())?;
    let mut command = downloads.command(workshop.python(), lock);
    runner.run(step, &mut command, &|output| {
        progress(output, &downloads.temporary)
    })?;
    downloads.remove()
}

/// Puts pip back into .venv if it is missing: Python brings a copy of it.
fn restore_pip(workshop: &Workshop) -> Result<()> {
    let run = |arguments: &[&str]| process::output(workshop.python().args(arguments));
    let version = run(&["-m", "pip", "--version"])?;
    if !version.is_some_and(|version| version.success) {
        PACKAGES.print("putting pip back");
        run(&["-m", "ensurepip", "--upgrade"])?;
    }
    Ok(())
}

/// pip's folders for downloads. They are kept until everything is installed, so that after an interruption
/// only the unfinished download is repeated. They are in the clone, because /tmp may be too small.
pub(crate) struct Downloads {
    cache: PathBuf,
    temporary: PathBuf,
}

impl Downloads {
    pub(crate) fn below(folder: &Path) -> Result<Self> {
        let temporary = folder.join("tmp");
        process::remove_if_exists(&temporary)?;
        fs::create_dir_all(&temporary)?;
        Ok(Self {
            cache: folder.join("pip"),
            temporary,
        })
    }

    /// The command with which a Python installs the packages of a lock file.
    pub(crate) fn command(&self, mut python: Command, lock: &Path) -> Command {
        python
            .args([
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--progress-bar=off",
            ])
            .args(["--no-deps", "--require-hashes", "--only-binary=:all:"])
            .arg("--cache-dir")
            .arg(&self.cache)
            .arg("--requirement")
            .arg(lock)
            .env("TMPDIR", &self.temporary)
            .env("PIP_USER", "0");
        python
    }

    pub(crate) fn remove(self) -> Result<()> {
        process::remove_if_exists(&self.cache)?;
        process::remove_if_exists(&self.temporary)
    }
}

/// How far pip is, from its output so far.
fn progress(output: &str, temporary: &Path) -> String {
    let last = output.lines().rev().map(str::trim).find(|line| {
        ["Downloading", "Using cached", "Installing", "Collecting"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    match last {
        Some(line) if line.starts_with("Installing") => "unpacking".to_owned(),
        Some(line) => {
            let megabytes = process::size(temporary) / 1_000_000;
            let line: String = line.chars().take(80).collect();
            format!("{line}; {megabytes} MB fetched")
        }
        None => "asking the registry".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_names_the_download() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("wheel"), vec![0; 2_000_000]).unwrap();
        let output = "Collecting torch\n  Downloading torch-2.13.0.whl (526.6 MB)\n";
        assert_eq!(
            progress(output, folder.path()),
            "Downloading torch-2.13.0.whl (526.6 MB); 2 MB fetched"
        );
        assert_eq!(
            progress("Installing collected packages: a", folder.path()),
            "unpacking"
        );
    }
}
