//! The directory of each kernel, and the removal of directories whose kernels are gone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};

use crate::program::remove_if_exists;
use crate::settings::Home;

/// The file in the directory that is locked while a kernel uses it.
pub const LOCK: &str = "lock";

/// A directory that no other process uses or removes while its lock is held.
pub struct Directory {
    path: PathBuf,
    lock: File,
}

impl Directory {
    /// Removes the directories of kernels that are gone, and creates a new one.
    ///
    /// # Errors
    ///
    /// The home cannot be written.
    pub fn create(home: &Home) -> Result<Self> {
        let running = home.running();
        let trash = trash(home);
        // Before it is locked, a new directory looks like one whose kernel is gone.
        let creation_lock = lock_creation(home)?;
        fs::create_dir_all(&running)
            .and_then(|()| fs::create_dir_all(&trash))
            .with_context(|| format!("cannot write to {}", running.display()))?;
        move_unused(&running, &trash)?;
        let path = create_numbered(&running)?;
        let lock = File::create(path.join(LOCK))?;
        lock.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
        drop(creation_lock);
        empty(&trash);
        Ok(Self { path, lock })
    }

    /// Locks an existing directory: the one in which set-up compiles the template.
    ///
    /// # Errors
    ///
    /// The directory cannot be written.
    pub fn existing(path: PathBuf) -> Result<Self> {
        let lock = File::create(path.join(LOCK))
            .with_context(|| format!("cannot write to {}", path.display()))?;
        lock.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { path, lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock, to be kept open for as long as the directory is used.
    pub fn into_lock(self) -> File {
        self.lock
    }
}

/// Directories that wait to be removed: moving one is quick, removing it is not.
fn trash(home: &Home) -> PathBuf {
    home.user_path().join("gone")
}

fn lock_creation(home: &Home) -> Result<File> {
    let lock = fs::create_dir_all(home.user_path())
        .and_then(|()| File::create(home.user_path().join("making")))
        .with_context(|| {
            format!(
                "cannot write to {}: is it somebody else's?",
                home.user_path().display()
            )
        })?;
    lock.lock().context("cannot lock the kernels' directory")?;
    Ok(lock)
}

/// Locks a file, and waits if another process holds the lock. `on_wait` is called before the wait.
pub(crate) fn lock_or_wait(lock: &File, on_wait: &dyn Fn()) -> std::io::Result<()> {
    if lock.try_lock().is_err() {
        on_wait();
        lock.lock()?;
    }
    Ok(())
}

fn create_numbered(running: &Path) -> Result<PathBuf> {
    let id = process::id();
    for number in 0_u32.. {
        let path = running.join(format!("{id}-{number}"));
        match fs::create_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            created => {
                created.with_context(|| format!("cannot make {}", path.display()))?;
                return Ok(path);
            }
        }
    }
    unreachable!("some number is free")
}

/// Moves the directories that no process uses to the trash.
fn move_unused(running: &Path, trash: &Path) -> Result<()> {
    for entry in fs::read_dir(running)? {
        let path = entry?.path();
        if is_in_use(&path) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_owned();
        // The kernel's guard may remove it first.
        let _ = fs::rename(&path, trash.join(name));
    }
    Ok(())
}

/// Whether a process uses the directory.
pub fn is_in_use(path: &Path) -> bool {
    open_lock(path).is_ok_and(|lock| lock.try_lock().is_err())
}

/// Opened for writing: network file systems refuse an exclusive lock on a file that is open only for
/// reading.
fn open_lock(path: &Path) -> std::io::Result<File> {
    File::options().write(true).open(path.join(LOCK))
}

/// Several processes may do this at once.
fn empty(trash: &Path) {
    for entry in fs::read_dir(trash).into_iter().flatten().flatten() {
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// Waits until no process uses the directory, and removes it.
///
/// # Errors
///
/// It cannot be removed.
pub fn remove_when_unused(path: &Path) -> Result<()> {
    wait_and_remove(path, &|| {})
}

fn wait_and_remove(path: &Path, on_wait: &dyn Fn()) -> Result<()> {
    if let Ok(lock) = open_lock(path) {
        lock_or_wait(&lock, on_wait).with_context(|| format!("cannot lock {}", path.display()))?;
    }
    remove_if_exists(path)
}

/// Removes the directories that no kernel uses. Returns how many are left. For `clean`.
///
/// # Errors
///
/// The home cannot be written.
pub fn remove_unused(home: &Home) -> Result<usize> {
    let (running, trash) = (home.running(), trash(home));
    if !running.exists() {
        return Ok(0);
    }
    fs::create_dir_all(&trash)?;
    let _creation_lock = lock_creation(home)?;
    move_unused(&running, &trash)?;
    empty(&trash);
    Ok(fs::read_dir(&running)?.count())
}

/// How many kernels run.
pub fn count_in_use(home: &Home) -> usize {
    let directories = fs::read_dir(home.running()).into_iter().flatten().flatten();
    directories.filter(|entry| is_in_use(&entry.path())).count()
}

/// Removes the home if no kernel runs; returns whether it did. A kernel that starts meanwhile waits,
/// and then reports that kernels are not set up. For `clean`.
///
/// # Errors
///
/// The home cannot be removed.
pub fn remove_home(home: &Home) -> Result<bool> {
    let _creation_lock = lock_creation(home)?;
    let is_unused = count_in_use(home) == 0;
    if is_unused {
        remove_if_exists(home.path())?;
    }
    Ok(is_unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_differ_and_only_unused_ones_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let first = Directory::create(&home).unwrap();
        let second = Directory::create(&home).unwrap();
        assert_ne!(first.path(), second.path());
        fs::write(second.path().join("Cargo.toml"), "").unwrap();
        let (kept, left) = (first.path().to_owned(), second.path().to_owned());
        drop(second.into_lock());
        let third = Directory::create(&home).unwrap();
        assert!(kept.exists(), "a directory in use was removed");
        assert!(
            !left.join("Cargo.toml").exists(),
            "a directory left behind was not removed"
        );
        assert!(third.path().exists());
        assert_eq!(fs::read_dir(trash(&home)).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_without_a_lock_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let left = home.running().join("12345-0");
        fs::create_dir_all(&left).unwrap();
        Directory::create(&home).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn removal_waits_for_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let directory = Directory::create(&home).unwrap();
        let path = directory.path().to_owned();
        let lock = directory.into_lock();
        let watched = path.clone();
        let (on_wait, waiting) = std::sync::mpsc::channel();
        let remover =
            std::thread::spawn(move || wait_and_remove(&watched, &|| on_wait.send(()).unwrap()));
        waiting.recv().expect("it did not wait");
        assert!(path.exists());
        drop(lock);
        remover.join().unwrap().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn the_home_stays_while_a_kernel_runs() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        let directory = Directory::create(&home).unwrap();
        assert!(!remove_home(&home).unwrap());
        assert!(directory.path().exists());
        drop(directory);
        assert!(remove_home(&home).unwrap());
        assert!(!home.path().exists());
        assert!(Directory::create(&home).unwrap().path().exists());
    }
}
