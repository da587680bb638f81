//! Installs what the notebooks need into the clone.
//!
//! Each step first checks whether it is done, and writes a stamp only when it has succeeded. So set-up may be
//! interrupted anywhere, and the next one continues with what is missing.
//!
//! The steps are `venv`, `packages`, `torch_wheel`, `evcxr`, `launcher`, `kernelspec` and `template`. The other
//! modules are what they share.

pub(crate) mod condition;
pub(crate) mod disk_space;
pub(crate) mod evcxr;
pub(crate) mod gpu;
pub(crate) mod kernelspec;
pub(crate) mod launcher;
pub(crate) mod libtorch;
mod locked_packages;
pub(crate) mod packages;
mod pip;
pub(crate) mod python;
pub(crate) mod requirements;
mod step;
pub(crate) mod template;
pub(crate) mod torch_wheel;
pub(crate) mod venv;

use std::fs::{self, File};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use crate::process;
use crate::workshop::Workshop;
use step::{Cancelled, REQUIREMENTS, Runner};

/// Runs the steps that are not done yet.
pub(crate) fn setup(workshop: &Workshop) -> Result<()> {
    let start = Instant::now();
    requirements::platform()?;
    let runner = Runner::new(lock(workshop)?, workshop.scratch().join("log"));
    let source = libtorch::choose(workshop)?;
    check_requirements(workshop, &source)?;
    let mut changed = venv::make(workshop)?;
    changed |= install(workshop, &runner, &source)?;
    changed |= kernelspec::write(workshop)?;
    changed |= template::build(workshop, &runner)?;
    process::remove_if_exists(&workshop.scratch().join("tmp"))?;
    if changed {
        println!(
            "set-up is done ({})",
            process::format_duration(start.elapsed())
        );
    }
    Ok(())
}

/// Reports at the beginning what set-up would fail on later with a less clear message.
fn check_requirements(workshop: &Workshop, source: &libtorch::Source) -> Result<()> {
    let rust = requirements::rust()?;
    let compiler = requirements::compiler(workshop)?;
    let needed = disk_space::needed_gb(workshop, source);
    if needed == 0.0 {
        return Ok(());
    }
    let free = disk_space::free_gb(workshop, needed)?;
    let python = if venv::is_usable(workshop) {
        venv::probe(workshop)?.version
    } else {
        python::find()?.version
    };
    REQUIREMENTS.print(&format!(
        "Rust {rust}, Python {python}, {compiler}, {free:.0} GB free ({needed:.0} needed)"
    ));
    Ok(())
}

/// Python packages and libtorch are downloaded while evcxr_jupyter is compiled: the one waits for the
/// network, the other for the processor.
fn install(workshop: &Workshop, runner: &Runner, source: &libtorch::Source) -> Result<bool> {
    let (evcxr, python) = thread::scope(|scope| {
        let evcxr = scope.spawn(|| {
            runner.run_steps(|| {
                let evcxr = evcxr::install(workshop, runner)?;
                Ok(launcher::install(workshop, runner)? | evcxr)
            })
        });
        let python = runner.run_steps(|| {
            let packages = packages::install(workshop, runner)?;
            Ok(torch_wheel::install(workshop, runner, source)? | packages)
        });
        let evcxr = evcxr
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the step for evcxr_jupyter panicked")));
        (evcxr, python)
    });
    match (evcxr, python) {
        (Ok(evcxr), Ok(python)) => Ok(evcxr | python),
        (Err(evcxr), Err(python)) if evcxr.is::<Cancelled>() => Err(python),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Waits until no other set-up and no `clean` runs in this clone. The lock file is in a folder that `clean`
/// does not remove.
pub(crate) fn lock(workshop: &Workshop) -> Result<File> {
    let cannot = || {
        format!(
            "cannot write to {}: if the clone is somebody else's, make one of your own",
            workshop.root().display()
        )
    };
    fs::create_dir_all(workshop.target()).with_context(cannot)?;
    let lock = File::create(workshop.target().join("setup.lock")).with_context(cannot)?;
    if lock.try_lock().is_err() {
        println!("another set-up is at work in this clone; waiting for it to end");
        lock.lock().context("cannot lock target/setup.lock")?;
    }
    Ok(lock)
}
