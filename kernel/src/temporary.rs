//! Temporary folders with short paths without spaces.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The longest path of a folder, in bytes. A socket's path may have 100 bytes on all systems.
const LONGEST: usize = 60;

/// Creates a private folder with a short path without spaces, for sockets.
///
/// # Errors
///
/// The folder cannot be created.
pub fn folder() -> Result<TempDir> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|path| is_suitable(path));
    let base = runtime.unwrap_or_else(|| PathBuf::from("/tmp"));
    let folder = tempfile::Builder::new()
        .prefix("evcxr-")
        .tempdir_in(&base)
        .or_else(|_| tempfile::Builder::new().prefix("evcxr-").tempdir())
        .context("cannot make a temporary folder")?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700))?;
    Ok(folder)
}

fn is_suitable(path: &Path) -> bool {
    let text = path.to_string_lossy();
    path.is_dir() && text.len() < LONGEST && !text.contains(char::is_whitespace)
}

/// A link to a directory, and the temporary folder that contains the link. `None` if the directory's path
/// has no space. evcxr 0.22 sends the path of a cell's library to the process that runs the cells without
/// quotes: with a space in it, no kernel starts.
///
/// # Errors
///
/// The link cannot be created.
pub fn link_without_spaces(directory: &Path) -> Result<Option<(TempDir, PathBuf)>> {
    if !directory.to_string_lossy().contains(char::is_whitespace) {
        return Ok(None);
    }
    let folder = folder()?;
    let link = folder.path().join("crate");
    symlink(directory, &link).with_context(|| format!("cannot write {}", link.display()))?;
    Ok(Some((folder, link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_private_and_its_path_short() {
        let folder = folder().unwrap();
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(folder.path().join("socket").as_os_str().len() < 100);
    }

    #[test]
    fn a_path_with_a_space_gets_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("with space");
        fs::create_dir(&directory).unwrap();
        let (_kept, link) = link_without_spaces(&directory).unwrap().unwrap();
        assert!(!link.to_str().unwrap().contains(' '));
        assert_eq!(
            link.canonicalize().unwrap(),
            directory.canonicalize().unwrap()
        );
        assert!(link_without_spaces(folder.path()).unwrap().is_none());
    }
}
