//! libtorch: the one of the Python wheel, or one that is already there.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::installed::{Condition, Packages, is_library};
use super::{LIBTORCH, gpu, venv};
use crate::process::{self, Watch};
use crate::workshop::Workshop;

/// The version that tch 0.26 is made for.
pub(crate) const VERSION: &str = "2.13.0";

/// How much of the wheel's company is installed. The greater includes the smaller, and is never
/// taken back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Flavour {
    /// What libtorch_cpu links to.
    Small,
    /// All that the CUDA backend needs.
    Cuda,
}

/// Where libtorch comes from.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Wheel(Flavour),
    /// LIBTORCH names it.
    Own(PathBuf),
}

impl Flavour {
    fn lock(self) -> &'static str {
        match self {
            Self::Small => "torch-small.txt",
            Self::Cuda => "torch-cuda.txt",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Cuda => "cuda",
        }
    }

    fn download(self) -> &'static str {
        match self {
            Self::Small if cfg!(target_os = "macos") => "about 0.12 GB to download",
            Self::Small => "without CUDA's other libraries, about 0.55 GB to download",
            Self::Cuda => "with CUDA, about 3 GB to download",
        }
    }

    /// While it works: downloads are on the disk up to three times.
    fn gb(self) -> f64 {
        match self {
            Self::Small => 2.8,
            Self::Cuda => 11.0,
        }
    }
}

/// By LIBTORCH, by GASSHUKU_TORCH, or by the machine.
pub(crate) fn choose(workshop: &Workshop) -> Result<Source> {
    if let Some(own) = own(workshop) {
        let found = version(&own);
        if found.as_deref() != Some(VERSION) {
            bail!(
                "LIBTORCH names {}, which {}, and {VERSION} is needed: unset LIBTORCH, and set-up \
                 installs it",
                own.display(),
                found.map_or("is no libtorch".into(), |found| format!(
                    "is libtorch {found}"
                ))
            );
        }
        let library = own.join(format!("lib/libtorch_cpu{}", env::consts::DLL_SUFFIX));
        if !library.exists() {
            bail!(
                "LIBTORCH names {}, and {} is missing: unset LIBTORCH, and set-up installs it",
                own.display(),
                library.display()
            );
        }
        return Ok(Source::Own(own));
    }
    let flavour = match env::var("GASSHUKU_TORCH").unwrap_or_default().as_str() {
        "" if gpu::find().is_some_and(|gpu| gpu.is_too_old().is_none()) => Flavour::Cuda,
        "" | "cpu" => Flavour::Small,
        "cuda" if cfg!(target_os = "macos") => {
            bail!("GASSHUKU_TORCH is cuda, and there is no CUDA on macOS: unset GASSHUKU_TORCH")
        }
        "cuda" => Flavour::Cuda,
        other => bail!("GASSHUKU_TORCH is `{other}`: set it to cpu or cuda, or unset it"),
    };
    Ok(Source::Wheel(flavour))
}

/// What LIBTORCH names, unless it is our own path: cargo sets that for us, see .cargo/config.toml.
fn own(workshop: &Workshop) -> Option<PathBuf> {
    let named = env::var_os("LIBTORCH").filter(|named| !named.is_empty())?;
    let named = PathBuf::from(named);
    let folder = named.parent().and_then(|parent| parent.canonicalize().ok());
    let is_ours = named.file_name() == workshop.libtorch().file_name()
        && folder.is_some_and(|folder| folder == workshop.target());
    (!is_ours).then_some(named)
}

/// Installs the wheel where it is wanted, and lets target/libtorch lead to libtorch.
pub(crate) fn install(workshop: &Workshop, watch: &Watch, source: &Source) -> Result<bool> {
    let mut changed = false;
    let folder = match source {
        Source::Own(folder) => folder
            .canonicalize()
            .with_context(|| format!("cannot follow {}", folder.display()))?,
        Source::Wheel(flavour) => {
            let (found, condition) = found(workshop);
            let flavour = found.max(Some(*flavour)).unwrap_or(*flavour);
            if found != Some(flavour) {
                LIBTORCH.translated(&format!("version {VERSION} {}", flavour.download()));
                if let Some(why) = gpu::find().and_then(|gpu| gpu.is_too_old()) {
                    LIBTORCH.translated(&why);
                }
            } else if !condition.is_whole() {
                LIBTORCH.translated(&format!(
                    "downloading again what is damaged: {condition} ({})",
                    flavour.download()
                ));
            }
            if found != Some(flavour) || !condition.is_whole() {
                wheel(workshop, flavour)?.install(workshop, watch, LIBTORCH)?;
                changed = true;
            }
            venv::probe(workshop)?.site_packages.join("torch")
        }
    };
    changed |= link(&folder, &workshop.libtorch())?;
    if changed {
        LIBTORCH.translated("done");
    }
    Ok(changed)
}

/// What of the wheel was installed, to the end and from the lock file of today, and what has become of it.
pub(crate) fn found(workshop: &Workshop) -> (Option<Flavour>, Condition) {
    for flavour in [Flavour::Cuda, Flavour::Small] {
        let condition = wheel(workshop, flavour).map(|wheel| wheel.condition(workshop));
        if let Ok(condition @ (Condition::Whole | Condition::Damaged(_))) = condition {
            return (Some(flavour), condition);
        }
    }
    (None, Condition::NotInstalled)
}

pub(crate) fn missing_gb(workshop: &Workshop, source: &Source) -> f64 {
    let Source::Wheel(wanted) = source else {
        return 0.0;
    };
    match found(workshop) {
        (Some(found), Condition::Whole) if found >= *wanted => 0.0,
        (found, _) => found.max(Some(*wanted)).map_or(0.0, Flavour::gb),
    }
}

fn wheel(workshop: &Workshop, flavour: Flavour) -> Result<Packages> {
    let lock = workshop.python_sources().join(flavour.lock());
    Packages::of(&lock, workshop.venv_stamp("libtorch"), &[flavour.name()])
}

/// The shared libraries that kernels cannot do without.
pub(crate) fn libraries(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    let torch = fs::canonicalize(workshop.libtorch())?;
    if torch.starts_with(workshop.venv())
        && let (Some(flavour), _) = found(workshop)
    {
        return wheel(workshop, flavour)?.libraries(workshop);
    }
    let folder = torch.join("lib");
    let files =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = files.flatten().map(|file| file.path());
    Ok(paths.filter(|path| is_library(path)).collect())
}

fn link(folder: &Path, link: &Path) -> Result<bool> {
    if fs::read_link(link).is_ok_and(|leads_to| leads_to == folder) {
        return Ok(false);
    }
    let unfinished = link.with_extension("unfinished");
    process::remove(&unfinished)?;
    if fs::symlink_metadata(link).is_ok_and(|metadata| metadata.is_dir()) {
        process::remove(link)?;
    }
    symlink(folder, &unfinished)
        .and_then(|()| fs::rename(&unfinished, link))
        .with_context(|| format!("cannot make the link {}", link.display()))?;
    Ok(true)
}

/// The version of the libtorch in a folder: a wheel's and a downloaded library's say it in
/// different files.
pub(crate) fn version(folder: &Path) -> Option<String> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let found = text("build-version")
        .or_else(|| {
            let source = text("version.py")?;
            let line = source
                .lines()
                .find(|line| line.starts_with("__version__"))?;
            line.split(['\'', '"']).nth(1).map(str::to_owned)
        })
        .or_else(|| {
            let header = text("include/torch/headeronly/version.h")?;
            let number = |name: &str| {
                let line = header
                    .lines()
                    .find(|line| line.contains(&format!("define TORCH_VERSION_{name} ")));
                line?.split_whitespace().last().map(str::to_owned)
            };
            Some(format!(
                "{}.{}.{}",
                number("MAJOR")?,
                number("MINOR")?,
                number("PATCH")?
            ))
        })?;
    found.trim().split('+').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_wheel_library_and_header() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(version(folder.path()), None);
        let header = folder.path().join("include/torch/headeronly");
        fs::create_dir_all(&header).unwrap();
        let defines = "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 12\n#define TORCH_VERSION_PATCH 1\n";
        fs::write(header.join("version.h"), defines).unwrap();
        assert_eq!(version(folder.path()).unwrap(), "2.12.1");
        fs::write(
            folder.path().join("version.py"),
            "__version__ = '2.13.0+cu130'\n",
        )
        .unwrap();
        assert_eq!(version(folder.path()).unwrap(), "2.13.0");
        fs::write(folder.path().join("build-version"), "2.11.0+cpu\n").unwrap();
        assert_eq!(version(folder.path()).unwrap(), "2.11.0");
    }

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

    #[test]
    fn cuda_includes_the_small_set() {
        assert!(Flavour::Cuda > Flavour::Small);
    }
}
