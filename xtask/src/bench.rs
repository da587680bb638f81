//! How fast it is, beside what else does the same work, in one run.
//!
//! Every side is a program that waits on its standard input and answers in turn, so that what
//! happens to the machine meanwhile happens to all.

mod explain;
mod report;
mod train;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;
use crate::setup;
use crate::setup::requirements;
use crate::stamp::{self, Stamp};
use crate::workshop::Workshop;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Measure {
    /// Grad-CAM of the test images, beside pytorch-grad-cam
    Explain,
    /// An epoch of training, beside three ways to do it with PyTorch
    Train,
}

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) runs: usize,
    /// As many as there are processors, if nothing is said.
    pub(crate) threads: Option<usize>,
}

/// Where and with what a measure works.
struct Bench<'a> {
    workshop: &'a Workshop,
    folder: PathBuf,
    /// The Python that the peers run in.
    python: PathBuf,
    runs: usize,
    threads: usize,
}

/// Measures, prints a table, and leaves it with the single runs in target/bench.
pub(crate) fn bench(workshop: &Workshop, measure: Measure, settings: Settings) -> Result<ExitCode> {
    ensure!(settings.runs > 0, "--runs is 0: measure at least once");
    ensure!(
        settings.threads != Some(0),
        "--threads is 0: give at least 1"
    );
    setup::setup(workshop)?;
    let folder = workshop.target().join("bench");
    fs::create_dir_all(&folder)?;
    let bench = Bench {
        workshop,
        python: environment(workshop, &folder)?,
        folder,
        runs: settings.runs,
        threads: match settings.threads {
            Some(threads) => threads,
            None => thread::available_parallelism()?.get(),
        },
    };
    match measure {
        Measure::Explain => explain::explain(&bench)?,
        Measure::Train => train::train(&bench)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A Python of its own, for the peers need all of PyTorch.
fn environment(workshop: &Workshop, folder: &Path) -> Result<PathBuf> {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    let lock = workshop.python_sources().join("bench.txt");
    let stamp = Stamp::new(venv.join("made-from"), &[&stamp::file(&lock)?]);
    if stamp.is_fresh() {
        return Ok(python);
    }
    println!("target/bench/venv: PyTorch with its packages, about 3 GB to download");
    let temporary = folder.join("tmp");
    for old in [&venv, &temporary] {
        process::remove(old)?;
    }
    fs::create_dir(&temporary)?;
    let made = process::hand_over(
        Command::new(requirements::python()?.program)
            .args(["-m", "venv"])
            .arg(&venv),
    )?;
    ensure!(made.success(), "cannot make target/bench/venv");
    let installed = process::hand_over(
        Command::new(&python)
            .args(["-m", "pip", "install", "--disable-pip-version-check"])
            .args(["--quiet", "--no-deps", "--require-hashes"])
            // pytorch-grad-cam comes as a source package only.
            .args(["--only-binary=:all:", "--no-binary=grad-cam"])
            .args(["--no-cache-dir", "--requirement"])
            .arg(&lock)
            // /tmp may be too small for what is downloaded.
            .env("TMPDIR", &temporary)
            .env("PIP_USER", "0"),
    )?;
    process::remove(&temporary)?;
    ensure!(
        installed.success(),
        "pip cannot install xtask/python/bench.txt; what it says stands above"
    );
    stamp.write()?;
    Ok(python)
}

impl Bench<'_> {
    /// The command of a worker of ours, which is built if need be, with what every one needs to know.
    fn ours(&self, name: &str, weights: &str) -> Result<Command> {
        println!("building {name} in release: the first time, libtorch's C++ takes a few minutes");
        let built = process::hand_over(self.workshop.cargo().args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "gasshuku-tests",
            "--bin",
            name,
        ]))?;
        ensure!(built.success(), "{name} does not compile");
        let mut command = Command::new(self.workshop.target().join("release").join(name));
        self.workshop.find_libtorch(&mut command);
        command
            .arg(self.weights(weights))
            .arg(self.data())
            .arg(self.threads.to_string());
        Ok(command)
    }

    /// The same of a worker in Python.
    fn peer(&self, script: &str, weights: &str) -> Command {
        let mut command = self.python(script);
        command
            .arg(self.weights(weights))
            .arg(self.data().join("fashion-mnist"))
            .args(["--threads", &self.threads.to_string()]);
        command
    }

    fn python(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.workshop.python_sources().join(script));
        command
    }

    fn versions(&self, script: &str) -> Result<Value> {
        let answer = process::ask(self.python(script).arg("--versions"))?
            .filter(|answer| answer.success)
            .context("the Python of target/bench/venv does not run: remove that folder")?;
        serde_json::from_str(&answer.stdout).with_context(|| format!("{script} has no versions"))
    }

    /// A file of weights of LeNet.
    fn weights(&self, name: &str) -> PathBuf {
        self.workshop.root().join("tests/reference").join(name)
    }

    fn data(&self) -> PathBuf {
        self.workshop.root().join("data")
    }
}
