//! Whether the disk has space for what is still to be installed.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::libtorch::Source;
use super::{evcxr, packages, template, torch_wheel};
use crate::process;
use crate::workshop::Workshop;

/// For the tests, which cargo builds in the same folder.
const TESTS_GB: f64 = 0.5;

/// The gigabytes that the remaining steps need while they run.
pub(crate) fn needed_gb(workshop: &Workshop, source: &Source) -> f64 {
    let needed = packages::needed_gb(workshop)
        + torch_wheel::needed_gb(workshop, source)
        + evcxr::needed_gb(workshop)
        + template::needed_gb(workshop);
    if needed == 0.0 {
        0.0
    } else {
        needed + TESTS_GB
    }
}

/// The gigabytes that are free, or an error if they are not enough.
pub(crate) fn free_gb(workshop: &Workshop, needed: f64) -> Result<f64> {
    let output = process::output(Command::new("df").arg("-Pk").arg(workshop.root()))?;
    let kilobytes: Option<f64> = output.and_then(|output| {
        let line = output.stdout.lines().nth(1)?.to_owned();
        let mut columns_from_right = line.split_whitespace().rev();
        columns_from_right.nth(2)?.parse().ok()
    });
    let free = kilobytes.context("df does not say how much room is left")? * 1024.0 / 1e9;
    if free < needed {
        bail!(
            "set-up needs {needed:.1} GB on the disk of {}, and {free:.1} GB are free: make room, \
             then run the same command again",
            workshop.root().display()
        );
    }
    Ok(free)
}
