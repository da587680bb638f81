//! What Jupyter starts for a notebook: the front, and behind it a kernel, which was there already or
//! is started now.

use std::fs;
use std::future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use jupyter_zmq_client::ConnectionInfo;
use tokio::sync::{oneshot, watch};
use tokio::task;

use crate::cell;
use crate::front::{self, Back, Ended, Options};
use crate::settings::{Home, Settings};
use crate::spare;
use crate::start::{self, How, Kernel};
use crate::template::State;

/// A kernel that was asked to end is waited for so long; then the guard ends it.
const END_OF_KERNEL: Duration = Duration::from_millis(500);

/// Runs a kernel to its end.
///
/// # Errors
///
/// Kernels are not set up, or the ports are taken.
pub fn launch(home: &Home, connection_file: &Path) -> Result<ExitCode> {
    start::end_with_parent();
    let settings = home.settings()?;
    if start::is_plain(home, &settings) {
        return plain(home, &settings, connection_file);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let code = runtime.block_on(with_front(home, &settings, connection_file));
    // Threads that wait for what will not come are not waited for.
    runtime.shutdown_background();
    code
}

/// evcxr as it comes, but for the compiled crates.
fn plain(home: &Home, settings: &Settings, connection_file: &Path) -> Result<ExitCode> {
    let how = How {
        connection_file: connection_file.to_owned(),
        plain: true,
        ..How::default()
    };
    let mut kernel = Kernel::start(home, settings, &how)?;
    Ok(ExitCode::from(cell::code(kernel.wait()?)))
}

async fn with_front(home: &Home, settings: &Settings, connection_file: &Path) -> Result<ExitCode> {
    let text = fs::read(connection_file)
        .with_context(|| format!("cannot read {}", connection_file.display()))?;
    let connection: ConnectionInfo = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no connection file", connection_file.display()))?;
    let options = Options {
        message_end: settings.notebook.message_end.clone(),
        advice: settings.advice.clone(),
    };
    let (back, ended) = behind(home, settings);
    let served = front::serve(connection, back, end(ended.clone()), options).await?;
    if let Some(ended) = served {
        return Ok(ExitCode::from(ended.code));
    }
    // The kernel's end removes its folder for the front, which otherwise only the guard does, if it
    // lives. There may have been no kernel.
    if ended.has_changed().is_ok() {
        let _ = tokio::time::timeout(END_OF_KERNEL, end(ended)).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// A kernel for the front: its connection, once it is known, and its end.
fn behind(
    home: &Home,
    settings: &Settings,
) -> (
    impl Future<Output = Result<Back>> + Send + 'static,
    watch::Receiver<Option<Ended>>,
) {
    let (home, settings) = (home.clone(), settings.clone());
    let (is_started, started) = oneshot::channel();
    let (has_ended, ended) = watch::channel(None);
    task::spawn_blocking(move || {
        let kernel = spare::take(&home, &settings)
            .map(Ok)
            .unwrap_or_else(|| own(&home, &settings));
        match kernel {
            Err(error) => {
                // For Jupyter's log; the notebook is told by the front.
                eprintln!("error: {error:#}");
                let _ = is_started.send(Err(error));
            }
            Ok((back, wait)) => {
                let _ = is_started.send(Ok(back));
                has_ended.send_replace(Some(wait()));
            }
        }
    });
    let back = async { started.await.context("the kernel was not started")? };
    (back, ended)
}

/// A kernel's end; never, where there is no kernel.
async fn end(mut ended: watch::Receiver<Option<Ended>>) -> Ended {
    let found = ended.wait_for(Option::is_some).await;
    let found = found.ok().and_then(|ended| *ended);
    match found {
        Some(ended) => ended,
        None => future::pending().await,
    }
}

/// What waits for a kernel's end.
pub(crate) type Wait = Box<dyn FnOnce() -> Ended>;

fn own(home: &Home, settings: &Settings) -> Result<(Back, Wait)> {
    let channel = front::channel_folder()?;
    let (kernel, mut back) = start_behind(home, settings, channel.path())?;
    if kernel.state() != State::Fresh {
        back.notice = Some(notice(kernel.state(), settings));
    }
    let wait = move || {
        let (mut kernel, _channel) = (kernel, channel);
        Ended {
            code: kernel.wait().map_or(1, cell::code),
        }
    };
    Ok((back, Box::new(wait)))
}

/// A kernel on ports of its own.
pub(crate) fn start_behind(
    home: &Home,
    settings: &Settings,
    channel: &Path,
) -> Result<(Kernel, Back)> {
    let (connection, connection_file) = front::back_connection(channel)?;
    let how = How {
        connection_file,
        channel: Some(channel.to_owned()),
        ..How::default()
    };
    let kernel = Kernel::start(home, settings, &how)?;
    let back = Back {
        connection,
        directory: PathBuf::from(kernel.directory()),
        channel: channel.to_owned(),
        process: Some(kernel.process()),
        notice: None,
    };
    Ok((kernel, back))
}

/// Why a kernel's first cell will take long.
fn notice(state: State, settings: &Settings) -> String {
    let why = match state {
        State::Stale => "The notebooks' crate has changed since it was compiled",
        _ => "The notebooks' crate was compiled with another Rust, or elsewhere",
    };
    format!(
        "{why}: this cell compiles it, which takes minutes, and so does the first one of each kernel. To \
         have it compiled once, {}, then restart the kernel.\n",
        settings.advice
    )
}
