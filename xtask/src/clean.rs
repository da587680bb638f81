//! Takes away what is not needed any more.

use std::path::{Path, PathBuf};
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
    let running = directory::remove_unused(&home)?;
    template::remove(&home, &|| println!("a kernel is starting; waiting for it"))?;
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
    remove(workshop, &paths)?;
    let is_left = if all {
        let bytes = process::size(home.path());
        let is_removed = directory::remove_home(&home)?;
        if is_removed {
            say_freed(workshop, home.path(), bytes);
        }
        !is_removed
    } else {
        running > 0
    };
    if is_left {
        println!("kernels are at work; their directories are left to them");
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(workshop: &Workshop, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let bytes = process::size(path);
        process::remove_if_exists(path)?;
        say_freed(workshop, path, bytes);
    }
    Ok(())
}

fn say_freed(workshop: &Workshop, path: &Path, bytes: u64) {
    if bytes > 0 {
        println!(
            "{}: {:.1} MB freed",
            workshop.relative(path),
            bytes as f64 / 1e6
        );
    }
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
