//! The guard: a process that removes what a kernel leaves behind, however the kernel ends.

use std::env;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::settings::Home;
use crate::{directory, program};

/// How often the guard tries to remove a folder.
const ATTEMPTS: u32 = 20;
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// How often a process checks that its parent still runs.
const CHECK_PARENT_EVERY: Duration = Duration::from_millis(500);

/// The guard's process, as the process that starts the kernel sees it. The guard reads a pipe from this
/// process. When this process has ended, for whatever reason, the pipe ends, and the guard does its work.
#[derive(Debug)]
pub struct Guard(Child);

impl Guard {
    /// Starts a guard for a kernel's directory and for its temporary folders. If `keep`, the directory is
    /// not removed: set-up needs it.
    ///
    /// # Errors
    ///
    /// The process does not start.
    pub fn start<'path>(
        home: &Home,
        directory: &Path,
        temporary: impl Iterator<Item = &'path Path>,
        keep: bool,
    ) -> Result<Self> {
        let mut guard = Command::new(env::current_exe()?);
        guard
            .arg("--home")
            .arg(home.path())
            .arg("guard")
            .arg(directory);
        for folder in temporary {
            guard.arg("--temporary").arg(folder);
        }
        if keep {
            guard.arg("--keep");
        }
        let process = guard
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start the kernel's guard")?;
        Ok(Self(process))
    }

    /// Tells the guard which process group it has to kill.
    ///
    /// # Errors
    ///
    /// The guard has died.
    pub fn watch(&mut self, group: u32) -> Result<()> {
        let pipe = self.0.stdin.as_mut().context("the guard has no pipe")?;
        writeln!(pipe, "{group}").context("the kernel's guard has died")
    }
}

/// The guard's own work: waits until the pipe on its standard input ends, kills what is left of the kernel
/// and removes its directory and its temporary folders.
///
/// # Errors
///
/// The directory cannot be removed.
pub fn run(directory: &Path, temporary: &[PathBuf], keep: bool) -> Result<ExitCode> {
    let mut group = String::new();
    io::stdin().read_to_string(&mut group)?;
    if let Ok(group) = group.trim().parse::<u32>() {
        kill_group(group);
    }
    let mut attempts = ATTEMPTS;
    for folder in temporary {
        // A process that ends at the same time may be removing files there, too.
        while program::remove_if_exists(folder).is_err() && folder.exists() && attempts > 0 {
            attempts -= 1;
            thread::sleep(RETRY_AFTER);
        }
    }
    if !keep {
        directory::remove_when_unused(directory)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Kills evcxr_jupyter, which leads the group, a cell that still computes, and compilers. The number of a
/// group is not used again while one of them lives. If none does, there is no such group.
fn kill_group(group: u32) {
    let _ = Command::new("sh")
        .arg("-c")
        .arg(format!("kill -9 -{group}"))
        .status();
}

/// Ends this process soon after its parent. Jupyter ends its kernels when it ends; when it is killed, it
/// cannot.
pub fn exit_with_parent() {
    let parent = parent_id();
    thread::spawn(move || {
        while parent_id() == parent {
            thread::sleep(CHECK_PARENT_EVERY);
        }
        process::exit(1);
    });
}
