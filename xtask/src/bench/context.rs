//! The settings of a benchmark, and the commands of its workers.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;
use crate::setup::packages;
use crate::workshop::Workshop;

/// The options of `cargo xtask bench`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How often each worker is measured.
    pub(crate) runs: usize,
    /// The number of processors if `None`.
    pub(crate) threads: Option<usize>,
}

/// What all measures need.
pub(super) struct Bench<'a> {
    pub(super) workshop: &'a Workshop,
    /// `target/bench`.
    pub(super) folder: PathBuf,
    /// The Python that the other programs run in.
    pub(super) python: PathBuf,
    pub(super) runs: usize,
    pub(super) threads: usize,
    pub(super) date: String,
    /// The version of tch.
    pub(super) tch: String,
}

impl<'a> Bench<'a> {
    /// Installs the other programs if they are missing.
    pub(super) fn new(workshop: &'a Workshop, settings: Settings) -> Result<Self> {
        let folder = workshop.target().join("bench");
        fs::create_dir_all(&folder)?;
        Ok(Self {
            workshop,
            python: packages::environment(
                workshop,
                &folder,
                "bench.txt",
                // pytorch-grad-cam comes as a source package only.
                &["--no-binary=grad-cam"],
                "PyTorch with its packages, about 3 GB to download",
            )?,
            folder,
            runs: settings.runs,
            threads: match settings.threads {
                Some(threads) => threads,
                None => thread::available_parallelism()?.get(),
            },
            date: stdout(Command::new("date").arg("+%F"))?,
            tch: stdout(workshop.cargo().args(["pkgid", "tch"]))?,
        })
    }

    /// The command of one of our workers (`tests/benches`), which is built if necessary.
    pub(super) fn our_worker(&self, name: &str, weights: &str) -> Result<Command> {
        println!("building {name} in release: the first time, libtorch's C++ takes a few minutes");
        let built = process::run(self.workshop.cargo().args([
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

    /// The command of a worker in Python (`xtask/python`).
    pub(super) fn python_worker(&self, script: &str, weights: &str) -> Command {
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

    /// The versions of the packages that a Python worker uses.
    pub(super) fn versions(&self, script: &str) -> Result<Value> {
        let output = process::output(self.python(script).arg("--versions"))?
            .filter(|output| output.success)
            .context("the Python of target/bench/venv does not run: remove that folder")?;
        serde_json::from_str(&output.stdout).with_context(|| format!("{script} has no versions"))
    }

    /// The path of a file with weights of LeNet.
    fn weights(&self, name: &str) -> PathBuf {
        self.workshop.root().join("tests/reference").join(name)
    }

    fn data(&self) -> PathBuf {
        self.workshop.root().join("data")
    }
}

/// What a program writes to its standard output, trimmed.
fn stdout(command: &mut Command) -> Result<String> {
    let output = process::output(command)?.filter(|output| output.success);
    let output = output.with_context(|| process::cannot_start(command))?;
    Ok(output.stdout.trim().to_owned())
}
