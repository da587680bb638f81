//! JupyterLab on the notebooks.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::process;
use crate::setup;
use crate::workshop::Workshop;

/// Sets up what is missing and becomes JupyterLab.
pub(crate) fn lab(workshop: &Workshop, arguments: &[OsString]) -> Result<ExitCode> {
    setup::setup(workshop)?;
    let mut jupyterlab = workshop.python();
    jupyterlab
        .args(["-m", "jupyterlab"])
        // Python's own kernel comes with JupyterLab; here it would only be taken by mistake.
        .arg("--KernelSpecManager.allowed_kernelspecs=rust")
        .arg("--KernelSpecManager.ensure_native_kernel=False")
        .arg("--MultiKernelManager.default_kernel_name=rust")
        .current_dir(workshop.notebooks());
    if is_root()? {
        // JupyterLab refuses root unless told otherwise; in a container there is nobody else.
        jupyterlab.arg("--allow-root");
    }
    let error = jupyterlab.args(arguments).exec();
    Err(error).context("cannot start JupyterLab")
}

fn is_root() -> Result<bool> {
    let answer = process::ask(Command::new("id").arg("-u"))?;
    Ok(answer.is_some_and(|answer| answer.stdout.trim() == "0"))
}
