//! Brings a clone to where the notebooks run. Each step first decides whether it is done, and
//! leaves its mark only when it has succeeded; so a set-up may be interrupted anywhere, and the
//! next one takes up what is missing.

pub(crate) mod evcxr;
pub(crate) mod gpu;
pub(crate) mod installed;
pub(crate) mod kernelspec;
pub(crate) mod launcher;
pub(crate) mod libtorch;
pub(crate) mod packages;
pub(crate) mod requirements;
pub(crate) mod template;
pub(crate) mod venv;

use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use crate::process::{self, Step, Watch};
use crate::workshop::Workshop;

pub(crate) const REQUIREMENTS: Step = Step {
    number: 1,
    name: "requirements",
};
pub(crate) const PACKAGES: Step = Step {
    number: 2,
    name: "Python packages",
};
pub(crate) const LIBTORCH: Step = Step {
    number: 3,
    name: "libtorch",
};
pub(crate) const EVCXR: Step = Step {
    number: 4,
    name: "evcxr_jupyter",
};
pub(crate) const TEMPLATE: Step = Step {
    number: 5,
    name: "kernel",
};

/// Does what is missing.
pub(crate) fn setup(workshop: &Workshop) -> Result<()> {
    let start = Instant::now();
    requirements::platform()?;
    let watch = Watch {
        lock: lock(workshop)?,
        stop: AtomicBool::new(false),
        logs: workshop.scratch().join("log"),
    };
    let source = libtorch::choose(workshop)?;
    requirements::check(workshop, &source)?;
    let mut changed = venv::make(workshop)?;
    changed |= install(workshop, &watch, &source)?;
    changed |= kernelspec::write(workshop)?;
    changed |= template::build(workshop, &watch)?;
    process::remove(&workshop.scratch().join("tmp"))?;
    if changed {
        println!("set-up is done ({})", process::duration(start.elapsed()));
    }
    Ok(())
}

/// Python packages and libtorch are a matter of the network, evcxr_jupyter one of the processor.
fn install(workshop: &Workshop, watch: &Watch, source: &libtorch::Source) -> Result<bool> {
    let (evcxr, python) = thread::scope(|scope| {
        let evcxr = scope.spawn(|| {
            stopping(watch, || {
                let evcxr = evcxr::install(workshop, watch)?;
                Ok(launcher::install(workshop, watch)? | evcxr)
            })
        });
        let python = stopping(watch, || {
            let packages = packages::install(workshop, watch)?;
            Ok(libtorch::install(workshop, watch, source)? | packages)
        });
        let evcxr = evcxr
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the step for evcxr_jupyter panicked")));
        (evcxr, python)
    });
    match (evcxr, python) {
        (Ok(evcxr), Ok(python)) => Ok(evcxr | python),
        (Err(evcxr), Err(python)) if evcxr.is::<process::Stopped>() => Err(python),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn stopping(watch: &Watch, step: impl FnOnce() -> Result<bool>) -> Result<bool> {
    let result = step();
    if result.is_err() {
        watch.stop.store(true, Ordering::Relaxed);
    }
    result
}

/// One set-up at a time, and nobody who cleans meanwhile. The file is not where it cleans.
pub(crate) fn lock(workshop: &Workshop) -> Result<File> {
    let cannot = || {
        format!(
            "cannot write to {}: where the clone is somebody else's, make one of your own",
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
