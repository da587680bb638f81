//! The steps of set-up, and the long programs that they run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::process::{cannot_start, format_duration};

pub(crate) const REQUIREMENTS: Step = Step {
    number: 1,
    name: "requirements",
};
pub(crate) const PACKAGES: Step = Step {
    number: 2,
    name: "Python packages",
};
pub(crate) const LIBTORCH: Step = Step {
    number: 3,
    name: "libtorch",
};
pub(crate) const EVCXR: Step = Step {
    number: 4,
    name: "evcxr_jupyter",
};
pub(crate) const TEMPLATE: Step = Step {
    number: 5,
    name: "kernel",
};
const STEPS: usize = 5;

/// How often a running program's progress is printed.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How many lines of a failed program's output are shown.
const LAST_LINES: usize = 25;

/// A step of set-up, as it is printed.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) number: usize,
    pub(crate) name: &'static str,
}

impl Step {
    /// Prints a line about this step.
    pub(crate) fn print(self, text: &str) {
        println!("[{}/{STEPS}] {}: {text}", self.number, self.name);
    }
}

/// The error of a step that was stopped because another one had failed.
#[derive(Debug)]
pub(crate) struct Cancelled;

impl std::fmt::Display for Cancelled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("stopped, because another step has failed")
    }
}

impl std::error::Error for Cancelled {}

/// Runs the long programs of a set-up.
pub(crate) struct Runner {
    /// Set-up's lock. Each program holds it as its standard input: when set-up is killed and its programs
    /// still run, the next set-up waits for them.
    lock: File,
    /// Set when a step has failed: the programs of the others are stopped.
    failed: AtomicBool,
    /// The folder of the programs' output.
    logs: PathBuf,
}

impl Runner {
    pub(crate) fn new(lock: File, logs: PathBuf) -> Self {
        Self {
            lock,
            failed: AtomicBool::new(false),
            logs,
        }
    }

    /// Runs steps. If they fail, the programs of steps that run at the same time are stopped.
    pub(crate) fn run_steps(&self, steps: impl FnOnce() -> Result<bool>) -> Result<bool> {
        let result = steps();
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Runs a program and writes its output to a log file. `progress` turns the output so far into the
    /// line that is printed every ten seconds.
    pub(crate) fn run(
        &self,
        step: Step,
        command: &mut Command,
        progress: &dyn Fn(&str) -> String,
    ) -> Result<()> {
        let log = self.logs.join(format!(
            "{}-{}.log",
            step.number,
            step.name.replace(' ', "-")
        ));
        let status = self.wait(step, command, &log, progress)?;
        if status.success() {
            return Ok(());
        }
        let output = fs::read_to_string(&log).unwrap_or_default();
        Err(failure(step, status, &output, &log))
    }

    fn wait(
        &self,
        step: Step,
        command: &mut Command,
        log: &Path,
        progress: &dyn Fn(&str) -> String,
    ) -> Result<ExitStatus> {
        fs::create_dir_all(&self.logs)?;
        let output =
            File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = command
            .stdin(self.lock.try_clone()?)
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| cannot_start(command))?;
        let start = Instant::now();
        let mut reported = start;
        let mut last = String::new();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if self.failed.load(Ordering::Relaxed) {
                child.kill()?;
                child.wait()?;
                return Err(Cancelled.into());
            }
            if reported.elapsed() >= REPORT_INTERVAL {
                reported = Instant::now();
                let now = progress(&fs::read_to_string(log).unwrap_or_default());
                if now != last || start.elapsed() >= 3 * REPORT_INTERVAL {
                    step.print(&format!("{now} ({})", format_duration(start.elapsed())));
                }
                last = now;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

fn failure(step: Step, status: ExitStatus, output: &str, log: &Path) -> anyhow::Error {
    if let Some(sentence) = known_failure(output) {
        return anyhow!("{}: {sentence} (log: {})", step.name, log.display());
    }
    let lines: Vec<&str> = output.lines().collect();
    let tail = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    anyhow!(
        "{} ended with {status}; the end of {} says:\n{tail}",
        step.name,
        log.display()
    )
}

/// What to tell the user when the cause is outside the failed program: the network, the disk, a download.
fn known_failure(output: &str) -> Option<&'static str> {
    const NETWORK: &str = "the package registry cannot be reached: connect this machine to the \
        network (behind a proxy, set HTTPS_PROXY), then run the same command again; what is \
        already downloaded is kept";
    const DISK: &str = "no space is left on the disk: make room, then run the same command again";
    const HASH: &str = "a download is not the file that the lock file names: run the same command \
        again, and if it comes back, ask who serves your packages";
    let causes = [
        ("No space left on device", DISK),
        ("DO NOT MATCH THE HASHES", HASH),
        ("Temporary failure in name resolution", NETWORK),
        ("NewConnectionError", NETWORK),
        ("ConnectTimeoutError", NETWORK),
        ("ReadTimeoutError", NETWORK),
        ("ProxyError", NETWORK),
        ("Network is unreachable", NETWORK),
        ("Connection refused", NETWORK),
        ("Could not resolve host", NETWORK),
        ("Could not connect to server", NETWORK),
        ("Failed to connect to", NETWORK),
        ("spurious network error", NETWORK),
        ("failed to query replaced source registry", NETWORK),
    ];
    causes
        .iter()
        .find(|(text, _)| output.contains(text))
        .map(|(_, sentence)| *sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_network_is_named() {
        for output in [
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)'",
            "error: failed to download from `https://...`\n[6] Could not resolve hostname (Could not resolve host: index.crates.io)",
        ] {
            assert!(
                known_failure(output).unwrap().contains("network"),
                "{output}"
            );
        }
        assert_eq!(known_failure("error[E0425]: cannot find value"), None);
    }
}
