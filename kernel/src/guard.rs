//! Clears up behind a kernel.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::{directory, program};

const TRIES: u32 = 20;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Waits for the launcher's end, then kills what is left of the kernel and removes its directory.
pub fn guard(directory: &Path, temporary: &[PathBuf], keep: bool) -> Result<ExitCode> {
    let mut told = String::new();
    io::stdin().read_to_string(&mut told)?;
    if let Ok(group) = told.trim().parse::<u32>() {
        kill_group(group);
    }
    let mut tries = TRIES;
    for folder in temporary {
        // Somebody who ends at the same time may be removing files there, too.
        while program::remove(folder).is_err() && folder.exists() && tries > 0 {
            tries -= 1;
            thread::sleep(TRY_AGAIN_AFTER);
        }
    }
    if !keep {
        directory::remove_when_free(directory)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// evcxr_jupyter leads the group; a cell that still computes, and cargo, are in it. A group's
/// number is not given away again while one of them lives; where none does, there is no such group.
fn kill_group(group: u32) {
    let _ = Command::new("sh")
        .arg("-c")
        .arg(format!("kill -9 -{group}"))
        .status();
}
