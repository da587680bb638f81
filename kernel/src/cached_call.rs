//! A cache of calls of cargo: what cargo has printed, or how it has called rustc.
//!
//! The cache is a folder in the kernel's directory, and is copied with it: a call that set-up's kernel
//! has made is cached in all kernels.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::settings::{Home, Settings};
use crate::source_fingerprint;
use crate::stamp::{self, replace_file};

/// The cache, in a kernel's directory.
pub const FOLDER: &str = "target/notes";

/// The Cargo.lock of the notebooks' crate, in a kernel's directory.
pub const CRATE_LOCK_FILE: &str = "Cargo.lock.crate";

/// The version of the files in the cache. Files of another version are not read.
const FORMAT: u32 = 2;

/// Stands for the kernel's directory in a file of the cache.
const DIRECTORY: &str = "//here";

/// The place of one call in the cache, with everything that its result depends on.
pub struct CachedCall {
    path: PathBuf,
    directory: String,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Cached<T> {
    #[serde(rename = "made_for")]
    key: String,
    #[serde(rename = "what")]
    value: T,
}

impl CachedCall {
    /// The place of a call of cargo in the kernel's directory, the current folder. The result depends on
    /// everything that cargo would look at, except the cell. `None` if the cells depend on a crate in
    /// another folder than that of the settings: then cargo must check what has changed there.
    ///
    /// # Errors
    ///
    /// The kernel's directory or the crate's cannot be read.
    pub fn of(home: &Home, settings: &Settings, call: &[String]) -> Result<Option<Self>> {
        let directory = env::current_dir().context("the kernel's directory is gone")?;
        let directory = directory
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
        let key = format!(
            "{FORMAT}\n{call:?}\n{variables:?}\n{compiler:?}\n{}\n{manifest}\n{}",
            source_fingerprint::current(home, settings)?,
            stamp::hash_text(&read(CRATE_LOCK_FILE)),
        );
        let key = key.replace(&directory, DIRECTORY);
        let name = stamp::hash_text(&key);
        Ok(Some(Self {
            path: Path::new(&directory).join(FOLDER).join(name),
            directory,
            key,
        }))
    }

    /// The file, which need not exist.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The cached value, if there is one.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let text = fs::read_to_string(&self.path).ok()?;
        let text = text.replace(DIRECTORY, &self.directory);
        let cached: Cached<T> = serde_json::from_str(&text).ok()?;
        let key = cached.key.replace(&self.directory, DIRECTORY);
        (key == self.key).then_some(cached.value)
    }

    /// Writes a value to the cache.
    ///
    /// # Errors
    ///
    /// The kernel's directory cannot be written.
    pub fn write<T: Serialize>(&self, value: T) -> Result<()> {
        let key = self.key.clone();
        let text = serde_json::to_string(&Cached { key, value })?;
        let text = text.replace(&self.directory, DIRECTORY);
        replace_file(&self.path, text.as_bytes())
    }
}

/// All cached values of a type in a kernel's directory.
///
/// # Errors
///
/// The directory cannot be read.
pub fn all<T: DeserializeOwned>(directory: &Path) -> Result<Vec<T>> {
    let path = directory.to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory.join(FOLDER)).context("no call of cargo is cached")? {
        let text = fs::read_to_string(entry?.path())?.replace(DIRECTORY, &path);
        if let Ok(cached) = serde_json::from_str::<Cached<T>>(&text) {
            found.push(cached.value);
        }
    }
    Ok(found)
}

/// Whether no dependency has a path other than that folder.
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
    fn calls_that_depend_on_other_folders_are_not_cached() {
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
        assert!(!only("this is not a manifest\n"));
    }
}
