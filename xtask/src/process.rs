//! Starting programs, and what is reported of them: times and sizes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};

pub(crate) use evcxr_prewarm::program::{cannot_start, output, remove_if_exists};

/// Runs a program whose output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| cannot_start(command))
}

/// The path of this program.
///
/// `cargo test --workspace` builds it again, with other features of its dependencies, while it runs. Linux
/// then adds " (deleted)" to the path of the running one.
pub(crate) fn this_program() -> Result<PathBuf> {
    let path = env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(PathBuf::from(text.trim_end_matches(" (deleted)")))
}

/// Whether this program runs as root.
pub(crate) fn is_root() -> Result<bool> {
    let user = output(Command::new("id").arg("-u"))?;
    Ok(user.is_some_and(|user| user.stdout.trim() == "0"))
}

/// A duration for people: "3.2 s", "75 s", "3 min 20 s".
pub(crate) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration < Duration::from_secs(10) {
        format!("{:.1} s", duration.as_secs_f64())
    } else if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

/// The size of a file, or of all files below a folder, in bytes. What cannot be read counts as nothing.
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
    fn durations_are_readable() {
        assert_eq!(format_duration(Duration::from_millis(3_240)), "3.2 s");
        assert_eq!(format_duration(Duration::from_secs(75)), "75 s");
        assert_eq!(format_duration(Duration::from_secs(200)), "3 min 20 s");
    }
}
