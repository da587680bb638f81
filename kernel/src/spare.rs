//! Spare kernels: started before they are needed, and each handed over once. From opening a notebook to the
//! first tensor it takes 1.3 s instead of 3.9 s.
//!
//! The keeper runs beside JupyterLab. It lets one process, the holder, hold one kernel that has loaded the
//! crate and run a cell, in the folder of the notebooks that were opened last. A launcher that needs a
//! kernel, the taker, connects to the holder and learns how to reach evcxr_jupyter. From then on it uses
//! the kernel as if it had started it itself. The kernel lives as long as the launcher is connected. The
//! holder tells the launcher when the kernel has ended.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use jupyter_zmq_client::ConnectionInfo;
use serde::{Deserialize, Serialize};

use crate::settings::{Home, Settings};
use crate::{environment, source_fingerprint, stamp, template};

pub mod holder;
pub mod keeper;
pub mod taker;

/// What the holder says when its kernel was taken.
const TAKEN: &str = "taken";

/// What the holder sends to the launcher: how to reach the kernel.
#[derive(Serialize, Deserialize)]
struct Handover {
    connection: ConnectionInfo,
    directory: PathBuf,
    side_channel: PathBuf,
    process: Option<u32>,
}

/// A fingerprint of what a spare kernel must have in common with one that would be started now: the crate, the
/// compiler, the settings and the environment.
fn fingerprint(home: &Home, settings: &Settings) -> Result<String> {
    let environment: BTreeMap<_, _> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| !differs_in_each_process(name))
        .collect();
    Ok(stamp::hash_text(&format!(
        "{}\n{}\n{settings:?}\n{environment:?}\n{:?}",
        source_fingerprint::current(home, settings)?,
        fs::read_to_string(home.template().join(template::MADE_FROM)).unwrap_or_default(),
        fs::read_to_string(home.plain()).ok(),
    )))
}

/// Whether shells or Jupyter set the variable for each process that they start.
fn differs_in_each_process(name: &str) -> bool {
    ["JPY_", "JUPYTER_", "CARGO_PKG_", "CARGO_MANIFEST_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || environment::is_set_by_cargo_run(name)
        || ["_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "TERM"].contains(&name)
}

/// The file in which a launcher writes the folder that it would have needed a spare kernel for.
fn wanted_folder_file(home: &Home) -> PathBuf {
    home.spares().join("wanted")
}

/// Whether the user has turned spare kernels off.
fn is_turned_off(settings: &Settings) -> bool {
    settings.variable("SPARE").is_some_and(|value| value == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_differ_in_each_process_do_not_count() {
        assert!(differs_in_each_process("JPY_SESSION_NAME"));
        assert!(differs_in_each_process("PWD"));
        assert!(!differs_in_each_process("PATH"));
        assert!(!differs_in_each_process("OMP_NUM_THREADS"));
    }
}
