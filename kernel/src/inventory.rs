//! Compares files with the sizes that they had after set-up, so that a file that was removed or cut
//! short later is reported before anything fails because of it. The 1,300 files of a template are
//! checked in 8 ms, on a busy machine.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::stamp::replace_file;

/// A file that has changed its size since set-up, or is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes; `None` if it does not exist.
    pub found: Option<u64>,
    /// Its size in bytes after set-up, if that is known.
    pub expected: Option<u64>,
}

impl Display for Damage {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match (self.found, self.expected) {
            (None, _) => write!(formatter, "{path} is missing"),
            (Some(_), None) => write!(formatter, "{path} is cut short"),
            (Some(found), Some(expected)) => {
                write!(formatter, "{path} has {found} bytes instead of {expected}")
            }
        }
    }
}

/// Checks that a file exists and has `expected` bytes. If its size is not known, it must not be empty.
pub fn check(path: &Path, expected: Option<u64>) -> Option<Damage> {
    let found = fs::metadata(path)
        .ok()
        .filter(fs::Metadata::is_file)
        .map(|file| file.len());
    let is_whole = match expected {
        Some(expected) => found == Some(expected),
        None => found.is_some_and(|found| found > 0),
    };
    (!is_whole).then(|| Damage {
        path: path.to_owned(),
        found,
        expected,
    })
}

/// Checks the file `within` a folder, as [`check`] does. If whole folders are missing, the topmost of
/// them is reported.
pub fn check_below(folder: &Path, within: &Path, expected: Option<u64>) -> Option<Damage> {
    let mut damage = check(&folder.join(within), expected)?;
    if damage.found.is_none() {
        let above = within.ancestors().map(|path| folder.join(path));
        let missing = above.take_while(|path| path != folder && !path.exists());
        if let Some(topmost) = missing.last() {
            damage.path = topmost;
        }
    }
    Some(damage)
}

/// Writes the names and sizes of all files below `folder` to the file `list`, a line each. Leaves out
/// the files directly in `folder` that have one of the names in `without`.
///
/// # Errors
///
/// The folder cannot be read, or the list cannot be written.
pub fn write_list(folder: &Path, list: &Path, without: &[&str]) -> Result<()> {
    let mut files = Vec::new();
    find_files(folder, Path::new(""), &mut files)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    files.retain(|(path, _)| !without.iter().any(|name| path == Path::new(name)));
    files.sort();
    let lines = files
        .iter()
        .map(|(path, bytes)| format!("{bytes} {}\n", path.display()));
    replace_file(list, lines.collect::<String>().as_bytes())
}

fn find_files(folder: &Path, within: &Path, files: &mut Vec<(PathBuf, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(within))? {
        let entry = entry?;
        let path = within.join(entry.file_name());
        // Follows symbolic links: the size of the target counts.
        let file = fs::metadata(entry.path())?;
        if file.is_dir() {
            find_files(folder, &path, files)?;
        } else {
            files.push((path, file.len()));
        }
    }
    Ok(())
}

/// The files below a folder whose sizes differ from those in `list`. A missing list counts as damage.
pub fn damages(folder: &Path, list: &Path) -> impl Iterator<Item = Damage> + use<> {
    let text = fs::read_to_string(list);
    let none = text.is_err().then(|| Damage {
        path: list.to_owned(),
        found: None,
        expected: None,
    });
    let folder = folder.to_owned();
    let lines: Vec<String> = text
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect();
    let damaged = lines.into_iter().filter_map(move |line| {
        let (bytes, path) = line.split_once(' ')?;
        check_below(&folder, Path::new(path), Some(bytes.parse().ok()?))
    });
    none.into_iter().chain(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, contents: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    #[test]
    fn files_that_are_missing_or_cut_short_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let (kept, cut) = (root.join("a b/kept"), root.join("a b/cut"));
        write(&kept, "12345");
        write(&cut, "1234567");
        write(&root.join("empty"), "");
        write(&root.join("stamp"), "is checked by others");
        let list = root.join("files");
        write_list(root, &list, &["stamp"]).unwrap();
        assert_eq!(
            fs::read_to_string(&list).unwrap(),
            "7 a b/cut\n5 a b/kept\n0 empty\n"
        );
        assert_eq!(damages(root, &list).next(), None);
        fs::write(&cut, "1234").unwrap();
        fs::remove_file(root.join("empty")).unwrap();
        fs::remove_file(root.join("stamp")).unwrap();
        let found: Vec<_> = damages(root, &list).map(|it| it.to_string()).collect();
        let root = root.display();
        assert_eq!(
            found,
            [
                format!("{root}/a b/cut has 4 bytes instead of 7"),
                format!("{root}/empty is missing"),
            ]
        );
    }

    #[test]
    fn the_topmost_missing_folder_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(&root.join("a/b/c/file"), "1");
        write(&root.join("a/kept"), "1");
        write_list(root, &root.join("files"), &[]).unwrap();
        fs::remove_dir_all(root.join("a/b")).unwrap();
        let damage = damages(root, &root.join("files")).next().unwrap();
        assert_eq!(
            damage.to_string(),
            format!("{}/a/b is missing", root.display())
        );
    }

    #[test]
    fn a_missing_list_and_a_folder_in_place_of_a_file_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("files");
        assert_eq!(damages(folder.path(), &list).count(), 1);
        write(&folder.path().join("a"), "1");
        write_list(folder.path(), &list, &[]).unwrap();
        fs::remove_file(folder.path().join("a")).unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let [damage] = damages(folder.path(), &list)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        assert_eq!(damage.found, None);
    }
}
