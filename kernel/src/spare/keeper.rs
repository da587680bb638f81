//! Keeps a spare kernel ready.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{TAKEN, is_turned_off, wanted_folder_file};
use crate::guard;
use crate::settings::Home;

/// The memory of a kernel that has loaded libtorch and a data set. No kernel is kept ready if less than
/// twice as much is available.
const KERNEL_BYTES: u64 = 450_000_000;

/// How long to wait before the next kernel is started: the first cells of a user need the processors.
const PAUSE: Duration = Duration::from_secs(10);
/// How often the keeper checks for a wish for another folder.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// How often in a row a kernel may end before anybody has taken it.
const MAX_FAILURES: usize = 3;

/// Keeps a kernel ready, at first in the current folder, until the parent process ends.
///
/// # Errors
///
/// The home cannot be written, or kernels do not start.
pub fn run(home: &Home) -> Result<ExitCode> {
    guard::exit_with_parent();
    let settings = home.settings()?;
    if is_turned_off(&settings) || settings.is_plain(home) {
        return Ok(ExitCode::SUCCESS);
    }
    fs::create_dir_all(home.spares())?;
    let _ = fs::remove_file(wanted_folder_file(home));
    let mut folder = env::current_dir()?;
    let mut failures = 0;
    while failures < MAX_FAILURES {
        if !has_memory_for_two() {
            thread::sleep(PAUSE);
            continue;
        }
        match hold_one(home, &mut folder)? {
            HolderEnd::Taken => {
                failures = 0;
                thread::sleep(PAUSE);
            }
            HolderEnd::WantedElsewhere => failures = 0,
            HolderEnd::Failed => failures += 1,
        }
    }
    bail!("spare kernels have ended {MAX_FAILURES} times before they were taken")
}

/// Why the keeper is done with a holder.
enum HolderEnd {
    Taken,
    WantedElsewhere,
    Failed,
}

/// Lets a process hold a kernel in `folder`. If a kernel is wanted in another folder, `folder` changes.
fn hold_one(home: &Home, folder: &mut PathBuf) -> Result<HolderEnd> {
    let mut holder = Command::new(env::current_exe()?)
        .arg("--home")
        .arg(home.path())
        .arg("spare-kernel")
        .current_dir(&*folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let taken = is_taken(&mut holder)?;
    loop {
        match taken.recv_timeout(CHECK_EVERY) {
            Ok(true) => {
                // The holder goes on by itself. This thread collects its exit status.
                thread::spawn(move || holder.wait());
                return Ok(HolderEnd::Taken);
            }
            Ok(false) | Err(RecvTimeoutError::Disconnected) => {
                holder.wait()?;
                return Ok(HolderEnd::Failed);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(elsewhere) = wanted_elsewhere(home, folder) {
            *folder = elsewhere;
            drop(holder.stdin.take());
            holder.wait()?;
            return Ok(HolderEnd::WantedElsewhere);
        }
    }
}

/// Receives whether the kernel was taken, when the holder prints its first line or ends.
fn is_taken(holder: &mut Child) -> Result<Receiver<bool>> {
    let stdout = holder.stdout.take().context("the holder has no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(read.is_ok() && line.trim() == TAKEN);
    });
    Ok(receiver)
}

fn wanted_elsewhere(home: &Home, folder: &Path) -> Option<PathBuf> {
    let path = wanted_folder_file(home);
    let wanted = PathBuf::from(fs::read_to_string(&path).ok()?);
    let _ = fs::remove_file(path);
    (wanted != folder && wanted.is_dir()).then_some(wanted)
}

/// Only Linux says how much memory is available. On other systems a kernel is kept ready in any case.
fn has_memory_for_two() -> bool {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else {
        return true;
    };
    available_bytes(&text).is_none_or(|bytes| bytes >= 2 * KERNEL_BYTES)
}

fn available_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read() {
        let text = "MemTotal:       24576000 kB\nMemAvailable:    1000 kB\nCached: 5 kB\n";
        assert_eq!(available_bytes(text), Some(1_024_000));
        assert_eq!(available_bytes("MemTotal: 5 kB\n"), None);
    }
}
