//! Paths as people write them.

use std::borrow::Cow;
use std::path::Path;

use crate::error::{Error, Result};

/// The path with the home folder in the place of a leading `~`, as a shell has it. A folder whose
/// name is `~` goes before that.
///
/// # Errors
/// [`Error::File`] for a Windows path where that is none, with the path to write instead.
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
    match path.to_str().and_then(instead_of_windows) {
        Some(reason) => Err(Error::file(path, reason)),
        None => Ok(Cow::Borrowed(path)),
    }
}

/// What to write in the place of a path of Windows.
fn instead_of_windows(path: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn written(path: &str) -> PathBuf {
        expanded(Path::new(path)).unwrap().into_owned()
    }

    fn refused(path: &str) -> String {
        let error = expanded(Path::new(path)).expect_err("a Windows path");
        error.to_string()
    }

    #[test]
    fn a_leading_tilde_is_the_home_folder() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(written("~/photos of 2026"), home.join("photos of 2026"));
        assert_eq!(written("~"), home);
        for other in ["~nobody/photos", "photos/~", "./~/photos"] {
            assert_eq!(written(other), Path::new(other));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_windows_path_is_told_with_what_to_write_instead() {
        assert_eq!(
            refused(r"C:\Users\me\photos"),
            "C:\\Users\\me\\photos: this is a Windows path, and the notebook does not run on \
             Windows; in WSL the same file is /mnt/c/Users/me/photos"
        );
        assert!(refused("d:/photos").ends_with("/mnt/d/photos"));
        assert!(refused(r"..\photos").contains(r#"write "../photos""#));
        assert_eq!(written("https://a.b/c"), Path::new("https://a.b/c"));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_with_such_signs_is_left_as_it_is_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join(r"a\b");
        std::fs::write(&odd, "").unwrap();
        assert_eq!(expanded(&odd).unwrap(), odd);
    }
}
