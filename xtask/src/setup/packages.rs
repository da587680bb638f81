//! Python packages from a lock file with hashes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use evcxr_prewarm::program::Output as Answer;

use super::installed::{Condition, Packages};
use super::{PACKAGES, requirements, venv};
use crate::process::{self, Step, Watch};
use crate::stamp::{self, Stamp};
use crate::workshop::Workshop;

/// While it works; half of it stays.
const GB: f64 = 0.7;

/// JupyterLab and what executes notebooks.
pub(crate) fn install(workshop: &Workshop, watch: &Watch) -> Result<bool> {
    let packages = packages(workshop)?;
    match packages.condition(workshop) {
        Condition::Whole => return Ok(false),
        Condition::NotInstalled => {
            PACKAGES.translated("JupyterLab and what it needs, about 90 MB to download");
        }
        damaged @ Condition::Damaged(_) => {
            PACKAGES.translated(&format!("downloading again what is damaged: {damaged}"));
        }
    }
    packages.install(workshop, watch, PACKAGES)?;
    PACKAGES.translated("done");
    Ok(true)
}

pub(crate) fn condition(workshop: &Workshop) -> Condition {
    packages(workshop).map_or(Condition::NotInstalled, |them| them.condition(workshop))
}

pub(crate) fn missing_gb(workshop: &Workshop) -> f64 {
    if condition(workshop).is_whole() {
        0.0
    } else {
        GB
    }
}

fn packages(workshop: &Workshop) -> Result<Packages> {
    let lock = workshop.python_sources().join("jupyter.txt");
    Packages::of(&lock, workshop.venv_stamp("packages"), &[])
}

/// Installs what a lock file names, and nothing else, into .venv.
pub(crate) fn pip(workshop: &Workshop, watch: &Watch, step: Step, lock: &Path) -> Result<()> {
    provide_pip(workshop)?;
    let downloads = Downloads::below(&workshop.scratch())?;
    let mut command = downloads.pip(workshop.python(), lock);
    watch.run(step, &mut command, &|output| {
        progress(output, &downloads.temporary)
    })?;
    downloads.remove()
}

/// Python brings a pip along: it is put back where .venv's has gone.
fn provide_pip(workshop: &Workshop) -> Result<()> {
    let run = |words: &[&str]| process::ask(workshop.python().args(words));
    let works = |answer: Option<Answer>| answer.is_some_and(|answer| answer.success);
    if !works(run(&["-m", "pip", "--version"])?) {
        PACKAGES.translated("putting pip back");
        run(&["-m", "ensurepip", "--upgrade"])?;
    }
    Ok(())
}

/// The Python of a virtual environment in a folder's `venv`, made if need be from a lock file that the
/// notebooks have no need of: one of `python_sources`, or a path.
pub(crate) fn environment(
    workshop: &Workshop,
    folder: &Path,
    lock: impl AsRef<Path>,
    options: &[&str],
    what: &str,
) -> Result<PathBuf> {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    let lock = workshop.python_sources().join(lock);
    let stamp = Stamp::new(venv.join("made-from"), &[&stamp::hash_file(&lock)?]);
    if stamp.is_fresh() {
        return Ok(python);
    }
    println!("{}: {what}", workshop.relative(&venv));
    venv::create(&requirements::python()?.program, &venv)?;
    let downloads = Downloads::below(folder)?;
    let mut pip = downloads.pip(Command::new(&python), &lock);
    let installed = process::hand_over(pip.arg("--quiet").args(options))?;
    ensure!(
        installed.success(),
        "pip cannot install {}; what it says stands above",
        workshop.relative(&lock)
    );
    downloads.remove()?;
    stamp.write()?;
    Ok(python)
}

/// Where pip keeps what it fetches until it is installed, so that after an interruption only what
/// was on its way is fetched again. In the clone, for /tmp may be too small.
pub(crate) struct Downloads {
    cache: PathBuf,
    temporary: PathBuf,
}

impl Downloads {
    pub(crate) fn below(folder: &Path) -> Result<Self> {
        let temporary = folder.join("tmp");
        process::remove(&temporary)?;
        fs::create_dir_all(&temporary)?;
        Ok(Self {
            cache: folder.join("pip"),
            temporary,
        })
    }

    /// The command that installs what a lock file names for that Python.
    pub(crate) fn pip(&self, mut python: Command, lock: &Path) -> Command {
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
        process::remove(&self.cache)?;
        process::remove(&self.temporary)
    }
}

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
