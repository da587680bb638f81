//! What a kernel's cargo has answered or done before, so that it is not asked again.
//!
//! Notes lie in the kernel's directory and are copied with it: what set-up's kernel has asked, no
//! other one asks again.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::stamp::{self, replace_file};
use crate::workshop::Workshop;

/// Below a kernel's directory.
pub(crate) const FOLDER: &str = "target/notes";

/// Stands in a note for the kernel's directory.
const HERE: &str = "//here";

/// Where something is noted, and what it depends on.
pub(crate) struct Note {
    path: PathBuf,
    here: String,
    made_for: String,
}

#[derive(Serialize, Deserialize)]
struct Noted<T> {
    made_for: String,
    what: T,
}

impl Note {
    /// The note on a call of cargo in the kernel's crate, the current folder; it depends on all that
    /// cargo would look at but the cell. None where the crate depends on folders that are not the
    /// workshop's: there cargo must look what has changed.
    pub(crate) fn on(workshop: &Workshop, call: &[String]) -> Result<Option<Self>> {
        let here = env::current_dir().context("the kernel's directory is gone")?;
        let here = here
            .into_os_string()
            .into_string()
            .ok()
            .context("the workshop's path is not text: move it")?;
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (manifest, crate_) = (read("Cargo.toml"), workshop.root().join("crate"));
        if !depends_only_on(&manifest, &crate_) {
            return Ok(None);
        }
        let variables = ["RUSTC", "RUSTFLAGS", "LIBTORCH"];
        let variables = variables.map(|name| env::var(name).unwrap_or_default());
        let compiler = modified(Path::new(&variables[0]));
        let made_for = format!(
            "{call:?}\n{variables:?}\n{compiler:?}\n{:?}\n{manifest}\n{}",
            newest(&crate_)?,
            stamp::text(&read("Cargo.lock.workshop")),
        );
        let made_for = made_for.replace(&here, HERE);
        let name = stamp::text(&made_for);
        Ok(Some(Self {
            path: Path::new(&here).join(FOLDER).join(name),
            here,
            made_for,
        }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let text = fs::read_to_string(&self.path).ok()?;
        let noted: Noted<T> = serde_json::from_str(&text.replace(HERE, &self.here)).ok()?;
        let made_for = noted.made_for.replace(&self.here, HERE);
        (made_for == self.made_for).then_some(noted.what)
    }

    pub(crate) fn write<T: Serialize>(&self, what: T) -> Result<()> {
        let made_for = self.made_for.clone();
        let text = serde_json::to_string(&Noted { made_for, what })?;
        replace_file(&self.path, text.replace(&self.here, HERE).as_bytes())
    }
}

fn depends_only_on(manifest: &str, folder: &Path) -> bool {
    let ours = format!("{folder:?}");
    let mut paths = manifest
        .lines()
        .filter(|line| line.contains('{') && line.contains("path"));
    paths.all(|line| line.contains(&ours))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// The last change in a folder, and how many files it has.
fn newest(folder: &Path) -> Result<(Option<SystemTime>, usize)> {
    let (mut time, mut files) = (modified(folder), 0);
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            let (below, count) = newest(&path)?;
            (time, files) = (time.max(below), files + count);
        } else {
            (time, files) = (time.max(modified(&path)), files + 1);
        }
    }
    Ok((time, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "gasshuku = { path = \"/workshop/crate\" }\n";

    #[test]
    fn folders_that_may_change_are_not_noted() {
        let package = "[package]\nname = \"ctx\"\n[lib]\npath = \"src/lib.rs\"\n[dependencies]\n";
        let only = |more: &str| {
            depends_only_on(
                &format!("{package}{OURS}{more}"),
                Path::new("/workshop/crate"),
            )
        };
        assert!(only(""));
        assert!(only(
            "image = \"0.25\"\nrand = { version = \"0.9\", features = [\"std\"] }\n"
        ));
        assert!(!only("mine = { path = \"/home/me/mine\" }\n"));
        assert!(!only("mine = {path=\"/home/me/mine\"}\n"));
    }

    #[test]
    fn a_file_that_is_changed_added_or_removed_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("src/lib.rs");
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(&file, "fn a() {}").unwrap();
        let first = newest(folder.path()).unwrap();
        assert_eq!(newest(folder.path()).unwrap(), first);
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::open(&file).unwrap().set_modified(later).unwrap();
        let changed = newest(folder.path()).unwrap();
        assert_ne!(changed, first);
        fs::write(folder.path().join("src/old.rs"), "").unwrap();
        assert_ne!(newest(folder.path()).unwrap(), changed);
        assert!(newest(&folder.path().join("nowhere")).is_err());
    }
}
