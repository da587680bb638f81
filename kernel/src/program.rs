//! Running short programs, finding them on PATH, and removing files that may not exist.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

/// What a program has printed, and whether it succeeded.
pub struct Output {
    /// Whether its exit status was 0.
    pub success: bool,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// Runs a program to its end, with an empty standard input. `None` if there is no such program.
///
/// # Errors
///
/// The program exists, but cannot be started.
pub fn output(command: &mut Command) -> Result<Option<Output>> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => Ok(Some(Output {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| cannot_start(command)),
    }
}

/// The error message for a program that does not start.
pub fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", command.get_program().display())
}

/// The exit code that a shell would report: 128 plus the signal's number if a signal ended the
/// program.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Nothing has that name, or a folder in the path is a file.
fn is_not_found(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Removes a folder or a file, if it exists.
///
/// # Errors
///
/// It exists, but cannot be removed.
pub fn remove_if_exists(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if is_not_found(&error) => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", path.display())),
    }
}

/// The first executable file of that name on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    on_path_without(name, Path::new(""))
}

/// The first executable file of that name on PATH, outside of one folder.
pub fn on_path_without(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .filter(|found| found != folder)
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_what_does_not_exist_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        remove_if_exists(&folder.path().join("none")).unwrap();
        fs::write(folder.path().join("file"), "12345").unwrap();
        remove_if_exists(&folder.path().join("file")).unwrap();
        assert!(!folder.path().join("file").exists());
        fs::create_dir_all(folder.path().join("deep/er")).unwrap();
        remove_if_exists(&folder.path().join("deep")).unwrap();
        assert!(!folder.path().join("deep").exists());
    }

    #[test]
    fn a_program_that_does_not_exist_gives_no_output() {
        assert!(
            output(&mut Command::new("/nowhere/program"))
                .unwrap()
                .is_none()
        );
        let result = output(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]));
        let result = result.unwrap().unwrap();
        assert_eq!(
            (result.stdout.as_str(), result.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert!(!result.success);
    }

    #[test]
    fn a_folder_on_path_can_be_skipped() {
        let sh = on_path("sh").unwrap();
        assert_ne!(on_path_without("sh", sh.parent().unwrap()), Some(sh));
        assert_eq!(on_path("no-program-has-this-name"), None);
    }
}
