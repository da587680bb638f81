//! The fingerprint of the crate's sources, computed quickly: the files are read again only when the
//! size or the times of one, or their number, have changed.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::settings::{Home, Settings};
use crate::stamp;

/// The value of [`Settings::source_fingerprint`]. It is cached in the home as long as the metadata of
/// all files stays the same.
///
/// # Errors
///
/// A source cannot be read.
pub fn current(home: &Home, settings: &Settings) -> Result<String> {
    let cache = home.path().join("content");
    let metadata = metadata(settings)?;
    if let Ok(cached) = fs::read_to_string(&cache)
        && let Some((cached_metadata, fingerprint)) = cached.split_once('\n')
        && cached_metadata == metadata
    {
        return Ok(fingerprint.to_owned());
    }
    let fingerprint = settings.source_fingerprint()?;
    // Without write access to the home, the sources are read each time.
    let _ = stamp::replace_file(&cache, format!("{metadata}\n{fingerprint}").as_bytes());
    Ok(fingerprint)
}

/// A fingerprint of the metadata of all files. It includes ctime, which programs cannot set: so an old
/// file that replaces a new one, with its old times, is noticed, too.
fn metadata(settings: &Settings) -> Result<String> {
    let mut text = String::new();
    let mut add = |path: &Path| -> Result<()> {
        add_metadata(path, &mut text).with_context(|| format!("cannot read {}", path.display()))
    };
    add(&settings.crate_folder)?;
    for file in settings.sources.iter().chain([&settings.lock_file]) {
        add(file)?;
    }
    Ok(stamp::hash_text(&text))
}

fn add_metadata(path: &Path, text: &mut String) -> io::Result<()> {
    let file = fs::metadata(path)?;
    let _ = writeln!(
        text,
        "{path:?} {} {} {}.{:09} {}.{:09}",
        file.ino(),
        file.size(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
    );
    if file.is_dir() {
        let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            add_metadata(&entry.path(), text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn machine(folder: &Path) -> (Home, Settings, PathBuf) {
        let source = folder.join("crate/src/lib.rs");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        fs::write(&source, "fn a() {}").unwrap();
        fs::write(folder.join("Cargo.lock"), "").unwrap();
        let settings = Settings {
            crate_folder: folder.join("crate"),
            lock_file: folder.join("Cargo.lock"),
            ..Settings::default()
        };
        (Home::at(&folder.join("home")), settings, source)
    }

    #[test]
    fn a_changed_file_is_noticed_and_a_touched_one_is_not_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (home, settings, source) = machine(folder.path());
        let first = current(&home, &settings).unwrap();
        assert_eq!(first, settings.source_fingerprint().unwrap());
        assert_eq!(current(&home, &settings).unwrap(), first);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::open(&source)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_eq!(current(&home, &settings).unwrap(), first, "a touch");
        fs::write(&source, "fn b() {}").unwrap();
        let second = current(&home, &settings).unwrap();
        assert_ne!(second, first);
        fs::write(folder.path().join("Cargo.lock"), "another").unwrap();
        assert_ne!(current(&home, &settings).unwrap(), second);
    }

    /// `cp -p old.rs src/lib.rs`: as long as before, and older.
    #[test]
    fn an_old_file_in_place_of_a_new_one_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (home, settings, source) = machine(folder.path());
        let first = current(&home, &settings).unwrap();
        let old = fs::metadata(&source).unwrap().modified().unwrap();
        let earlier = old - std::time::Duration::from_secs(1_000);
        fs::write(&source, "fn c() {}").unwrap();
        fs::File::open(&source)
            .unwrap()
            .set_modified(earlier)
            .unwrap();
        assert_ne!(current(&home, &settings).unwrap(), first);
    }
}
