//! Starts a kernel as Jupyter does, and lets it run a cell, to check that an installation works.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jupyter_zmq_client::ConnectionInfo;
use serde::Deserialize;
use tokio::time;

use crate::front::client::{Client, block_on};
use crate::front::connection_file;
use crate::settings::Home;
use crate::temporary;

/// How long the cell may take from the start of the kernel. A busy machine may take ten times as long as
/// another one.
const TIMEOUT: Duration = Duration::from_secs(60);
const CHECK_EVERY: Duration = Duration::from_millis(20);
/// How long to wait for the end of the kernel after a shutdown request.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// How many lines of the kernel's standard error are reported.
const LAST_LINES: usize = 5;

/// The part of a kernel.json that is needed.
#[derive(Deserialize)]
struct Kernelspec {
    argv: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// Starts the kernel that a kernel.json names, in the current folder, and prints how long it took until the
/// cell had run.
///
/// # Errors
///
/// The kernel does not start, the cell has not run within a minute, or the last line that it shows is not
/// `expected`.
pub fn run(home: &Home, kernelspec: &Path, cell: &str, expected: &str) -> Result<ExitCode> {
    let settings = home.settings()?;
    let text =
        fs::read(kernelspec).with_context(|| format!("cannot read {}", kernelspec.display()))?;
    let spec: Kernelspec = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a kernel.json", kernelspec.display()))?;
    let folder = temporary::folder()?;
    let (connection, file) = connection_file::create(folder.path())?;
    let log = folder.path().join("stderr");
    let start = Instant::now();
    let mut kernel = command(&spec, &file)?
        .env(format!("{}_SPARE", settings.prefix), "0")
        .stderr(File::create(&log)?)
        .spawn()
        .with_context(|| format!("cannot start {}", spec.argv[0]))?;
    let result = run_cell_or_end(&mut kernel, &connection, cell);
    let took = start.elapsed();
    wait_or_kill(&mut kernel)?;
    let text = result.map_err(|error| match last_lines(&log) {
        lines if lines.is_empty() => error,
        lines => error.context(lines).context("a kernel does not work"),
    })?;
    let found = text.trim_end().lines().last().unwrap_or_default();
    if found != expected {
        bail!("a cell answers `{found}` instead of `{expected}`");
    }
    println!(
        "answered a cell {:.1} s after its start",
        took.as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}

fn command(spec: &Kernelspec, connection_file: &Path) -> Result<Command> {
    let (program, arguments) = spec.argv.split_first().context("its argv is empty")?;
    let mut command = Command::new(program);
    for argument in arguments {
        command.arg(match argument.as_str() {
            "{connection_file}" => connection_file.as_os_str().to_owned(),
            other => PathBuf::from(other).into_os_string(),
        });
    }
    command
        .envs(&spec.env)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0);
    Ok(command)
}

/// The output of the cell; an error if the kernel ends first.
fn run_cell_or_end(kernel: &mut Child, connection: &ConnectionInfo, cell: &str) -> Result<String> {
    block_on(async {
        tokio::select! {
            result = time::timeout(TIMEOUT, run_cell(connection, cell)) => result.with_context(|| {
                format!("the kernel has not answered a cell for {} s", TIMEOUT.as_secs())
            })?,
            status = wait_for_end(kernel) => bail!("the kernel has ended by itself: {}", status?),
        }
    })
}

async fn run_cell(connection: &ConnectionInfo, cell: &str) -> Result<String> {
    let mut client = Client::connect(connection).await?;
    let outcome = client.execute(cell).await?;
    client.shutdown().await;
    match outcome.error {
        Some(error) => bail!("a cell fails: {error}"),
        None if !outcome.ok => bail!("a cell fails"),
        None => Ok(outcome.text),
    }
}

async fn wait_for_end(kernel: &mut Child) -> Result<ExitStatus> {
    loop {
        if let Some(status) = kernel.try_wait()? {
            return Ok(status);
        }
        time::sleep(CHECK_EVERY).await;
    }
}

/// Waits for the end of the kernel, which has been requested, or kills it. The launcher's guard removes what
/// it leaves.
fn wait_or_kill(kernel: &mut Child) -> Result<()> {
    let start = Instant::now();
    while kernel.try_wait()?.is_none() {
        if start.elapsed() > SHUTDOWN_TIMEOUT {
            kernel.kill()?;
        }
        thread::sleep(CHECK_EVERY);
    }
    Ok(())
}

fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("; ")
}
