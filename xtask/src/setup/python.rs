//! The Python that the virtual environment is made with.

use std::env;
use std::ops::RangeInclusive;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};

use super::libtorch;
use super::requirements::major_minor;
use crate::process;

/// The versions that torch 2.13.0 has wheels for.
const SUPPORTED: RangeInclusive<[u32; 2]> = [3, 10]..=[3, 14];

/// A Python that can make the virtual environment.
pub(crate) struct Python {
    pub(crate) program: String,
    pub(crate) version: String,
}

/// The Python that GASSHUKU_PYTHON names, else the first suitable one on PATH.
pub(crate) fn find() -> Result<Python> {
    if let Some(named) = env::var("GASSHUKU_PYTHON")
        .ok()
        .filter(|named| !named.is_empty())
    {
        return try_program(&named)?
            .with_context(|| format!("GASSHUKU_PYTHON names {named}, which does not exist"))?;
    }
    let minors = (SUPPORTED.start()[1]..=SUPPORTED.end()[1]).rev();
    let names =
        std::iter::once("python3".to_owned()).chain(minors.map(|minor| format!("python3.{minor}")));
    let mut refusal = None;
    for name in names {
        match try_program(&name)? {
            Some(Ok(python)) => return Ok(python),
            Some(Err(error)) => refusal = refusal.or(Some(error)),
            None => {}
        }
    }
    Err(refusal.unwrap_or_else(|| {
        anyhow!(
            "no python3 is on PATH: install Python 3.10 or newer (Debian, Ubuntu: sudo apt \
             install python3 python3-venv)"
        )
    }))
}

/// Whether a program is a suitable Python; `None` if there is no such program.
fn try_program(program: &str) -> Result<Option<Result<Python>>> {
    const SCRIPT: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3], flush=True); \
                          import venv, ensurepip";
    let Some(output) = process::output(Command::new(program).args(["-c", SCRIPT]))? else {
        return Ok(None);
    };
    let version = output.stdout.trim().to_owned();
    if major_minor(&version).is_none() {
        // A version manager's shim for a Python that is not installed.
        return Ok(None);
    }
    Ok(Some(check(program, version, output.success)))
}

fn check(program: &str, version: String, has_venv: bool) -> Result<Python> {
    let [major, minor] = major_minor(&version).unwrap_or_default();
    ensure!(
        [major, minor] >= *SUPPORTED.start(),
        "{program} is Python {version}, and 3.10 or newer is needed: install one, and name it in \
         GASSHUKU_PYTHON if it is not the python3 on PATH"
    );
    ensure!(
        [major, minor] <= *SUPPORTED.end(),
        "{program} is Python {version}, and libtorch {} supports 3.10 to 3.14: install one of \
         these, and name it in GASSHUKU_PYTHON",
        libtorch::VERSION
    );
    ensure!(
        has_venv,
        "{program} is Python {version} without venv: install it (Debian, Ubuntu: sudo apt install \
         python{major}.{minor}-venv)"
    );
    Ok(Python {
        program: program.to_owned(),
        version,
    })
}
