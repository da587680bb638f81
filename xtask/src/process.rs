//! Programs that set-up starts: short ones whose output is read, long ones that are watched.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

/// How often a long step says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// As much of a failed program's output as helps, and no more.
const LAST_LINES: usize = 25;

pub(crate) use evcxr_prewarm::program::{cannot_start, output as ask, remove_if_exists as remove};

/// Runs a program that talks to the user itself.
pub(crate) fn hand_over(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| cannot_start(command))
}

/// `cargo test --workspace` builds this program anew, with other features of what it depends on, while it
/// runs: Linux then has another name for the one that runs.
pub(crate) fn this_program() -> Result<PathBuf> {
    let path = env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(PathBuf::from(text.trim_end_matches(" (deleted)")))
}

/// Whether root has started this program.
pub(crate) fn is_root() -> Result<bool> {
    let answer = ask(Command::new("id").arg("-u"))?;
    Ok(answer.is_some_and(|answer| answer.stdout.trim() == "0"))
}

/// A step of set-up, as it is announced.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) number: usize,
    pub(crate) name: &'static str,
}

/// How many steps set-up has.
pub(crate) const STEPS: usize = 5;

impl Step {
    pub(crate) fn translated(self, text: &str) {
        println!("[{}/{STEPS}] {}: {text}", self.number, self.name);
    }
}

/// A step that was ended because another one had failed.
#[derive(Debug)]
pub(crate) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("stopped, for another step has failed")
    }
}

impl std::error::Error for Stopped {}

/// What all long programs of a set-up share.
pub(crate) struct Watch {
    /// Set-up's lock. Each program holds it as its standard input, so that the next set-up waits
    /// for what one that was killed has left running.
    pub(crate) lock: File,
    /// Set when a step has failed: the others end.
    pub(crate) stop: AtomicBool,
    /// Where the programs' output is kept.
    pub(crate) logs: PathBuf,
}

impl Watch {
    /// Runs a long program, its output in a log file. `progress` makes of that output what is said
    /// every ten seconds.
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
        let status = self.watch(step, command, &log, progress)?;
        if status.success() {
            return Ok(());
        }
        let output = fs::read_to_string(&log).unwrap_or_default();
        Err(failure(step, status, &output, &log))
    }

    fn watch(
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
            if self.stop.load(Ordering::Relaxed) {
                child.kill()?;
                child.wait()?;
                return Err(Stopped.into());
            }
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                let now = progress(&fs::read_to_string(log).unwrap_or_default());
                if now != last || start.elapsed() >= 3 * REPORT_EVERY {
                    step.translated(&format!("{now} ({})", duration(start.elapsed())));
                }
                last = now;
            }
            thread::sleep(LOOK_EVERY);
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

/// The sentence for what is not a fault of the program that failed.
pub(crate) fn known_failure(output: &str) -> Option<&'static str> {
    const NETWORK: &str = "the package registry cannot be reached: connect this machine to the \
        network (behind a proxy, set HTTPS_PROXY), then run the same command again; what is \
        already downloaded is kept";
    const ROOM: &str = "no space is left on the disk: make room, then run the same command again";
    const HASH: &str = "a download is not the file that the lock file names: run the same command \
        again, and if it comes back, ask who serves your packages";
    let signs = [
        ("No space left on device", ROOM),
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
    signs
        .iter()
        .find(|(sign, _)| output.contains(sign))
        .map(|(_, sentence)| *sentence)
}

/// "75 s", "3 min 20 s".
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration < Duration::from_secs(10) {
        format!("{:.1} s", duration.as_secs_f64())
    } else if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

/// The bytes that the files below a folder take; what vanishes meanwhile counts nothing.
pub(crate) fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    fs::read_dir(path).map_or(0, |entries| {
        entries.flatten().map(|entry| size(&entry.path())).sum()
    })
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

    #[test]
    fn durations_are_readable() {
        assert_eq!(duration(Duration::from_millis(3_240)), "3.2 s");
        assert_eq!(duration(Duration::from_secs(75)), "75 s");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
    }
}
