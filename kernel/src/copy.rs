//! Copies a cargo target folder so that cargo accepts the copy: with the times of the files, which cargo
//! compares. Without it, a kernel's first `:dep` takes 137 s instead of 0.1 s (cargo 1.95).

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Copies a folder. The target may exist already.
///
/// # Errors
///
/// Something cannot be read or written.
pub fn folder(from: &Path, to: &Path) -> Result<()> {
    folder_without(from, to, &[]).map(|_| ())
}

/// Copies a folder, but not the folders in it that have one of these names. Returns the paths of those,
/// relative to `from`.
///
/// # Errors
///
/// Something cannot be read or written.
pub fn folder_without(from: &Path, to: &Path, names: &[&str]) -> Result<Vec<PathBuf>> {
    let mut left_out = Vec::new();
    copy(from, to, names, &mut left_out)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    let within = |path: PathBuf| path.strip_prefix(from).map(Path::to_owned);
    Ok(left_out.into_iter().map(within).collect::<Result<_, _>>()?)
}

/// Copies what does not exist in `to` yet.
///
/// # Errors
///
/// Something cannot be read or written.
pub fn missing(from: &Path, to: &Path) -> Result<()> {
    copy_missing(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn copy_missing(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if !target.exists() {
            copy_entry(&entry, &target, &[], &mut Vec::new())?;
        } else if entry.file_type()?.is_dir() {
            copy_missing(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn copy_entry(
    entry: &fs::DirEntry,
    target: &Path,
    names: &[&str],
    left_out: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let kind = entry.file_type()?;
    if kind.is_dir() && names.iter().any(|name| entry.file_name() == *name) {
        left_out.push(entry.path());
        Ok(())
    } else if kind.is_dir() {
        copy(&entry.path(), target, names, left_out)
    } else if kind.is_symlink() {
        symlink(fs::read_link(entry.path())?, target)
    } else {
        file(&entry.path(), target)
    }
}

fn copy(from: &Path, to: &Path, names: &[&str], left_out: &mut Vec<PathBuf>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut entries = Vec::new();
    for entry in fs::read_dir(from)? {
        entries.push(entry?);
    }
    for entry in entries {
        copy_entry(&entry, &to.join(entry.file_name()), names, left_out)?;
    }
    set_times(to, &fs::metadata(from)?)
}

/// `fs::copy` shares the blocks if the file system can do that.
fn file(from: &Path, to: &Path) -> io::Result<()> {
    if is_never_modified(from) {
        match fs::hard_link(from, to) {
            Ok(()) => return Ok(()),
            // Linux refuses hard links to files that the user may not write (fs.protected_hardlinks).
            // A symbolic link does as well: rustc follows it, and nobody replaces the template while
            // kernels run. 5 MB a kernel instead of 570 MB.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return symlink(from, to);
            }
            Err(_) => {}
        }
    }
    fs::copy(from, to)?;
    set_times(to, &fs::metadata(from)?)
}

/// Compiled dependencies, nearly all of the bytes, can be linked instead of copied: cargo and rustc
/// 1.95 never write into one, they replace it. The crate of the cells is not one of them.
fn is_never_modified(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default();
    let is_build_script = name.starts_with("build-script-") || name.starts_with("build_script_");
    let is_library = ["rlib", "rmeta", "so", "dylib", "a"]
        .iter()
        .any(|wanted| extension == *wanted);
    (is_library || is_build_script && extension.is_empty())
        && !name.starts_with("libctx")
        && !name.starts_with("libcode_")
}

fn set_times(path: &Path, metadata: &Metadata) -> io::Result<()> {
    let times = fs::FileTimes::new()
        .set_accessed(metadata.accessed()?)
        .set_modified(metadata.modified()?);
    File::open(path)?.set_times(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::time::{Duration, SystemTime};

    fn write(path: PathBuf, contents: &str, age: u64) -> SystemTime {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000 - age, 123_456_789);
        File::open(&path).unwrap().set_modified(time).unwrap();
        time
    }

    #[test]
    fn times_permissions_and_links_are_kept() {
        let temporary = tempfile::tempdir().unwrap();
        let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
        let source = write(from.join("src/lib.rs"), "fn a() {}", 5);
        let program = write(from.join("target/build-script"), "#!/bin/sh", 3);
        let mode = fs::Permissions::from_mode(0o555);
        fs::set_permissions(from.join("target/build-script"), mode).unwrap();
        symlink("src/lib.rs", from.join("link")).unwrap();
        let age = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        File::open(from.join("target"))
            .unwrap()
            .set_modified(age)
            .unwrap();
        folder(&from, &to).unwrap();
        let time = |path: &str| fs::metadata(to.join(path)).unwrap().modified().unwrap();
        assert_eq!(time("src/lib.rs"), source);
        assert_eq!(time("target/build-script"), program);
        assert_eq!(time("target"), age);
        assert_eq!(
            fs::read_link(to.join("link")).unwrap(),
            PathBuf::from("src/lib.rs")
        );
        let copied = fs::metadata(to.join("target/build-script")).unwrap();
        assert_eq!(copied.permissions().mode() & 0o777, 0o555);
    }

    #[test]
    fn folders_that_are_left_out_are_returned() {
        let temporary = tempfile::tempdir().unwrap();
        let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
        for path in [
            "a.rs",
            "target/build/b",
            "target/deps/c.rlib",
            "target/x/build/d",
        ] {
            write(from.join(path), path, 1);
        }
        let mut left_out = folder_without(&from, &to, &["build"]).unwrap();
        left_out.sort();
        assert_eq!(
            left_out,
            [Path::new("target/build"), Path::new("target/x/build")]
        );
        assert!(to.join("target/deps/c.rlib").exists());
        assert!(to.join("target/x").exists());
        assert!(!to.join("target/build").exists());
        assert!(!to.join("target/x/build").exists());
    }

    #[test]
    fn files_that_a_kernel_writes_are_copied_and_not_linked() {
        let temporary = tempfile::tempdir().unwrap();
        let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
        for name in [
            "libtch.rlib",
            "libctx.so",
            "libctx.rlib",
            "libcode_1.so",
            "lib.d",
            "Cargo.lock",
        ] {
            write(from.join(name), name, 1);
        }
        folder(&from, &to).unwrap();
        let shared = |name: &str| {
            fs::metadata(from.join(name)).unwrap().ino()
                == fs::metadata(to.join(name)).unwrap().ino()
        };
        assert!(shared("libtch.rlib"));
        for copied in [
            "libctx.so",
            "libctx.rlib",
            "libcode_1.so",
            "lib.d",
            "Cargo.lock",
        ] {
            assert!(!shared(copied), "{copied}");
        }
    }
}
