//! Takes away what is not needed any more.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use evcxr_prewarm::{directory, template};

use crate::notebooks;
use crate::process;
use crate::setup;
use crate::workshop::Workshop;

/// Cleans target, or all of set-up's, or the notebooks.
pub(crate) fn clean(workshop: &Workshop, all: bool, only_notebooks: bool) -> Result<ExitCode> {
    if only_notebooks {
        strip(workshop)?;
        return Ok(ExitCode::SUCCESS);
    }
    let _lock = setup::lock(workshop)?;
    let home = workshop.kernel_home();
    let running = directory::clear_all(&home)?;
    template::remove(&home)?;
    let mut paths = vec![workshop.executed()];
    if all {
        paths.extend([
            workshop.venv(),
            workshop.libtorch(),
            workshop.scratch(),
            workshop.target().join("jupyter"),
            workshop.target().join("bench"),
            workshop.target().join("book"),
            workshop.target().join("browser"),
        ]);
    }
    if all && running == 0 {
        paths.push(workshop.kernel());
    }
    remove(workshop, &paths)?;
    if running > 0 {
        println!("{running} kernels are at work; their directories are left to them");
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(workshop: &Workshop, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let bytes = process::size(path);
        process::remove(path)?;
        if bytes > 0 {
            println!(
                "{}: {:.1} MB freed",
                workshop.relative(path),
                bytes as f64 / 1e6
            );
        }
    }
    Ok(())
}

fn strip(workshop: &Workshop) -> Result<()> {
    for path in notebooks::all(workshop)?
        .into_iter()
        .chain(notebooks::failing(workshop)?)
    {
        if notebooks::strip(&path)? {
            println!("{}: stripped", workshop.relative(&path));
        }
    }
    Ok(())
}
