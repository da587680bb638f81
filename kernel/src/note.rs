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

use crate::content;
use crate::settings::{Home, Settings};
use crate::stamp::{self, replace_file};

/// Below a kernel's directory.
pub const FOLDER: &str = "target/notes";

/// Changes when what is written changes: notes of another format are not read.
const FORMAT: u32 = 2;

/// Stands in a note for the kernel's directory.
const HERE: &str = "//here";

/// Where something is noted, and what it depends on.
pub struct Note {
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
    /// cargo would look at but the cell. None where the crate depends on folders other than that of
    /// the settings: there cargo must look what has changed.
    ///
    /// # Errors
    ///
    /// The kernel's directory or the crate's cannot be read.
    pub fn on(home: &Home, settings: &Settings, call: &[String]) -> Result<Option<Self>> {
        let here = env::current_dir().context("the kernel's directory is gone")?;
        let here = here
            .into_os_string()
            .into_string()
            .ok()
            .context("the path of the kernel's directory is not text: move it")?;
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let manifest = read("Cargo.toml");
        if !depends_only_on(&manifest, &settings.crate_folder) {
            return Ok(None);
        }
        let variables = ["RUSTC", "RUSTFLAGS", "LIBTORCH"];
        let variables = variables.map(|name| env::var(name).unwrap_or_default());
        let compiler = modified(Path::new(&variables[0]));
        let made_for = format!(
            "{FORMAT}\n{call:?}\n{variables:?}\n{compiler:?}\n{}\n{manifest}\n{}",
            content::of(home, settings)?,
            stamp::text(&read(LOCK)),
        );
        let made_for = made_for.replace(&here, HERE);
        let name = stamp::text(&made_for);
        Ok(Some(Self {
            path: Path::new(&here).join(FOLDER).join(name),
            here,
            made_for,
        }))
    }

    /// Where it is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is noted; nothing, where it was noted for something else.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let text = fs::read_to_string(&self.path).ok()?;
        let noted: Noted<T> = serde_json::from_str(&text.replace(HERE, &self.here)).ok()?;
        let made_for = noted.made_for.replace(&self.here, HERE);
        (made_for == self.made_for).then_some(noted.what)
    }

    /// Notes it.
    ///
    /// # Errors
    ///
    /// The kernel's directory cannot be written.
    pub fn write<T: Serialize>(&self, what: T) -> Result<()> {
        let made_for = self.made_for.clone();
        let text = serde_json::to_string(&Noted { made_for, what })?;
        replace_file(&self.path, text.replace(&self.here, HERE).as_bytes())
    }
}

/// All notes of a kind in a kernel's directory.
///
/// # Errors
///
/// The directory cannot be read.
pub fn all<T: DeserializeOwned>(directory: &Path) -> Result<Vec<T>> {
    let here = directory.to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory.join(FOLDER)).context("nothing is noted")? {
        let text = fs::read_to_string(entry?.path())?.replace(HERE, &here);
        if let Ok(noted) = serde_json::from_str::<Noted<T>>(&text) {
            found.push(noted.what);
        }
    }
    Ok(found)
}

/// The crate's own Cargo.lock, in a kernel's directory.
pub const LOCK: &str = "Cargo.lock.crate";

fn depends_only_on(manifest: &str, folder: &Path) -> bool {
    let Ok(manifest) = toml::from_str::<toml::Table>(manifest) else {
        return false;
    };
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let mut paths = dependencies
        .into_iter()
        .flatten()
        .filter_map(|(_, dependency)| dependency.get("path"));
    paths.all(|path| path.as_str().is_some_and(|path| Path::new(path) == folder))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
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
        assert!(!only("[dependencies.mine]\npath = \"/home/me/mine\"\n"));
        assert!(!only("this is no manifest\n"));
    }
}
