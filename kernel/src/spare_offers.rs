//! Where kernels wait that are ready.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::settings::Home;
use crate::stamp;

/// Where a kernel waits.
#[derive(Serialize, Deserialize)]
pub struct Offer {
    /// Of the process that holds it.
    pub socket: PathBuf,
}

impl Offer {
    /// The file of the offer for notebooks in a folder.
    pub fn path(home: &Home, folder: &Path) -> PathBuf {
        let name = stamp::text(&folder.to_string_lossy());
        home.spares().join(name).with_extension("json")
    }

    /// What a file offers, if it does.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

/// How many kernels are ready.
pub fn count(home: &Home) -> usize {
    let entries = fs::read_dir(home.spares()).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Offer::read(&entry.path()))
        .filter(|offer| UnixStream::connect(&offer.socket).is_ok())
        .count()
}
