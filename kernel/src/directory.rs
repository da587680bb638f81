//! A kernel's own directory, and the clearing away of those whose kernels are gone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};

use crate::program::remove;
use crate::settings::Home;

/// Held by whoever uses the directory.
pub const LOCK: &str = "lock";

/// A directory that nobody else takes or clears as long as its lock is held.
pub struct Directory {
    path: PathBuf,
    lock: File,
}

impl Directory {
    /// Clears what kernels have left that are gone, and takes a new directory.
    pub fn take(home: &Home) -> Result<Self> {
        let running = home.running();
        let gone = home.own().join("gone");
        // Between its making and its locking, a directory looks like one whose kernel is gone.
        let making = lock_making(home)?;
        fs::create_dir_all(&running)
            .and_then(|()| fs::create_dir_all(&gone))
            .with_context(|| format!("cannot write to {}", running.display()))?;
        set_aside(&running, &gone)?;
        let path = new(&running)?;
        let lock = File::create(path.join(LOCK))?;
        lock.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
        drop(making);
        clear(&gone);
        Ok(Self { path, lock })
    }

    /// Takes the directory in which set-up compiles the template.
    pub fn given(path: PathBuf) -> Result<Self> {
        let lock = File::create(path.join(LOCK))
            .with_context(|| format!("cannot write to {}", path.display()))?;
        lock.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { path, lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to hold for as long as the directory is used.
    pub fn into_lock(self) -> File {
        self.lock
    }
}

fn lock_making(home: &Home) -> Result<File> {
    let lock = fs::create_dir_all(home.own())
        .and_then(|()| File::create(home.own().join("making")))
        .with_context(|| {
            format!(
                "cannot write to {}: is it somebody else's?",
                home.own().display()
            )
        })?;
    lock.lock().context("cannot lock the kernels' directory")?;
    Ok(lock)
}

/// Locks a file; `waits` is called where somebody else holds it.
pub(crate) fn lock_patiently(lock: &File, waits: &dyn Fn()) -> std::io::Result<()> {
    if lock.try_lock().is_err() {
        waits();
        lock.lock()?;
    }
    Ok(())
}

fn new(running: &Path) -> Result<PathBuf> {
    let id = process::id();
    for number in 0_u32.. {
        let path = running.join(format!("{id}-{number}"));
        match fs::create_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => {
                made.with_context(|| format!("cannot make {}", path.display()))?;
                return Ok(path);
            }
        }
    }
    unreachable!("some number is free")
}

/// Moves the directories that nobody holds to where they can be removed at leisure.
fn set_aside(running: &Path, gone: &Path) -> Result<()> {
    for entry in fs::read_dir(running)? {
        let path = entry?.path();
        if is_taken(&path) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_owned();
        // A guard may be quicker.
        let _ = fs::rename(&path, gone.join(name));
    }
    Ok(())
}

/// Whether a process holds the directory.
pub fn is_taken(path: &Path) -> bool {
    open_lock(path).is_ok_and(|lock| lock.try_lock().is_err())
}

/// For writing, for network file systems give no lock of one's own on a file that is only read.
fn open_lock(path: &Path) -> std::io::Result<File> {
    File::options().write(true).open(path.join(LOCK))
}

/// Several may clear at once.
fn clear(gone: &Path) {
    for entry in fs::read_dir(gone).into_iter().flatten().flatten() {
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// Waits until nobody holds the directory, and removes it.
pub fn remove_when_free(path: &Path) -> Result<()> {
    remove_patiently(path, &|| {})
}

fn remove_patiently(path: &Path, waits: &dyn Fn()) -> Result<()> {
    if let Ok(lock) = open_lock(path) {
        lock_patiently(&lock, waits).with_context(|| format!("cannot lock {}", path.display()))?;
    }
    remove(path)
}

/// Clears everything that no kernel holds. For `clean`.
pub fn clear_all(home: &Home) -> Result<usize> {
    let (running, gone) = (home.running(), home.own().join("gone"));
    if !running.exists() {
        return Ok(0);
    }
    fs::create_dir_all(&gone)?;
    let _making = lock_making(home)?;
    set_aside(&running, &gone)?;
    clear(&gone);
    Ok(fs::read_dir(&running)?.count())
}

/// Removes the home, if no kernel is at work; a kernel that starts meanwhile waits, and finds that
/// kernels are not set up. For `clean`.
pub fn remove_home(home: &Home) -> Result<bool> {
    let _making = lock_making(home)?;
    let running = fs::read_dir(home.running()).into_iter().flatten().flatten();
    let is_free = running.into_iter().all(|entry| !is_taken(&entry.path()));
    if is_free {
        remove(home.path())?;
    }
    Ok(is_free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_differ_and_only_free_ones_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let first = Directory::take(&home).unwrap();
        let second = Directory::take(&home).unwrap();
        assert_ne!(first.path(), second.path());
        fs::write(second.path().join("Cargo.toml"), "").unwrap();
        let (kept, left) = (first.path().to_owned(), second.path().to_owned());
        drop(second.into_lock());
        let third = Directory::take(&home).unwrap();
        assert!(kept.exists(), "a directory in use was cleared");
        assert!(
            !left.join("Cargo.toml").exists(),
            "a directory left behind was not cleared"
        );
        assert!(third.path().exists());
        assert_eq!(fs::read_dir(home.own().join("gone")).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_without_a_lock_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let left = home.running().join("12345-0");
        fs::create_dir_all(&left).unwrap();
        Directory::take(&home).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn removal_waits_for_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let directory = Directory::take(&home).unwrap();
        let path = directory.path().to_owned();
        let lock = directory.into_lock();
        let watched = path.clone();
        let (waits, waiting) = std::sync::mpsc::channel();
        let remover =
            std::thread::spawn(move || remove_patiently(&watched, &|| waits.send(()).unwrap()));
        waiting.recv().expect("nobody was waited for");
        assert!(path.exists());
        drop(lock);
        remover.join().unwrap().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_home_stays_as_long_as_a_kernel_is_at_work() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        let directory = Directory::take(&home).unwrap();
        assert!(!remove_home(&home).unwrap());
        assert!(directory.path().exists());
        drop(directory);
        assert!(remove_home(&home).unwrap());
        assert!(!home.path().exists());
        assert!(Directory::take(&home).unwrap().path().exists());
    }
}
