//! Paths as users write them, and checks of the files there.

use std::borrow::Cow;
use std::path::Path;

use crate::error::{Error, Result};

/// The path with a leading `~` replaced by the home folder, as in a shell. A folder whose name is `~` is
/// preferred.
///
/// # Errors
/// [`Error::File`] for a Windows path on another system, with the path to write instead.
pub(crate) fn expanded(path: &Path) -> Result<Cow<'_, Path>> {
    if path.exists() {
        return Ok(Cow::Borrowed(path));
    }
    if let Ok(below) = path.strip_prefix("~")
        && let Some(home) = std::env::home_dir()
    {
        return Ok(Cow::Owned(home.join(below)));
    }
    if cfg!(windows) {
        return Ok(Cow::Borrowed(path));
    }
    match path.to_str().and_then(windows_path_advice) {
        Some(reason) => Err(Error::file(path, reason)),
        None => Ok(Cow::Borrowed(path)),
    }
}

/// What to write instead of a Windows path; `None` for other paths.
fn windows_path_advice(path: &str) -> Option<String> {
    let slashed = path.replace('\\', "/");
    if let Some((drive, below)) = slashed.split_once(":/")
        && let [letter] = drive.as_bytes()
        && letter.is_ascii_alphabetic()
    {
        let drive = letter.to_ascii_lowercase() as char;
        return Some(format!(
            "this is a Windows path, and the notebook does not run on Windows; in WSL the same file \
             is /mnt/{drive}/{below}"
        ));
    }
    path.contains('\\').then(|| {
        format!("folders are separated by / here; write {slashed:?} if that is what you mean")
    })
}

/// Checks that there is a regular file at the path. `kind` says what it should be, such as "an image file".
///
/// Reading a pipe would wait until somebody writes into it, and some devices never end.
///
/// # Errors
/// [`Error::Io`] if nothing is there, [`Error::File`] for a folder, a pipe, a socket or a device.
pub(crate) fn check_regular_file(path: &Path, kind: &str) -> Result<()> {
    let metadata = std::fs::metadata(path).map_err(Error::io("read", path))?;
    let found = match metadata.file_type() {
        found if found.is_file() => return Ok(()),
        found if found.is_dir() => "a folder",
        _ => "a pipe, a socket or a device",
    };
    Err(Error::file(path, format!("this is {found}, not {kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn accepted(path: &str) -> PathBuf {
        expanded(Path::new(path)).unwrap().into_owned()
    }

    fn rejected(path: &str) -> String {
        let error = expanded(Path::new(path)).expect_err("a Windows path");
        error.to_string()
    }

    #[test]
    fn a_leading_tilde_is_the_home_folder() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(accepted("~/photos of 2026"), home.join("photos of 2026"));
        assert_eq!(accepted("~"), home);
        for other in ["~nobody/photos", "photos/~", "./~/photos"] {
            assert_eq!(accepted(other), Path::new(other));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_windows_path_is_an_error_with_the_path_to_write_instead() {
        assert_eq!(
            rejected(r"C:\Users\me\photos"),
            "C:\\Users\\me\\photos: this is a Windows path, and the notebook does not run on \
             Windows; in WSL the same file is /mnt/c/Users/me/photos"
        );
        assert!(rejected("d:/photos").ends_with("/mnt/d/photos"));
        assert!(rejected(r"..\photos").contains(r#"write "../photos""#));
        assert_eq!(accepted("https://a.b/c"), Path::new("https://a.b/c"));
    }

    #[cfg(unix)]
    #[test]
    fn an_existing_file_with_a_backslash_in_its_name_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join(r"a\b");
        std::fs::write(&odd, "").unwrap();
        assert_eq!(expanded(&odd).unwrap(), odd);
    }
}
