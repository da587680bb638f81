//! torch's Python wheel, which libtorch is taken from, and the link `target/libtorch`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::condition::Condition;
use super::libtorch::{Source, VERSION, Variant};
use super::locked_packages::{LockedPackages, is_library};
use super::step::{LIBTORCH, Runner};
use super::{gpu, venv};
use crate::process;
use crate::workshop::Workshop;

impl Variant {
    fn lock_file(self) -> &'static str {
        match self {
            Self::Cpu => "torch-small.txt",
            Self::Cuda => "torch-cuda.txt",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "small",
            Self::Cuda => "cuda",
        }
    }

    fn download(self) -> &'static str {
        match self {
            Self::Cpu if cfg!(target_os = "macos") => "about 0.12 GB to download",
            Self::Cpu => "without CUDA's other libraries, about 0.55 GB to download",
            Self::Cuda => "with CUDA, about 3 GB to download",
        }
    }

    /// The gigabytes that the installation needs while it runs: downloads are on the disk up to three times.
    fn disk_gb(self) -> f64 {
        match self {
            Self::Cpu => 2.8,
            Self::Cuda => 11.0,
        }
    }
}

/// Installs the wheel if it is chosen, and makes `target/libtorch` a link to libtorch. Returns whether
/// anything has changed.
pub(crate) fn install(workshop: &Workshop, runner: &Runner, source: &Source) -> Result<bool> {
    let mut changed = false;
    let folder = match source {
        Source::Named(folder) => folder
            .canonicalize()
            .with_context(|| format!("cannot follow {}", folder.display()))?,
        Source::Wheel(variant) => {
            changed = install_wheel(workshop, runner, *variant)?;
            venv::probe(workshop)?.site_packages.join("torch")
        }
    };
    changed |= link(&folder, &workshop.libtorch())?;
    if changed {
        LIBTORCH.print("done");
    }
    Ok(changed)
}

/// Installs this variant, or repairs the one that is installed and includes it. Returns whether anything has
/// changed.
fn install_wheel(workshop: &Workshop, runner: &Runner, wanted: Variant) -> Result<bool> {
    let (found, condition) = found(workshop);
    let variant = found.map_or(wanted, |found| found.max(wanted));
    if found == Some(variant) && condition.is_intact() {
        return Ok(false);
    }
    if found == Some(variant) {
        LIBTORCH.print(&format!(
            "downloading again what is damaged: {condition} ({})",
            variant.download()
        ));
    } else {
        LIBTORCH.print(&format!("version {VERSION} {}", variant.download()));
        if let Some(why) = gpu::find().and_then(|gpu| gpu.why_too_old()) {
            LIBTORCH.print(&why);
        }
    }
    wheel(workshop, variant)?.install(workshop, runner, LIBTORCH)?;
    Ok(true)
}

/// Which variant is installed from the lock file as it is now, and in which condition.
pub(crate) fn found(workshop: &Workshop) -> (Option<Variant>, Condition) {
    for variant in [Variant::Cuda, Variant::Cpu] {
        let condition = wheel(workshop, variant).map(|wheel| wheel.condition(workshop));
        if let Ok(condition @ (Condition::Intact | Condition::Damaged(_))) = condition {
            return (Some(variant), condition);
        }
    }
    (None, Condition::NotInstalled)
}

pub(crate) fn needed_gb(workshop: &Workshop, source: &Source) -> f64 {
    let Source::Wheel(wanted) = source else {
        return 0.0;
    };
    match found(workshop) {
        (Some(found), Condition::Intact) if found >= *wanted => 0.0,
        (found, _) => found.max(Some(*wanted)).map_or(0.0, Variant::disk_gb),
    }
}

fn wheel(workshop: &Workshop, variant: Variant) -> Result<LockedPackages> {
    let lock = workshop.python_sources().join(variant.lock_file());
    LockedPackages::new(&lock, workshop.venv_stamp("libtorch"), &[variant.name()])
}

/// The shared libraries that kernels need.
pub(crate) fn libraries(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    let torch = fs::canonicalize(workshop.libtorch())?;
    if torch.starts_with(workshop.venv())
        && let (Some(variant), _) = found(workshop)
    {
        return wheel(workshop, variant)?.libraries(workshop);
    }
    let folder = torch.join("lib");
    let files =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = files.flatten().map(|file| file.path());
    Ok(paths.filter(|path| is_library(path)).collect())
}

/// Makes or renews a link. Returns whether it has changed.
fn link(folder: &Path, link: &Path) -> Result<bool> {
    if fs::read_link(link).is_ok_and(|leads_to| leads_to == folder) {
        return Ok(false);
    }
    let unfinished = link.with_extension("unfinished");
    process::remove_if_exists(&unfinished)?;
    if fs::symlink_metadata(link).is_ok_and(|metadata| metadata.is_dir()) {
        process::remove_if_exists(link)?;
    }
    symlink(folder, &unfinished)
        .and_then(|()| fs::rename(&unfinished, link))
        .with_context(|| format!("cannot make the link {}", link.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_moved_and_replaces_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libtorch");
        let (first, second) = (folder.path().join("1"), folder.path().join("2"));
        assert!(link(&first, &path).unwrap());
        assert!(!link(&first, &path).unwrap());
        assert!(link(&second, &path).unwrap());
        assert_eq!(fs::read_link(&path).unwrap(), second);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(link(&first, &path).unwrap());
        assert_eq!(fs::read_link(&path).unwrap(), first);
    }
}
