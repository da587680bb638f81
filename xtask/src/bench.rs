//! How fast it is, beside what else does the same work, in one run.
//!
//! Both sides are programs that wait on their standard input and answer in turn, so that what
//! happens to the machine meanwhile happens to both.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::process;
use crate::setup;
use crate::setup::requirements;
use crate::stamp::{self, Stamp, replace_file};
use crate::workshop::{Workshop, forget_cargo};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Measure {
    /// Grad-CAM of the test images, beside pytorch-grad-cam
    Explain,
}

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) runs: usize,
    /// As many as there are processors, if nothing is said.
    pub(crate) threads: Option<usize>,
}

/// The images explained at once, and how many in all.
const CASES: [(usize, usize, &str); 4] = [
    (1, 500, "one by one"),
    (100, 10_000, "batches of 100"),
    (1_000, 10_000, "batches of 1,000"),
    (10_000, 10_000, "all 10,000 at once"),
];

/// The sums of all heat maps may differ by this share: float32, summed up in another order.
const TOLERANCE: f64 = 1e-4;

/// Measures, prints a table, and leaves it with the single runs in target/bench.
pub(crate) fn bench(workshop: &Workshop, measure: Measure, settings: Settings) -> Result<ExitCode> {
    ensure!(settings.runs > 0, "--runs is 0: measure at least once");
    setup::setup(workshop)?;
    let folder = workshop.target().join("bench");
    fs::create_dir_all(&folder)?;
    match measure {
        Measure::Explain => explain(workshop, &folder, settings)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(workshop: &Workshop, folder: &Path, settings: Settings) -> Result<()> {
    let python = environment(workshop, folder)?;
    let ours = build(workshop, "bench-explain")?;
    let threads = match settings.threads {
        Some(threads) => threads,
        None => thread::available_parallelism()?.get(),
    };
    let weights = workshop
        .root()
        .join("tests/reference/explained_sigmoid.safetensors");
    let data = workshop.root().join("data");
    let script = workshop.python_sources().join("bench_explain.py");

    let versions = process::ask(Command::new(&python).arg(&script).arg("--versions"))?
        .filter(|answer| answer.success)
        .context("the Python of target/bench/venv does not run: remove that folder")?;
    let mut rust = Command::new(&ours);
    rust.arg(&weights).arg(&data).arg(threads.to_string());
    workshop.find_libtorch(&mut rust);
    let mut peer = Command::new(&python);
    peer.arg(&script)
        .arg(&weights)
        .arg(data.join("fashion-mnist"))
        .args(["--threads", &threads.to_string()]);
    let mut workers = [Worker::start(rust)?, Worker::start(peer)?];

    let mut results = Vec::new();
    for (batch, count, name) in CASES {
        println!("{name}: {} rounds", settings.runs);
        let request = format!("explain {batch} {count}");
        results.push(Pair::measure(name, &mut workers, &request, settings.runs)?);
    }
    let table = table(&results);
    let heading = format!(
        "Grad-CAM of LeNet at conv2, images a second, {threads} threads, median (smallest to \
         largest) of {} runs, taken in turn",
        settings.runs
    );
    println!("\n{heading}\n\n{table}");
    let described = json!({
        "what": heading,
        "processor": processor(),
        "threads": threads,
        "peer": serde_json::from_str::<Value>(&versions.stdout).context("no versions")?,
        "cases": results.iter().map(Pair::described).collect::<Vec<_>>(),
    });
    let json = serde_json::to_vec_pretty(&described)?;
    replace_file(&folder.join("explain.json"), &json)?;
    let text = format!("{heading}\n\n{table}");
    replace_file(&folder.join("explain.md"), text.as_bytes())?;
    println!("the single runs are in target/bench/explain.json");
    Ok(())
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

fn build(workshop: &Workshop, name: &str) -> Result<PathBuf> {
    println!("building {name} in release: the first time, libtorch's C++ takes a few minutes");
    let built = process::hand_over(workshop.cargo().args([
        "build",
        "--release",
        "--quiet",
        "--package",
        "gasshuku-tests",
        "--bin",
        name,
    ]))?;
    ensure!(built.success(), "{name} does not compile");
    Ok(workshop.target().join("release").join(name))
}

/// A program that answers each line with a line.
struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Returns when it has read its data and warmed up.
    fn start(mut command: Command) -> Result<Worker> {
        forget_cargo(&mut command);
        // Cargo's configuration sets this for tests, which run beside each other. Here one side
        // waits while the other works, and both have libtorch's own setting.
        command.env_remove("GOMP_SPINCOUNT");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("a worker has no standard input or output");
        };
        let mut worker = Worker {
            child,
            requests,
            answers: BufReader::new(answers),
        };
        let line = worker.line()?;
        ensure!(line == "ready", "a worker says `{line}` instead of `ready`");
        Ok(worker)
    }

    fn ask(&mut self, request: &str) -> Result<Run> {
        writeln!(self.requests, "{request}").context("a worker has ended")?;
        Run::read(&self.line()?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line)?;
        ensure!(read > 0, "a worker has ended; what it says stands above");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to do.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

/// One answer of a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    images_per_second: f64,
    /// The sum of all heat maps.
    checksum: f64,
}

impl Run {
    fn read(line: &str) -> Result<Run> {
        let answer: Value = serde_json::from_str(line)
            .with_context(|| format!("a worker answers `{line}`, which is no JSON"))?;
        let number = |key: &str| {
            answer[key]
                .as_f64()
                .with_context(|| format!("a worker answers without `{key}`: {line}"))
        };
        Ok(Run {
            images_per_second: number("images")? / number("seconds")?,
            checksum: number("checksum")?,
        })
    }
}

/// One case, measured on both sides.
struct Pair {
    name: &'static str,
    ours: Vec<f64>,
    peers: Vec<f64>,
}

impl Pair {
    fn measure(
        name: &'static str,
        workers: &mut [Worker; 2],
        request: &str,
        runs: usize,
    ) -> Result<Pair> {
        let mut pair = Pair {
            name,
            ours: Vec::new(),
            peers: Vec::new(),
        };
        for run in 0..runs {
            let mut found = [None, None];
            // Whoever comes second finds a warmer processor.
            for side in [run % 2, 1 - run % 2] {
                found[side] = Some(workers[side].ask(request)?);
            }
            if let [Some(ours), Some(peer)] = found {
                same_work(ours.checksum, peer.checksum)?;
                pair.ours.push(ours.images_per_second);
                pair.peers.push(peer.images_per_second);
            }
        }
        Ok(pair)
    }

    fn ratio(&self) -> f64 {
        median(&self.ours) / median(&self.peers)
    }

    fn described(&self) -> Value {
        json!({
            "case": self.name,
            "gasshuku": self.ours,
            "pytorch-grad-cam": self.peers,
            "ratio": self.ratio(),
        })
    }
}

/// Speed counts only for the same result.
fn same_work(ours: f64, peers: f64) -> Result<()> {
    ensure!(
        (ours - peers).abs() <= TOLERANCE * peers.abs(),
        "the two sides do not compute the same: their heat maps add up to {ours} and {peers}"
    );
    Ok(())
}

fn table(results: &[Pair]) -> String {
    let mut table = String::from(
        "| images | gasshuku | pytorch-grad-cam | ratio |\n| --- | ---: | ---: | ---: |\n",
    );
    for pair in results {
        table += &format!(
            "| {} | {} | {} | {:.1} × |\n",
            pair.name,
            spread(&pair.ours),
            spread(&pair.peers),
            pair.ratio()
        );
    }
    table
}

fn spread(values: &[f64]) -> String {
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(0.0, f64::max);
    format!("{:.0} ({smallest:.0} to {largest:.0})", median(values))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| {
            Some(
                line.strip_prefix("model name")?
                    .split_once(": ")?
                    .1
                    .to_owned(),
            )
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let run = Run::read(r#"{"seconds": 0.5, "images": 100, "checksum": 3.25}"#).unwrap();
        let expected = Run {
            images_per_second: 200.0,
            checksum: 3.25,
        };
        assert_eq!(run, expected);
        for wrong in [
            "",
            "Traceback",
            r#"{"seconds": 1}"#,
            r#"{"images": "many"}"#,
        ] {
            assert!(Run::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), 3.0);
        assert_eq!(spread(&[9.0, 1.0, 5.0]), "5 (1 to 9)");
    }

    #[test]
    fn other_work_is_no_comparison() {
        same_work(1_000.05, 1_000.0).unwrap();
        let refused = same_work(1_000.2, 1_000.0).unwrap_err().to_string();
        assert!(refused.contains("add up to 1000.2 and 1000"), "{refused}");
        assert!(same_work(f64::NAN, 1.0).is_err());
    }

    #[test]
    fn the_table_has_medians_and_their_ratio() {
        let pair = Pair {
            name: "batches of 100",
            ours: vec![60.0, 50.0, 70.0],
            peers: vec![10.0, 10.0, 12.0],
        };
        let table = table(&[pair]);
        let row = "| batches of 100 | 60 (50 to 70) | 10 (10 to 12) | 6.0 × |\n";
        assert!(table.ends_with(row), "{table}");
    }
}
