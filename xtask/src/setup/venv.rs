//! The virtual environment, `.venv`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::python::{self, Python};
use super::step::PACKAGES;
use crate::process;
use crate::workshop::Workshop;
use evcxr_prewarm::stamp::{Stamp, replace_file};

/// Files in .venv that do not depend on Python and take minutes to compile. The stamp is last: it must come
/// back last.
const COMPILED: [&str; 2] = ["bin/evcxr_jupyter", "gasshuku/evcxr"];

/// What the Python of .venv says about itself.
pub(crate) struct Probe {
    pub(crate) version: String,
    pub(crate) site_packages: PathBuf,
}

/// Makes .venv if there is none that works. Returns whether anything has changed.
pub(crate) fn make(workshop: &Workshop) -> Result<bool> {
    if is_usable(workshop) {
        return Ok(false);
    }
    let python = python::find()?;
    if !repair(workshop, &python)? {
        PACKAGES.print(&format!("making .venv with Python {}", python.version));
        let kept = workshop.scratch().join("kept");
        move_compiled(&workshop.venv(), &kept)?;
        create(&python.program, &workshop.venv())?;
        move_compiled(&kept, &workshop.venv())?;
    }
    stamp(workshop).write()?;
    Ok(true)
}

/// Repairs a .venv that was complete, and that was moved or whose Python was removed. With a Python of the same
/// version it keeps its packages, so that nothing is downloaded. Returns whether it works.
fn repair(workshop: &Workshop, python: &Python) -> Result<bool> {
    let venv = workshop.venv();
    let complete_at = fs::read_to_string(workshop.venv_stamp("venv"));
    let made_by = fs::read_to_string(venv.join("pyvenv.cfg")).unwrap_or_default();
    let (Ok(made_in), true) = (complete_at, is_same_minor(&made_by, &python.version)) else {
        return Ok(false);
    };
    PACKAGES.print("repairing .venv: it was moved, or its Python was removed");
    for name in ["python", "python3"] {
        process::remove_if_exists(&venv.join("bin").join(name))?;
    }
    let mut command = Command::new(&python.program);
    command.args(["-m", "venv", "--without-pip"]).arg(&venv);
    let made = process::output(&mut command)?.is_some_and(|output| output.success);
    point_scripts_here(&venv.join("bin"), &made_in, workshop.root())?;
    Ok(made && probe(workshop).is_ok())
}

/// Whether the version in `pyvenv.cfg` and this one differ only in the last number.
fn is_same_minor(configuration: &str, version: &str) -> bool {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    let line = configuration
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    line.is_some_and(|found| minor(found.trim()).is_some() && minor(found.trim()) == minor(version))
}

/// Replaces the path of Python in the first lines of scripts.
fn point_scripts_here(bin: &Path, made_in: &str, root: &Path) -> Result<()> {
    let old = format!("#!{made_in}/");
    for entry in fs::read_dir(bin).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(script) = fs::read_to_string(&path) else {
            continue;
        };
        if let Some(rest) = script.strip_prefix(&old) {
            let permissions = fs::metadata(&path)?.permissions();
            replace_file(&path, format!("#!{}/{rest}", root.display()).as_bytes())?;
            fs::set_permissions(&path, permissions)?;
        }
    }
    Ok(())
}

/// Moves those of [`COMPILED`] that exist.
fn move_compiled(from: &Path, to: &Path) -> Result<()> {
    for path in COMPILED.iter().filter(|path| from.join(path).exists()) {
        let (from, to) = (from.join(path), to.join(path));
        let folder = to.parent().unwrap_or(&to);
        fs::create_dir_all(folder)
            .and_then(|()| fs::rename(&from, &to))
            .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}

/// Makes a virtual environment, after removing what is in the folder.
pub(crate) fn create(python: &str, folder: &Path) -> Result<()> {
    process::remove_if_exists(folder)?;
    let output = process::output(Command::new(python).args(["-m", "venv"]).arg(folder))?
        .with_context(|| format!("{python} is not on PATH any more"))?;
    if !output.success {
        let reason = output.stdout + &output.stderr;
        let name = folder.file_name().unwrap_or_default().display();
        bail!("{python} cannot make {name}: {}", reason.trim());
    }
    Ok(())
}

/// Whether .venv was completely made in this place (it contains absolute paths), and its Python runs.
pub(crate) fn is_usable(workshop: &Workshop) -> bool {
    stamp(workshop).is_fresh() && probe(workshop).is_ok()
}

/// Asks the Python of .venv about itself.
pub(crate) fn probe(workshop: &Workshop) -> Result<Probe> {
    const SCRIPT: &str = "import sys, sysconfig; print('%d.%d.%d' % sys.version_info[:3]); \
                          print(sysconfig.get_path('platlib'))";
    let output = process::output(workshop.python().args(["-c", SCRIPT]))?
        .filter(|output| output.success)
        .context("the Python of .venv does not run: run `cargo xtask setup`")?;
    let mut lines = output.stdout.lines().map(str::to_owned);
    match (lines.next(), lines.next()) {
        (Some(version), Some(folder)) => Ok(Probe {
            version,
            site_packages: folder.into(),
        }),
        _ => bail!("the Python of .venv does not say where its packages are"),
    }
}

fn stamp(workshop: &Workshop) -> Stamp {
    Stamp::new(
        workshop.venv_stamp("venv"),
        &[&workshop.root().display().to_string()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_patch_of_python_will_do() {
        let configuration = "home = /usr/bin\nversion = 3.11.7\n";
        assert!(is_same_minor(configuration, "3.11.9"));
        assert!(!is_same_minor(configuration, "3.12.7"));
        assert!(!is_same_minor("home = /usr/bin\n", "3.11.7"));
        assert!(!is_same_minor("version = 3\n", "3"));
    }
}
