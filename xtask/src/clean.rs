//! Removes what set-up and notebooks have made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use evcxr_prewarm::{directory, template};

use crate::notebooks;
use crate::process;
use crate::setup;
use crate::workshop::Workshop;

/// Removes what notebooks have left in `target`; with `all` also what set-up has installed. With `only_notebooks`
/// it removes the outputs of the notebooks, and nothing else.
pub(crate) fn clean(workshop: &Workshop, all: bool, only_notebooks: bool) -> Result<ExitCode> {
    if only_notebooks {
        strip(workshop)?;
        return Ok(ExitCode::SUCCESS);
    }
    check_that_no_participant_has_a_kernel(&workshop.kernel())?;
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
            print_freed(workshop, home.path(), bytes);
        }
        !is_removed
    } else {
        running > 0
    };
    if is_left {
        println!("kernels are running; their directories stay");
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails while kernels of a hub's participants are running. They use the compiled crates through links.
fn check_that_no_participant_has_a_kernel(kernels: &Path) -> Result<()> {
    let running = entries(&kernels.join("users"))
        .iter()
        .flat_map(|user| entries(&user.join("running")))
        .filter(|directory| directory::is_in_use(directory))
        .count();
    ensure!(
        running == 0,
        "kernels of a hub's participants are running ({running}): end the hub first"
    );
    Ok(())
}

/// What is in a folder; nothing where there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.flatten().map(|entry| entry.path()).collect()
}

fn remove(workshop: &Workshop, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let bytes = process::size(path);
        process::remove_if_exists(path)?;
        print_freed(workshop, path, bytes);
    }
    Ok(())
}

fn print_freed(workshop: &Workshop, path: &Path, bytes: u64) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_removed_while_participants_have_kernels() {
        let root = tempfile::tempdir().unwrap();
        let workshop = Workshop::at(Some(root.path().to_owned())).unwrap();
        let kernel = workshop.kernel().join("users/1234/running/1-0");
        let template = workshop.kernel().join("template");
        fs::create_dir_all(&kernel).unwrap();
        fs::create_dir_all(&template).unwrap();
        let lock = fs::File::create(kernel.join(directory::LOCK)).unwrap();
        lock.lock().unwrap();
        for all in [false, true] {
            let error = clean(&workshop, all, false).unwrap_err().to_string();
            assert!(error.contains("participants are running (1)"), "{error}");
            assert!(template.exists());
        }
        drop(lock);
        clean(&workshop, true, false).unwrap();
        assert!(!workshop.kernel().exists());
    }
}
