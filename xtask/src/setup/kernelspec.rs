//! Jupyter's description of the kernel, its logos, and JupyterLab's settings.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::step::EVCXR;
use crate::process;
use crate::workshop::Workshop;
use evcxr_prewarm::stamp::replace_file;

/// Writes the files that are missing or differ. Returns whether there was any.
pub(crate) fn write(workshop: &Workshop) -> Result<bool> {
    let mut changed = write_logos(workshop)?;
    let spec = serde_json::to_vec_pretty(&spec(workshop))?;
    changed |= write_file(&workshop.kernelspec().join("kernel.json"), &spec, 0o644)?;
    let settings = workshop
        .venv()
        .join("share/jupyter/lab/settings/overrides.json");
    changed |= write_file(
        &settings,
        &serde_json::to_vec_pretty(&lab_settings())?,
        0o644,
    )?;
    Ok(changed)
}

/// Whether the kernelspec is as `write` would write it.
pub(crate) fn is_current(workshop: &Workshop) -> bool {
    let written = fs::read(workshop.kernelspec().join("kernel.json")).unwrap_or_default();
    serde_json::to_vec_pretty(&spec(workshop)).is_ok_and(|wanted| wanted == written)
        && workshop.launcher().exists()
}

fn spec(workshop: &Workshop) -> serde_json::Value {
    json!({
        "argv": [
            workshop.launcher(), "--home", workshop.kernel(), "kernel", "{connection_file}",
        ],
        "display_name": "Rust",
        "language": "rust",
        "interrupt_mode": "message",
    })
}

/// JupyterLab's settings. It does not use the network, which a workshop may not have. It shows Markdown
/// files rendered: the welcome page has links to click.
fn lab_settings() -> serde_json::Value {
    json!({
        "@jupyterlab/apputils-extension:notification": {
            "checkForUpdates": false,
            "doNotDisturbMode": false,
            "fetchNews": "false",
        },
        "@jupyterlab/docmanager-extension:plugin": {
            "defaultViewers": { "markdown": "Markdown Preview" },
        },
    })
}

/// Has evcxr write its logos, which are inside the program, and its version.txt. Without version.txt evcxr
/// would replace our kernel.json when JUPYTER_PATH names this folder.
fn write_logos(workshop: &Workshop) -> Result<bool> {
    let folder = workshop.kernelspec();
    if folder.join("version.txt").exists() {
        return Ok(false);
    }
    let mut command = Command::new(workshop.program("evcxr_jupyter"));
    command
        .arg("--install")
        .env("JUPYTER_PATH", workshop.venv().join("share/jupyter"));
    let output = process::output(&mut command)?.context("there is no .venv/bin/evcxr_jupyter")?;
    if !output.success {
        bail!("evcxr_jupyter does not run: {}", output.stderr.trim());
    }
    for unused in ["kernel.js", "lint.js", "lint.css", "lint-LICENSE"] {
        process::remove_if_exists(&folder.join(unused))?;
    }
    EVCXR.print("its kernelspec is written");
    Ok(true)
}

/// Writes a file with these permissions if it differs. Returns whether it has.
fn write_file(path: &Path, contents: &[u8], mode: u32) -> Result<bool> {
    let metadata = fs::metadata(path);
    let same = metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o777 == mode)
        && fs::read(path).is_ok_and(|found| found == contents);
    if same {
        return Ok(false);
    }
    replace_file(path, contents)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the permissions of {}", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/cargo");
        assert!(write_file(&path, b"#!/bin/sh", 0o755).unwrap());
        assert!(!write_file(&path, b"#!/bin/sh", 0o755).unwrap());
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(write_file(&path, b"#!/bin/sh", 0o755).unwrap());
        assert!(write_file(&path, b"#!/bin/bash", 0o755).unwrap());
    }
}
