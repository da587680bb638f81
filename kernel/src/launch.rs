//! What Jupyter starts for a notebook: the front, and behind it a kernel, which was there already or
//! is started now.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use jupyter_zmq_client::ConnectionInfo;
use tokio::sync::oneshot;
use tokio::task;

use crate::cell;
use crate::front::{self, Back, Options};
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
    Ok(cell::code(kernel.wait()?))
}

async fn with_front(home: &Home, settings: &Settings, connection_file: &Path) -> Result<ExitCode> {
    let text = fs::read(connection_file)
        .with_context(|| format!("cannot read {}", connection_file.display()))?;
    let connection: ConnectionInfo = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no connection file", connection_file.display()))?;
    let options = Options {
        message_end: settings.notebook.message_end.clone(),
    };
    let (back, mut ended) = behind(home, settings);
    tokio::select! {
        served = front::serve(connection, back, options) => {
            // The kernel's end removes its folder for the front, which otherwise only the guard does,
            // if it lives.
            if !ended.is_terminated() {
                let _ = tokio::time::timeout(END_OF_KERNEL, &mut ended).await;
            }
            served.map(|()| ExitCode::SUCCESS)
        }
        Ok(code) = &mut ended => Ok(code),
    }
}

/// A kernel for the front: its connection, once it is known, and its exit status.
fn behind(
    home: &Home,
    settings: &Settings,
) -> (
    impl Future<Output = Result<Back>> + Send + 'static,
    oneshot::Receiver<ExitCode>,
) {
    let (home, settings) = (home.clone(), settings.clone());
    let (is_started, started) = oneshot::channel();
    let (has_ended, ended) = oneshot::channel();
    task::spawn_blocking(move || {
        let kernel = spare::take(&home, &settings)
            .map(Ok)
            .unwrap_or_else(|| own(&home, &settings));
        match kernel {
            Err(error) => drop(is_started.send(Err(error))),
            Ok((back, wait)) => {
                let _ = is_started.send(Ok(back));
                let _ = has_ended.send(wait());
            }
        }
    });
    let back = async { started.await.context("the kernel was not started")? };
    (back, ended)
}

/// What waits for a kernel's end.
pub(crate) type Wait = Box<dyn FnOnce() -> ExitCode>;

fn own(home: &Home, settings: &Settings) -> Result<(Back, Wait)> {
    let channel = front::channel_folder()?;
    let (kernel, back) = start_behind(home, settings, channel.path())?;
    if kernel.state() != State::Fresh {
        say_stale(kernel.state(), settings);
    }
    let wait = move || {
        let (mut kernel, _channel) = (kernel, channel);
        kernel.wait().map_or(ExitCode::FAILURE, cell::code)
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
    };
    Ok((kernel, back))
}

fn say_stale(state: State, settings: &Settings) {
    let why = match state {
        State::Stale => "the notebooks' crate has changed since it was compiled",
        _ => "the notebooks' crate was compiled with another Rust, or elsewhere",
    };
    eprintln!(
        "{why}: this kernel compiles it in its first cell ({} does it for all)",
        settings.advice
    );
}
