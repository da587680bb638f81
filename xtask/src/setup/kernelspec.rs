//! What Jupyter reads about the kernel, and the small files that kernels use.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::EVCXR;
use crate::process;
use crate::workshop::Workshop;
use evcxr_prewarm::stamp::replace_file;

/// Writes what is not there, or differs.
pub(crate) fn write(workshop: &Workshop) -> Result<bool> {
    let mut changed = write_logos(workshop)?;
    let spec = serde_json::to_vec_pretty(&spec(workshop))?;
    changed |= write_file(&workshop.kernelspec().join("kernel.json"), &spec, 0o644)?;
    let settings = workshop
        .venv()
        .join("share/jupyter/lab/settings/overrides.json");
    changed |= write_file(
        &settings,
        &serde_json::to_vec_pretty(&settings_of_lab())?,
        0o644,
    )?;
    Ok(changed)
}

pub(crate) fn is_done(workshop: &Workshop) -> bool {
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

/// A workshop may have no network: nothing is to be asked of it. The welcome is there to be read, and its
/// links to be clicked, so JupyterLab shows Markdown instead of its source.
fn settings_of_lab() -> serde_json::Value {
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

/// evcxr has its logos within itself. Its version.txt goes with them: without it, evcxr would
/// replace our kernel.json where JUPYTER_PATH names this folder.
fn write_logos(workshop: &Workshop) -> Result<bool> {
    let folder = workshop.kernelspec();
    if folder.join("version.txt").exists() {
        return Ok(false);
    }
    let mut command = Command::new(workshop.program("evcxr_jupyter"));
    command
        .arg("--install")
        .env("JUPYTER_PATH", workshop.venv().join("share/jupyter"));
    let answer = process::ask(&mut command)?.context("there is no .venv/bin/evcxr_jupyter")?;
    if !answer.success {
        bail!("evcxr_jupyter does not run: {}", answer.stderr.trim());
    }
    for classic in ["kernel.js", "lint.js", "lint.css", "lint-LICENSE"] {
        process::remove(&folder.join(classic))?;
    }
    EVCXR.translated("its kernelspec is written");
    Ok(true)
}

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
