//! The content of the crate's sources, told quickly: it is read again only when a file's size, times
//! or number has changed.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::settings::{Home, Settings};
use crate::stamp;

/// The fingerprint that [`Settings::content`] gives, as the last one who asked has noted it where
/// nothing has been touched since.
///
/// # Errors
///
/// A source cannot be read.
pub fn of(home: &Home, settings: &Settings) -> Result<String> {
    let note = home.path().join("content");
    let looks = looks(settings)?;
    if let Ok(noted) = fs::read_to_string(&note)
        && let Some((before, content)) = noted.split_once('\n')
        && before == looks
    {
        return Ok(content.to_owned());
    }
    let content = settings.content()?;
    // A home that cannot be written is read each time.
    let _ = stamp::replace_file(&note, format!("{looks}\n{content}").as_bytes());
    Ok(content)
}

/// What the system says of the files. The time of the last change of a file's own entry cannot be
/// set by programs: an old file that is copied over a new one is seen, too.
fn looks(settings: &Settings) -> Result<String> {
    let mut text = String::new();
    let mut look = |path: &Path| -> Result<()> {
        look_at(path, &mut text).with_context(|| format!("cannot read {}", path.display()))
    };
    look(&settings.crate_folder)?;
    for file in settings.sources.iter().chain([&settings.lock_file]) {
        look(file)?;
    }
    Ok(stamp::text(&text))
}

fn look_at(path: &Path, text: &mut String) -> io::Result<()> {
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
            look_at(&entry.path(), text)?;
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
    fn a_change_is_seen_and_a_touch_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (home, settings, source) = machine(folder.path());
        let first = of(&home, &settings).unwrap();
        assert_eq!(first, settings.content().unwrap());
        assert_eq!(of(&home, &settings).unwrap(), first);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::open(&source)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_eq!(of(&home, &settings).unwrap(), first, "a touch");
        fs::write(&source, "fn b() {}").unwrap();
        let second = of(&home, &settings).unwrap();
        assert_ne!(second, first);
        fs::write(folder.path().join("Cargo.lock"), "another").unwrap();
        assert_ne!(of(&home, &settings).unwrap(), second);
    }

    /// `cp -p old.rs src/lib.rs`: as long as before, and older.
    #[test]
    fn an_old_file_in_a_new_ones_place_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (home, settings, source) = machine(folder.path());
        let first = of(&home, &settings).unwrap();
        let old = fs::metadata(&source).unwrap().modified().unwrap();
        let earlier = old - std::time::Duration::from_secs(1_000);
        fs::write(&source, "fn c() {}").unwrap();
        fs::File::open(&source)
            .unwrap()
            .set_modified(earlier)
            .unwrap();
        assert_ne!(of(&home, &settings).unwrap(), first);
    }
}
