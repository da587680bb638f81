//! Which libtorch is used: that of torch's Python wheel, or one that LIBTORCH names.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::gpu;
use crate::workshop::Workshop;

/// The version that tch 0.26 is made for.
pub(crate) const VERSION: &str = "2.13.0";

/// Which packages are installed together with torch's wheel. `Cuda` includes `Cpu`: a set-up for the CPU
/// leaves the CUDA packages where they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Variant {
    /// What libtorch_cpu links to.
    Cpu,
    /// What the CUDA backend needs.
    Cuda,
}

/// Where libtorch comes from.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Wheel(Variant),
    /// The folder that LIBTORCH names.
    Named(PathBuf),
}

/// Chooses by LIBTORCH, else by GASSHUKU_TORCH, else by whether there is a GPU.
pub(crate) fn choose(workshop: &Workshop) -> Result<Source> {
    if let Some(named) = named_by_user(workshop) {
        check_named(&named)?;
        return Ok(Source::Named(named));
    }
    let variant = match env::var("GASSHUKU_TORCH").unwrap_or_default().as_str() {
        "" if gpu::find().is_some_and(|gpu| gpu.why_too_old().is_none()) => Variant::Cuda,
        "" | "cpu" => Variant::Cpu,
        "cuda" if cfg!(target_os = "macos") => {
            bail!("GASSHUKU_TORCH is cuda, and there is no CUDA on macOS: unset GASSHUKU_TORCH")
        }
        "cuda" => Variant::Cuda,
        other => bail!("GASSHUKU_TORCH is `{other}`: set it to cpu or cuda, or unset it"),
    };
    Ok(Source::Wheel(variant))
}

/// Whether the folder that LIBTORCH names contains the right version.
fn check_named(folder: &Path) -> Result<()> {
    let found = version(folder);
    if found.as_deref() != Some(VERSION) {
        bail!(
            "LIBTORCH names {}, which {}, and {VERSION} is needed: unset LIBTORCH, and set-up \
             installs it",
            folder.display(),
            found.map_or("is not a libtorch".into(), |found| format!(
                "is libtorch {found}"
            ))
        );
    }
    let library = folder.join(format!("lib/libtorch_cpu{}", env::consts::DLL_SUFFIX));
    if !library.exists() {
        bail!(
            "LIBTORCH names {}, and {} is missing: unset LIBTORCH, and set-up installs it",
            folder.display(),
            library.display()
        );
    }
    Ok(())
}

/// The folder that LIBTORCH names, unless it is `target/libtorch`: cargo sets that, see
/// `.cargo/config.toml`.
fn named_by_user(workshop: &Workshop) -> Option<PathBuf> {
    let named = env::var_os("LIBTORCH").filter(|named| !named.is_empty())?;
    let named = PathBuf::from(named);
    let folder = named.parent().and_then(|parent| parent.canonicalize().ok());
    let is_ours = named.file_name() == workshop.libtorch().file_name()
        && folder.is_some_and(|folder| folder == workshop.target());
    (!is_ours).then_some(named)
}

/// The version of the libtorch in a folder.
pub(crate) fn version(folder: &Path) -> Option<String> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let found = text("build-version")
        .or_else(|| version_of_wheel(&text("version.py")?))
        .or_else(|| version_of_header(&text("include/torch/headeronly/version.h")?))?;
    found.trim().split('+').next().map(str::to_owned)
}

fn version_of_wheel(source: &str) -> Option<String> {
    let mut lines = source.lines();
    let line = lines.find(|line| line.starts_with("__version__"))?;
    line.split(['\'', '"']).nth(1).map(str::to_owned)
}

fn version_of_header(header: &str) -> Option<String> {
    let number = |name: &str| {
        let definition = format!("define TORCH_VERSION_{name} ");
        let line = header.lines().find(|line| line.contains(&definition));
        line?.split_whitespace().last()
    };
    Some(format!(
        "{}.{}.{}",
        number("MAJOR")?,
        number("MINOR")?,
        number("PATCH")?
    ))
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
    fn cuda_includes_the_cpu_set() {
        assert!(Variant::Cuda > Variant::Cpu);
    }
}
