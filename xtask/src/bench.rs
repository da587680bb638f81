//! How fast it is, beside what else does the same work, in one run.
//!
//! Every side is a program that waits on its standard input and answers in turn, so that what
//! happens to the machine meanwhile happens to all.

mod explain;
mod kernel;
mod predict;
mod report;
mod scale;
mod train;
mod worker;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::process;
use crate::setup;
use crate::setup::packages;
use crate::workshop::Workshop;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Measure {
    /// A notebook opened, until it shows a tensor, beside Python's kernel and evcxr as it comes
    Start,
    /// The round trip of every cell of every notebook, beside evcxr as it comes
    Cells,
    /// The first wrong cell of a kernel, beside evcxr as it comes
    Mistakes,
    /// The first chart that a cell draws with plotters, beside evcxr as it comes
    Figures,
    /// The five hundredth cell of a kernel, its memory and files
    Long,
    /// What it costs to watch a training in a notebook
    Watch,
    /// An epoch of training, beside three ways to do it with PyTorch
    Train,
    /// Training in larger batches and with more images
    Scale,
    /// Evaluation and prediction, beside PyTorch
    Predict,
    /// Grad-CAM of the test images, beside pytorch-grad-cam
    Explain,
    /// What a kernel takes of memory and disk, beside Python's
    Memory,
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
    date: String,
    tch: String,
}

/// Measures, prints a table, and leaves it with the single runs in target/bench.
/// Everything, where no measure is named.
pub(crate) fn bench(
    workshop: &Workshop,
    measures: &[Measure],
    settings: Settings,
) -> Result<ExitCode> {
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
        date: said(Command::new("date").arg("+%F"))?,
        tch: said(workshop.cargo().args(["pkgid", "tch"]))?,
    };
    let all = Measure::value_variants();
    for measure in if measures.is_empty() { all } else { measures } {
        match measure {
            Measure::Start => kernel::start(&bench)?,
            Measure::Cells => kernel::cells(&bench)?,
            Measure::Mistakes => kernel::mistakes(&bench)?,
            Measure::Figures => kernel::figures(&bench)?,
            Measure::Long => kernel::long(&bench)?,
            Measure::Watch => kernel::watch(&bench)?,
            Measure::Train => train::train(&bench)?,
            Measure::Scale => scale::scale(&bench)?,
            Measure::Predict => predict::predict(&bench)?,
            Measure::Explain => explain::explain(&bench)?,
            Measure::Memory => kernel::memory(&bench)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a program writes, in one line.
fn said(command: &mut Command) -> Result<String> {
    let answer = process::output(command)?.filter(|answer| answer.success);
    let answer = answer.with_context(|| process::cannot_start(command))?;
    Ok(answer.stdout.trim().to_owned())
}

impl Bench<'_> {
    /// The command of a worker of ours, which is built if need be, with what every one needs to know.
    fn ours(&self, name: &str, weights: &str) -> Result<Command> {
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
        let answer = process::output(self.python(script).arg("--versions"))?
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
