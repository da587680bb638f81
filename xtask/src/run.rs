//! Notebooks executed without a browser.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::notebooks;
use crate::notebooks::execute::{self, Exercises};
use crate::setup;
use crate::workshop::Workshop;

/// Executes the named notebooks, or all if none is named, and prints how each went.
pub(crate) fn run(
    workshop: &Workshop,
    named: &[PathBuf],
    exercises: Exercises,
) -> Result<ExitCode> {
    let mut chosen = Vec::new();
    for name in named {
        chosen.extend(notebooks::find(workshop, name)?);
    }
    if named.is_empty() {
        chosen = notebooks::all(workshop)?;
    }
    if chosen.is_empty() {
        bail!("there is no notebook in {}", workshop.notebooks().display());
    }
    setup::setup(workshop)?;
    let good = execute::run_all(workshop, &chosen, exercises)?;
    println!(
        "executed copies are in {}",
        workshop.relative(&execute::copies_folder(workshop, exercises))
    );
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
