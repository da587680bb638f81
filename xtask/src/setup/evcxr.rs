//! The kernel itself, compiled here: there is no binary of it to download.

use anyhow::Result;

use super::EVCXR;
use crate::process::{self, Watch};
use crate::stamp::Stamp;
use crate::workshop::Workshop;

pub(crate) const VERSION: &str = "0.22.0";
/// How many crates its build compiles, to say how far it is.
const CRATES: usize = 273;
const GB: f64 = 1.5;

/// Builds evcxr_jupyter into .venv/bin.
pub(crate) fn install(workshop: &Workshop, watch: &Watch) -> Result<bool> {
    if is_done(workshop) {
        return Ok(false);
    }
    EVCXR.say(&format!(
        "compiling version {VERSION}, about 6 minutes on 2 cores"
    ));
    let build = workshop.scratch().join("evcxr");
    let mut command = workshop.cargo();
    command
        .args([
            "install",
            "evcxr_jupyter",
            "--version",
            VERSION,
            "--locked",
            "--force",
        ])
        .args(["--no-track", "--color", "never", "--root"])
        .arg(workshop.venv())
        .arg("--target-dir")
        .arg(&build);
    watch.run(EVCXR, &mut command, &progress)?;
    stamp(workshop).write()?;
    process::remove(&build)?;
    EVCXR.say("done");
    Ok(true)
}

pub(crate) fn is_done(workshop: &Workshop) -> bool {
    stamp(workshop).is_fresh() && workshop.program("evcxr_jupyter").exists()
}

pub(crate) fn missing_gb(workshop: &Workshop) -> f64 {
    if is_done(workshop) { 0.0 } else { GB }
}

fn stamp(workshop: &Workshop) -> Stamp {
    Stamp::new(workshop.venv_stamp("evcxr"), &[VERSION])
}

fn progress(output: &str) -> String {
    let compiled = output
        .lines()
        .filter(|line| line.trim_start().starts_with("Compiling"))
        .count();
    if compiled == 0 {
        return "fetching its sources".to_owned();
    }
    format!("crate {compiled} of about {CRATES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_crates() {
        assert_eq!(
            progress("    Updating crates.io index\n"),
            "fetching its sources"
        );
        let output = "   Compiling a v1.0.0\n   Compiling b v1.0.0\n    Finished";
        assert_eq!(progress(output), "crate 2 of about 273");
    }
}
