//! Marks of finished steps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that is written when a step has succeeded, and says what the step was made from. A step
/// that was interrupted has none; one whose inputs have changed has another.
pub struct Stamp {
    path: PathBuf,
    inputs: String,
}

impl Stamp {
    /// The mark of a step with these inputs.
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

    /// Marks the step as done.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self) -> Result<()> {
        replace_file(&self.path, self.inputs.as_bytes())
    }
}

/// Writes a file so that at any moment there is the old one or the new one, whole.
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

/// A fingerprint of a text.
pub fn text(text: &str) -> String {
    format!("{:016x}", fnv(FNV_START, text.as_bytes()))
}

/// A fingerprint of a file's contents.
pub fn file(path: &Path) -> Result<String> {
    let contents = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!("{:016x}", fnv(FNV_START, &contents)))
}

/// A fingerprint of names and contents of all files below a folder.
pub fn folder(path: &Path) -> Result<String> {
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

/// FNV-1a: std's hasher may change from one Rust to the next, and every step would be done again.
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
        assert!(!stamp.is_fresh(), "a stamp cut short is no stamp");
    }

    #[test]
    fn a_folders_fingerprint_sees_contents_and_names() {
        let folder_ = tempfile::tempdir().unwrap();
        let file = folder_.path().join("a.rs");
        fs::write(&file, "fn a() {}").unwrap();
        let first = folder(folder_.path()).unwrap();
        assert_eq!(first, folder(folder_.path()).unwrap());
        fs::write(&file, "fn b() {}").unwrap();
        let second = folder(folder_.path()).unwrap();
        assert_ne!(first, second);
        fs::rename(&file, folder_.path().join("b.rs")).unwrap();
        assert_ne!(second, folder(folder_.path()).unwrap());
    }
}
