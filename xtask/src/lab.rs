//! JupyterLab on the notebooks.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::notebooks::ENGLISH;
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
        // Where nothing else is named, it opens on the page that lets a language be chosen.
        .arg("--LabApp.default_url=/lab/tree/welcome.md")
        .current_dir(workshop.notebooks());
    if process::is_root()? {
        // JupyterLab refuses root unless told otherwise; in a container there is nobody else.
        jupyterlab.arg("--allow-root");
    }
    if let Err(error) = keep_a_kernel_ready(workshop) {
        eprintln!("no kernel is kept ready: {error:#}");
    }
    let error = jupyterlab.args(arguments).exec();
    Err(error).context("cannot start JupyterLab")
}

/// While JupyterLab opens, a kernel starts, too, and again when it has been taken. It ends with
/// JupyterLab, whose process this one becomes; Ctrl-C in the terminal is JupyterLab's business.
fn keep_a_kernel_ready(workshop: &Workshop) -> Result<()> {
    let mut keeper = Command::new(workshop.launcher());
    // In the environment that JupyterLab's kernels have.
    for (name, value) in workshop.python().get_envs() {
        match value {
            Some(value) => keeper.env(name, value),
            None => keeper.env_remove(name),
        };
    }
    keeper
        .arg("--home")
        .arg(workshop.kernel())
        .arg("spare")
        .current_dir(workshop.notebooks().join(language()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start its keeper")?;
    Ok(())
}

/// The folder of notebooks that will be opened first: a guess, which the first notebook corrects.
fn language() -> &'static str {
    let wanted = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    if wanted.is_some_and(|wanted| wanted.starts_with("ja")) {
        "ja"
    } else {
        ENGLISH
    }
}
