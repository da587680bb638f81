//! Starts a kernel as Jupyter does, and has it answer a cell: the proof that an installation works.

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

use crate::front::{self, client::Client};
use crate::settings::Home;

/// A machine that is busy may take ten times as long as one that is not.
const LIMIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A kernel that was asked to end is waited for so long.
const END_OF_KERNEL: Duration = Duration::from_secs(2);
/// As much of a kernel's own words as helps.
const LAST_LINES: usize = 5;

/// As much of a kernel.json as is needed.
#[derive(Deserialize)]
struct Kernelspec {
    argv: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// Starts the kernel that a kernel.json names, in the current folder, and says how long it took until a
/// cell's value was there.
///
/// # Errors
///
/// It does not start, does not answer within a minute, or answers something else than `expected`: the
/// last line that the cell shows.
pub fn try_kernel(home: &Home, kernelspec: &Path, cell: &str, expected: &str) -> Result<ExitCode> {
    let settings = home.settings()?;
    let text =
        fs::read(kernelspec).with_context(|| format!("cannot read {}", kernelspec.display()))?;
    let spec: Kernelspec = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no kernel.json", kernelspec.display()))?;
    let folder = front::channel_folder()?;
    let (connection, file) = front::back_connection(folder.path())?;
    let words = folder.path().join("words");
    let start = Instant::now();
    let mut kernel = command(&spec, &file)?
        .env(format!("{}_SPARE", settings.prefix), "0")
        .stderr(File::create(&words)?)
        .spawn()
        .with_context(|| format!("cannot start {}", spec.argv[0]))?;
    let answered = answer(&mut kernel, &connection, cell);
    let took = start.elapsed();
    end(&mut kernel)?;
    let text = answered.map_err(|error| match last_words(&words) {
        words if words.is_empty() => error,
        words => error.context(words).context("a kernel does not work"),
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

fn answer(kernel: &mut Child, connection: &ConnectionInfo, cell: &str) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let answered = runtime.block_on(async {
        tokio::select! {
            answered = time::timeout(LIMIT, run(connection, cell)) => answered.with_context(|| {
                format!("the kernel has not answered a cell for {} s", LIMIT.as_secs())
            })?,
            ended = ended(kernel) => bail!("the kernel has ended by itself: {}", ended?),
        }
    });
    runtime.shutdown_background();
    answered
}

async fn run(connection: &ConnectionInfo, cell: &str) -> Result<String> {
    let mut client = Client::connect(connection).await?;
    let outcome = client.execute(cell).await?;
    client.shutdown().await?;
    match outcome.error {
        Some(error) => bail!("a cell fails: {error}"),
        None if !outcome.ok => bail!("a cell fails"),
        None => Ok(outcome.text),
    }
}

async fn ended(kernel: &mut Child) -> Result<ExitStatus> {
    loop {
        if let Some(status) = kernel.try_wait()? {
            return Ok(status);
        }
        time::sleep(LOOK_EVERY).await;
    }
}

/// The launcher's guard clears up behind it, however it ends.
fn end(kernel: &mut Child) -> Result<()> {
    let asked = Instant::now();
    while kernel.try_wait()?.is_none() {
        if asked.elapsed() > END_OF_KERNEL {
            kernel.kill()?;
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn last_words(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("; ")
}
