//! The virtual environment that holds everything Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::python::{self, Python};
use super::step::PACKAGES;
use crate::process;
use crate::workshop::Workshop;
use evcxr_prewarm::stamp::{Stamp, replace_file};

/// What takes minutes to compile and has nothing to do with Python, below .venv, with its stamp. The
/// stamp is the last to come back.
const COMPILED: [&str; 2] = ["bin/evcxr_jupyter", "gasshuku/evcxr"];

/// What .venv's Python says of itself.
pub(crate) struct Probe {
    pub(crate) version: String,
    pub(crate) site_packages: PathBuf,
}

/// Makes .venv where there is none that works.
pub(crate) fn make(workshop: &Workshop) -> Result<bool> {
    if is_usable(workshop) {
        return Ok(false);
    }
    let python = python::find()?;
    if !repair(workshop, &python)? {
        PACKAGES.print(&format!("making .venv with Python {}", python.version));
        let kept = workshop.scratch().join("kept");
        move_all(&workshop.venv(), &kept)?;
        create(&python.program, &workshop.venv())?;
        move_all(&kept, &workshop.venv())?;
    }
    stamp(workshop).write()?;
    Ok(true)
}

/// A .venv that was whole, and whose folder has been moved or whose Python has gone, keeps its packages
/// where a Python of the same version is there: nothing is downloaded.
fn repair(workshop: &Workshop, python: &Python) -> Result<bool> {
    let venv = workshop.venv();
    let was_whole = fs::read_to_string(workshop.venv_stamp("venv"));
    let made_by = fs::read_to_string(venv.join("pyvenv.cfg")).unwrap_or_default();
    let (Ok(made_in), true) = (was_whole, is_same_minor(&made_by, &python.version)) else {
        return Ok(false);
    };
    PACKAGES.print("repairing .venv: it was moved, or its Python has gone");
    for name in ["python", "python3"] {
        process::remove(&venv.join("bin").join(name))?;
    }
    let mut command = Command::new(&python.program);
    command.args(["-m", "venv", "--without-pip"]).arg(&venv);
    let made = process::output(&mut command)?.is_some_and(|output| output.success);
    lead_scripts_here(&venv.join("bin"), &made_in, workshop.root())?;
    Ok(made && probe(workshop).is_ok())
}

/// Whether `pyvenv.cfg` names a version that differs from this one in its last number at most.
fn is_same_minor(configuration: &str, version: &str) -> bool {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    let line = configuration
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    line.is_some_and(|found| minor(found.trim()).is_some() && minor(found.trim()) == minor(version))
}

/// The first lines of scripts name their Python by its whole path.
fn lead_scripts_here(bin: &Path, made_in: &str, root: &Path) -> Result<()> {
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

/// Moves [`COMPILED`], as far as it is there.
fn move_all(from: &Path, to: &Path) -> Result<()> {
    for path in COMPILED.iter().filter(|path| from.join(path).exists()) {
        let (from, to) = (from.join(path), to.join(path));
        let folder = to.parent().unwrap_or(&to);
        fs::create_dir_all(folder)
            .and_then(|()| fs::rename(&from, &to))
            .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}

/// Makes a virtual environment in place of what is there.
pub(crate) fn create(python: &str, folder: &Path) -> Result<()> {
    process::remove(folder)?;
    let output = process::output(Command::new(python).args(["-m", "venv"]).arg(folder))?
        .with_context(|| format!("{python} has vanished from PATH"))?;
    if !output.success {
        let reason = output.stdout + &output.stderr;
        let name = folder.file_name().unwrap_or_default().display();
        bail!("{python} cannot make {name}: {}", reason.trim());
    }
    Ok(())
}

/// Whether .venv was made to its end, here (it holds absolute paths), and its Python still runs.
pub(crate) fn is_usable(workshop: &Workshop) -> bool {
    stamp(workshop).is_fresh() && probe(workshop).is_ok()
}

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
