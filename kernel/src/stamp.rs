//! Stamps: files that record which inputs a finished step was made from. And fingerprints of those inputs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that is written when a step has succeeded. It contains the step's inputs. If the step was
/// interrupted, there is no file; if its inputs have changed, the file differs.
pub struct Stamp {
    path: PathBuf,
    inputs: String,
}

impl Stamp {
    /// The stamp of a step with these inputs, in the file `path`.
    pub fn new(path: PathBuf, inputs: &[&str]) -> Self {
        Self {
            path,
            inputs: inputs.join("\n"),
        }
    }

    /// Whether the step was done with these inputs.
    pub fn is_fresh(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.inputs)
    }

    /// Records that the step is done.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self) -> Result<()> {
        replace_file(&self.path, self.inputs.as_bytes())
    }
}

/// Writes a file atomically: at any moment there is either the old file or the new one, complete.
///
/// # Errors
///
/// The file or its folder cannot be written.
pub fn replace_file(path: &Path, contents: &[u8]) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    let write = || -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&unfinished, contents)?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The fingerprint of a text, in 16 hexadecimal digits.
pub fn hash_text(text: &str) -> String {
    format!("{:016x}", fnv(FNV_START, text.as_bytes()))
}

/// The fingerprint of a file's contents.
///
/// # Errors
///
/// The file cannot be read.
pub fn hash_file(path: &Path) -> Result<String> {
    let contents = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!("{:016x}", fnv(FNV_START, &contents)))
}

/// The fingerprint of the names and contents of all files below a folder.
///
/// # Errors
///
/// A file or a folder cannot be read.
pub fn hash_folder(path: &Path) -> Result<String> {
    let mut files = Vec::new();
    list(path, &mut files).with_context(|| format!("cannot read {}", path.display()))?;
    files.sort();
    let mut hash = FNV_START;
    for file in files {
        let name = file.strip_prefix(path).unwrap_or(&file);
        let contents =
            fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        hash = fnv(hash, name.as_os_str().as_encoded_bytes());
        hash = fnv(hash, &contents.len().to_le_bytes());
        hash = fnv(hash, &contents);
    }
    Ok(format!("{hash:016x}"))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a. The hasher of std may change from one Rust version to the next, and then every step would
/// be done again.
fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_fresh_only_for_its_own_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/stamp");
        let stamp = Stamp::new(path.clone(), &["lock 1", "python 3.11"]);
        assert!(!stamp.is_fresh());
        stamp.write().unwrap();
        assert!(stamp.is_fresh());
        assert!(!Stamp::new(path.clone(), &["lock 2", "python 3.11"]).is_fresh());
        fs::write(&path, "lock 1").unwrap();
        assert!(!stamp.is_fresh(), "a stamp cut short is not valid");
    }

    #[test]
    fn the_fingerprint_of_a_folder_depends_on_contents_and_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.rs");
        fs::write(&file, "fn a() {}").unwrap();
        let first = hash_folder(folder.path()).unwrap();
        assert_eq!(first, hash_folder(folder.path()).unwrap());
        fs::write(&file, "fn b() {}").unwrap();
        let second = hash_folder(folder.path()).unwrap();
        assert_ne!(first, second);
        fs::rename(&file, folder.path().join("b.rs")).unwrap();
        assert_ne!(second, hash_folder(folder.path()).unwrap());
    }
}
