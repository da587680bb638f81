//! The registry of spare kernels: a file for each folder of notebooks that has one.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::settings::Home;
use crate::stamp;

/// An entry of the registry: a spare kernel.
#[derive(Serialize, Deserialize)]
pub struct Entry {
    /// The Unix socket of the process that holds the kernel.
    pub socket: PathBuf,
}

impl Entry {
    /// The file of the entry for notebooks in a folder.
    pub fn path(home: &Home, folder: &Path) -> PathBuf {
        let name = stamp::hash_text(&folder.to_string_lossy());
        home.spares().join(name).with_extension("json")
    }

    /// Reads an entry, if there is one.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

/// How many spare kernels are ready.
pub fn count(home: &Home) -> usize {
    let entries = fs::read_dir(home.spares()).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Entry::read(&entry.path()))
        .filter(|entry| UnixStream::connect(&entry.socket).is_ok())
        .count()
}
