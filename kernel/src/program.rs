//! Short programs, and files that may not be there.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// What a short program printed.
pub struct Answer {
    /// Whether its exit status was 0.
    pub success: bool,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// Runs a short program to its end. None: there is no such program.
///
/// # Errors
///
/// It is there, and cannot be started.
pub fn ask(command: &mut Command) -> Result<Option<Answer>> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => Ok(Some(Answer {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| cannot_start(command)),
    }
}

/// The sentence for a program that does not start.
pub fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", command.get_program().display())
}

/// There is nothing of that name, or what would be its folder is a file.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Removes a folder or a file, if it is there.
///
/// # Errors
///
/// It is there, and cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if is_missing(&error) => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", path.display())),
    }
}

/// The first program of that name on PATH that can be run.
pub fn on_path(name: &str) -> Option<PathBuf> {
    on_path_without(name, Path::new(""))
}

/// The same, but for one folder.
pub fn on_path_without(name: &str, folder: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .filter(|found| found != folder)
        .map(|folder| folder.join(name))
        .find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_removed_already() {
        let folder = tempfile::tempdir().unwrap();
        remove(&folder.path().join("none")).unwrap();
        fs::write(folder.path().join("file"), "12345").unwrap();
        remove(&folder.path().join("file")).unwrap();
        assert!(!folder.path().join("file").exists());
        fs::create_dir_all(folder.path().join("deep/er")).unwrap();
        remove(&folder.path().join("deep")).unwrap();
        assert!(!folder.path().join("deep").exists());
    }

    #[test]
    fn a_program_that_is_not_there_gives_no_answer() {
        assert!(
            ask(&mut Command::new("/nowhere/program"))
                .unwrap()
                .is_none()
        );
        let answer = ask(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]));
        let answer = answer.unwrap().unwrap();
        assert_eq!(
            (answer.stdout.as_str(), answer.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert!(!answer.success);
    }

    #[test]
    fn a_folder_of_path_can_be_passed_over() {
        let sh = on_path("sh").unwrap();
        assert_ne!(on_path_without("sh", sh.parent().unwrap()), Some(sh));
        assert_eq!(on_path("no-program-has-this-name"), None);
    }
}
