//! Starts evcxr_jupyter for the front: on ports of its own, with a side channel.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::front::{Backend, Ended, connection_file};
use crate::kernel_process::{KernelProcess, StartOptions};
use crate::program::exit_code;
use crate::settings::{Home, Settings};
use crate::template::State;
use crate::temporary;

/// Waits for the end of a kernel.
pub(crate) type WaitForEnd = Box<dyn FnOnce() -> Ended>;

/// Starts evcxr_jupyter, with the side channel in that folder.
pub(crate) fn start_in(
    home: &Home,
    settings: &Settings,
    side_channel: &Path,
) -> Result<(KernelProcess, Backend)> {
    let (connection, connection_file) = connection_file::create(side_channel)?;
    let options = StartOptions {
        connection_file,
        side_channel: Some(side_channel.to_owned()),
        ..StartOptions::default()
    };
    let kernel = KernelProcess::start(home, settings, &options)?;
    let backend = Backend {
        connection,
        directory: PathBuf::from(kernel.directory()),
        side_channel: side_channel.to_owned(),
        process: Some(kernel.id()),
        notice: None,
    };
    Ok((kernel, backend))
}

/// Starts evcxr_jupyter, with the side channel in a new folder.
pub(crate) fn start(home: &Home, settings: &Settings) -> Result<(Backend, WaitForEnd)> {
    let folder = temporary::folder()?;
    let (kernel, mut backend) = start_in(home, settings, folder.path())?;
    if kernel.template_state() != State::Fresh {
        backend.notice = Some(notice(kernel.template_state(), settings));
    }
    let wait = move || {
        let (mut kernel, _folder) = (kernel, folder);
        Ended {
            code: kernel.wait().map_or(1, exit_code),
        }
    };
    Ok((backend, Box::new(wait)))
}

/// Why the first cell will take long.
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
