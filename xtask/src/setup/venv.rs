//! The virtual environment that holds everything Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{PACKAGES, requirements};
use crate::process;
use crate::stamp::Stamp;
use crate::workshop::Workshop;

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
    let python = requirements::python()?;
    let venv = workshop.venv();
    PACKAGES.say(&format!("making .venv with Python {}", python.version));
    create(&python.program, &venv)?;
    stamp(workshop).write()?;
    Ok(true)
}

/// Makes a virtual environment in place of what is there.
pub(crate) fn create(python: &str, folder: &Path) -> Result<()> {
    process::remove(folder)?;
    let answer = process::ask(Command::new(python).args(["-m", "venv"]).arg(folder))?
        .with_context(|| format!("{python} has vanished from PATH"))?;
    if !answer.success {
        let reason = answer.stdout + &answer.stderr;
        let name = folder.file_name().unwrap_or_default().display();
        bail!("{python} cannot make {name}: {}", reason.trim());
    }
    Ok(())
}

/// Whether .venv was made to its end, here (it holds absolute paths, so it cannot be moved), and
/// its Python still runs.
pub(crate) fn is_usable(workshop: &Workshop) -> bool {
    stamp(workshop).is_fresh() && probe(workshop).is_ok()
}

pub(crate) fn probe(workshop: &Workshop) -> Result<Probe> {
    const SCRIPT: &str = "import sys, sysconfig; print('%d.%d.%d' % sys.version_info[:3]); \
                          print(sysconfig.get_path('platlib'))";
    let answer = process::ask(workshop.python().args(["-c", SCRIPT]))?
        .filter(|answer| answer.success)
        .context("the Python of .venv does not run: run `cargo xtask setup`")?;
    let mut lines = answer.stdout.lines().map(str::to_owned);
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
