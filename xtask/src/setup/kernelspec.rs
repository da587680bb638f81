//! What Jupyter reads about the kernel, and the small files that kernels use.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{EVCXR, template};
use crate::process;
use crate::stamp::replace_file;
use crate::workshop::Workshop;

/// What evcxr runs in the kernel before its first cell: a panic is to answer with its message alone.
const PRELUDE: &str = r#"unsafe { std::env::set_var("RUST_BACKTRACE", "0") };"#;

/// Programs that stand before others in a kernel's PATH.
const SHIMS: [(&str, &[u8]); 5] = [
    ("analyzer", include_bytes!("../../shims/analyzer")),
    ("cargo", include_bytes!("../../shims/cargo")),
    ("note", include_bytes!("../../shims/note")),
    ("rustc", include_bytes!("../../shims/rustc")),
    ("rustup", include_bytes!("../../shims/rustup")),
];

/// Writes what is not there, or differs.
pub(crate) fn write(workshop: &Workshop) -> Result<bool> {
    let launcher = env::current_exe()
        .and_then(fs::read)
        .context("cannot read this program")?;
    let mut changed = write_file(&workshop.launcher(), &launcher, 0o755)?;
    for (name, contents) in SHIMS {
        changed |= write_file(&workshop.shims().join(name), contents, 0o755)?;
    }
    for loaded in [false, true] {
        let config = workshop.evcxr_config(loaded).join("evcxr.toml");
        changed |= write_file(&config, evcxr_toml(workshop, loaded).as_bytes(), 0o644)?;
    }
    changed |= write_logos(workshop)?;
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

/// A notebook's own `:dep` finds the crate loaded, for the reader's first minutes are the kernel's.
/// The variable makes rust-analyzer read the crate, and the question mark makes evcxr put cells into
/// a function that may use one; either would make the first cell wait.
fn evcxr_toml(workshop: &Workshop, loaded: bool) -> String {
    let (dependency, first_uses) = if loaded {
        let uses = "let _loaded = gasshuku::tch::Device::Cpu;\nOk::<(), std::fmt::Error>(())?;\n";
        (format!("{}\n", template::dependency(workshop)), uses)
    } else {
        (String::new(), "")
    };
    format!(
        "# Written by set-up.\n[evcxr]\nprelude = '''\n{dependency}{PRELUDE}\n{first_uses}'''\n"
    )
}

fn spec(workshop: &Workshop) -> serde_json::Value {
    json!({
        "argv": [
            workshop.launcher(), "--root", workshop.root(), "kernel", "{connection_file}",
        ],
        "display_name": "Rust",
        "language": "rust",
        "interrupt_mode": "message",
    })
}

/// A workshop may have no network: nothing is to be asked of it.
fn settings_of_lab() -> serde_json::Value {
    json!({
        "@jupyterlab/apputils-extension:notification": {
            "checkForUpdates": false,
            "doNotDisturbMode": false,
            "fetchNews": "false",
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
    EVCXR.say("its kernelspec is written");
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
