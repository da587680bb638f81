//! The launcher, which Jupyter starts for a notebook: the front with a spare kernel, or with a new one.

use std::fs;
use std::future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use jupyter_zmq_client::ConnectionInfo;
use tokio::sync::{oneshot, watch};
use tokio::task;

use crate::front::{self, Backend, Ended, Options};
use crate::guard;
use crate::kernel_process::{KernelProcess, StartOptions};
use crate::program::exit_code;
use crate::settings::{Home, Settings};
use crate::{backend, spare};

/// How long the launcher waits for the end of a kernel after a shutdown request. Then the guard ends it.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs a kernel to its end.
///
/// # Errors
///
/// Kernels are not set up, or a port of the connection file is in use.
pub fn launch(home: &Home, connection_file: &Path) -> Result<ExitCode> {
    guard::exit_with_parent();
    let settings = home.settings()?;
    if settings.is_plain(home) {
        return run_plain(home, &settings, connection_file);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let code = runtime.block_on(run_with_front(home, &settings, connection_file));
    // Some threads may block forever.
    runtime.shutdown_background();
    code
}

/// Runs evcxr without a front and without tricks. Only the crates are compiled already.
fn run_plain(home: &Home, settings: &Settings, connection_file: &Path) -> Result<ExitCode> {
    let options = StartOptions {
        connection_file: connection_file.to_owned(),
        plain: true,
        ..StartOptions::default()
    };
    let mut kernel = KernelProcess::start(home, settings, &options)?;
    Ok(ExitCode::from(exit_code(kernel.wait()?)))
}

async fn run_with_front(
    home: &Home,
    settings: &Settings,
    connection_file: &Path,
) -> Result<ExitCode> {
    let text = fs::read(connection_file)
        .with_context(|| format!("cannot read {}", connection_file.display()))?;
    let connection: ConnectionInfo = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a connection file", connection_file.display()))?;
    let options = Options {
        message_end: settings.notebook.message_end.clone(),
        advice: settings.advice.clone(),
    };
    let (backend, ended) = start_backend(home, settings);
    let served = front::serve(connection, backend, wait_for_end(ended.clone()), options).await?;
    if let Some(ended) = served {
        return Ok(ExitCode::from(ended.code));
    }
    // When the kernel has ended, the folder of the side channel is removed, even if the guard was killed.
    // There may have been no kernel.
    if ended.has_changed().is_ok() {
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, wait_for_end(ended)).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes a spare kernel, or starts a new one, in a thread. Returns the kernel, once it is known, and its end.
fn start_backend(
    home: &Home,
    settings: &Settings,
) -> (
    impl Future<Output = Result<Backend>> + Send + 'static,
    watch::Receiver<Option<Ended>>,
) {
    let (home, settings) = (home.clone(), settings.clone());
    let (is_started, started) = oneshot::channel();
    let (has_ended, ended) = watch::channel(None);
    task::spawn_blocking(move || {
        let kernel = spare::taker::take(&home, &settings)
            .map(Ok)
            .unwrap_or_else(|| backend::start(&home, &settings));
        match kernel {
            Err(error) => {
                // For Jupyter's log. In the notebook, the front shows the error.
                eprintln!("error: {error:#}");
                let _ = is_started.send(Err(error));
            }
            Ok((backend, wait)) => {
                let _ = is_started.send(Ok(backend));
                has_ended.send_replace(Some(wait()));
            }
        }
    });
    let backend = async { started.await.context("the kernel was not started")? };
    (backend, ended)
}

/// Waits for the kernel's end; forever, if there is no kernel.
async fn wait_for_end(mut ended: watch::Receiver<Option<Ended>>) -> Ended {
    let ended = ended.wait_for(Option::is_some).await;
    match ended.ok().and_then(|ended| *ended) {
        Some(ended) => ended,
        None => future::pending().await,
    }
}
