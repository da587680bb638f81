//! JupyterLab on the notebooks.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::setup;
use crate::workshop::Workshop;

/// Sets up what is missing and becomes JupyterLab.
pub(crate) fn lab(workshop: &Workshop, arguments: &[OsString]) -> Result<ExitCode> {
    setup::setup(workshop)?;
    let error = workshop
        .python()
        .args(["-m", "jupyterlab"])
        // Python's own kernel comes with JupyterLab; here it would only be taken by mistake.
        .arg("--KernelSpecManager.allowed_kernelspecs=rust")
        .arg("--KernelSpecManager.ensure_native_kernel=False")
        .arg("--MultiKernelManager.default_kernel_name=rust")
        .args(arguments)
        .current_dir(workshop.notebooks())
        .exec();
    Err(error).context("cannot start JupyterLab")
}
