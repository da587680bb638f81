//! The programs that come first in a kernel's PATH and wrap others: links to this program, which looks
//! at the name by which it was called.
//!
//! Links, and not shell scripts: 0.03 s less for each call.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::settings::Home;

/// cargo, as evcxr calls it.
pub const CARGO: &str = "cargo";
/// cargo, as rust-analyzer calls it.
pub const ANALYZER_CARGO: &str = "analyzer";
/// rustc, as evcxr and rust-analyzer call it.
pub const RUSTC: &str = "rustc";
/// rustc, as cargo calls it while the call that compiles a cell is recorded.
pub const RUSTC_RECORDER: &str = "note";
/// evcxr asks it where cargo and rustc are.
pub const RUSTUP: &str = "rustup";
/// evcxr uses mold if it is on PATH, and with other flags for rustc. So it always is: otherwise all
/// crates would be compiled again, 220 s in each kernel, when mold or lld is installed or removed
/// (evcxr 0.22).
pub const MOLD: &str = "mold";
/// The linker of cells.
pub const LINKER: &str = "cell-linker";

/// All names.
pub const NAMES: [&str; 7] = [
    CARGO,
    RUSTC,
    RUSTUP,
    MOLD,
    RUSTC_RECORDER,
    ANALYZER_CARGO,
    LINKER,
];

/// Writes the links to the program at `launcher`; returns whether one has changed.
///
/// # Errors
///
/// The home cannot be written.
pub fn write(home: &Home, launcher: &Path) -> Result<bool> {
    let folder = home.wrappers();
    let mut changed = false;
    for name in NAMES {
        let path = folder.join(name);
        if fs::read_link(&path).is_ok_and(|found| found == launcher) {
            continue;
        }
        let link = || -> io::Result<()> {
            fs::create_dir_all(&folder)?;
            let _ = fs::remove_file(&path);
            symlink(launcher, &path)
        };
        link().with_context(|| format!("cannot write {}", path.display()))?;
        changed = true;
    }
    Ok(changed)
}

/// The first link that is missing or broken.
pub fn first_missing(home: &Home) -> Option<PathBuf> {
    let mut links = NAMES.iter().map(|name| home.wrappers().join(name));
    links.find(|link| !link.exists())
}
