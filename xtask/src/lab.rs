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

/// Sets up what is missing, and replaces this process by JupyterLab.
pub(crate) fn lab(workshop: &Workshop, arguments: &[OsString]) -> Result<ExitCode> {
    setup::setup(workshop)?;
    let mut jupyterlab = workshop.python();
    jupyterlab
        .args(["-m", "jupyterlab"])
        // JupyterLab brings Python's kernel, which here would only be chosen by mistake.
        .arg("--KernelSpecManager.allowed_kernelspecs=rust")
        .arg("--KernelSpecManager.ensure_native_kernel=False")
        .arg("--MultiKernelManager.default_kernel_name=rust")
        // The page on which a language is chosen, unless the arguments name another.
        .arg("--LabApp.default_url=/lab/tree/welcome.md")
        .current_dir(workshop.notebooks());
    if process::is_root()? {
        // JupyterLab refuses to run as root without this. In a container there may be no other user.
        jupyterlab.arg("--allow-root");
    }
    if let Err(error) = start_spare_kernels(workshop) {
        eprintln!("no kernel is kept ready: {error:#}");
    }
    let error = jupyterlab.args(arguments).exec();
    Err(error).context("cannot start JupyterLab")
}

/// Starts the program that keeps a spare kernel ready: it starts one while JupyterLab opens, and another one
/// when a notebook has taken it.
///
/// The program ends when this process ends, which JupyterLab will replace. It has a process group of its own,
/// so that Ctrl-C in the terminal reaches only JupyterLab.
fn start_spare_kernels(workshop: &Workshop) -> Result<()> {
    let mut spare = Command::new(workshop.launcher());
    // A kernel is spare only for JupyterLab's environment.
    for (name, value) in workshop.python().get_envs() {
        match value {
            Some(value) => spare.env(name, value),
            None => spare.env_remove(name),
        };
    }
    spare
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

/// The folder in which a notebook will probably be opened first. If that is wrong, the first notebook corrects
/// it.
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
