//! Calls cargo and passes its output on, or repeats the output of an earlier call.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cached_call::CachedCall;
use crate::program::exit_code;
use crate::settings::{Home, Settings};

/// What cargo has written.
#[derive(Serialize, Deserialize)]
struct CargoOutput {
    stdout: String,
    stderr: String,
}

impl CargoOutput {
    fn print(&self) -> Result<ExitCode> {
        io::stderr().write_all(self.stderr.as_bytes())?;
        io::stdout().write_all(self.stdout.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs cargo and passes its output on as it comes. The paths of libraries are changed by
/// [`with_evcxr_path`].
///
/// # Errors
///
/// cargo does not start.
pub fn run(mut cargo: Command) -> Result<ExitCode> {
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut stdout = io::stdout().lock();
    for line in text.lines() {
        writeln!(stdout, "{}", with_evcxr_path(line)?)?;
    }
    Ok(ExitCode::from(exit_code(output.status)))
}

/// A line of cargo's output in which a library of a cell has the path that evcxr uses for the kernel's
/// directory. cargo resolves symbolic links, so that the real path may have a space in it, and evcxr
/// 0.22 sends the path to the process that runs the cells without quotes.
pub fn with_evcxr_path(line: &str) -> Result<String> {
    let (Ok(here), Some(evcxr_path)) = (env::current_dir(), env::var_os("EVCXR_TMPDIR")) else {
        return Ok(line.to_owned());
    };
    if here == evcxr_path || !line.contains("compiler-artifact") {
        return Ok(line.to_owned());
    }
    let mut artifact: Value = serde_json::from_str(line).unwrap_or_default();
    let Some(files) = artifact["filenames"].as_array_mut() else {
        return Ok(line.to_owned());
    };
    for file in files {
        let path = file.as_str().map(Path::new);
        if let Some(within) = path.and_then(|path| path.strip_prefix(&here).ok()) {
            *file = json!(Path::new(&evcxr_path).join(within));
        }
    }
    Ok(artifact.to_string())
}

/// Repeats the output of the same call, if it is cached. Else runs cargo, applies `change` to its
/// standard output, and caches the result. `caller` tells the callers of one command apart.
///
/// # Errors
///
/// cargo does not start, or the kernel's directory is damaged.
pub fn cached_or_run(
    home: &Home,
    settings: &Settings,
    caller: &str,
    arguments: &[String],
    mut cargo: Command,
    change: &dyn Fn(String) -> String,
) -> Result<ExitCode> {
    let call = [&[caller.to_owned()], arguments].concat();
    let cache = CachedCall::of(home, settings, &call)?;
    if let Some(output) = cache.as_ref().and_then(CachedCall::read::<CargoOutput>) {
        return output.print();
    }
    let result = cargo
        .args(arguments)
        .output()
        .context("cannot start cargo")?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let output = CargoOutput {
        stdout: change(text(result.stdout)),
        stderr: text(result.stderr),
    };
    if let Some(cache) = cache.filter(|_| result.status.success()) {
        cache.write(&output)?;
    }
    output.print()?;
    Ok(ExitCode::from(exit_code(result.status)))
}
