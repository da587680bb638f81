//! What the participants' accounts must be able to read, and must not be able to change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use evcxr_prewarm::toolchain;

use crate::workshop::Workshop;

/// Checks everything that participants share.
///
/// # Errors
/// Something cannot be read by all accounts, or can be changed by them; the message says what to do.
pub(super) fn check(workshop: &Workshop, python: &Path, cargo_home: &Path) -> Result<()> {
    shared_paths(workshop, python, cargo_home)?
        .iter()
        .try_for_each(|path| check_path(path))
}

fn shared_paths(workshop: &Workshop, python: &Path, cargo_home: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = vec![
        workshop.root().to_owned(),
        workshop.venv(),
        workshop.root().join("crate"),
        workshop.root().join("data"),
        workshop.kernel(),
        workshop.libtorch(),
        python.to_owned(),
        toolchain::sysroot(&mut Command::new("rustc"))?,
    ];
    let registry = cargo_home.join("registry");
    if registry.exists() {
        paths.push(registry);
    }
    Ok(paths)
}

fn check_path(path: &Path) -> Result<()> {
    let path = path
        .canonicalize()
        .with_context(|| format!("cannot find {}", path.display()))?;
    let mode = |path: &Path| -> Result<u32> {
        let metadata = fs::metadata(path);
        Ok(metadata
            .with_context(|| format!("cannot read {}", path.display()))?
            .permissions()
            .mode())
    };
    for folder in path.ancestors().skip(1) {
        if mode(folder)? & 0o001 == 0 {
            bail!(
                "participants need {}, and may not enter {}: see \"Where to put it\" in hub/README.md",
                path.display(),
                folder.display()
            );
        }
    }
    let found = mode(&path)?;
    ensure!(
        found & 0o005 == 0o005,
        "participants need {0}, and may not read it: chmod -R o+rX {0}",
        path.display()
    );
    ensure!(
        found & 0o002 == 0,
        "every account may change {0}, which all participants use: chmod -R o-w {0}",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn what_others_cannot_read_or_can_change_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mode =
            |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let check = || check_path(&inner).map_err(|error| error.to_string());
        mode(folder.path(), 0o700);
        mode(&inner, 0o755);
        assert!(check().unwrap_err().contains("may not enter"));
        mode(folder.path(), 0o711);
        assert_eq!(check(), Ok(()));
        mode(&inner, 0o750);
        assert!(check().unwrap_err().contains("chmod -R o+rX"));
        mode(&inner, 0o757);
        assert!(check().unwrap_err().contains("chmod -R o-w"));
    }
}
