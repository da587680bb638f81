//! Takes a spare kernel for a launcher.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Handover, fingerprint, is_turned_off, wanted_folder_file};
use crate::backend::WaitForEnd;
use crate::front::{Backend, Ended};
use crate::settings::{Home, Settings};
use crate::spare_registry::Entry;
use crate::stamp;

/// Takes the spare kernel for the current folder, if there is one.
pub(crate) fn take(home: &Home, settings: &Settings) -> Option<(Backend, WaitForEnd)> {
    if is_turned_off(settings) {
        return None;
    }
    let folder = env::current_dir().ok()?;
    let taken = try_take(home, settings, &folder);
    if taken.is_err() && home.spares().is_dir() {
        // The keeper, if there is one, reads this file.
        let folder = folder.as_os_str().as_encoded_bytes();
        let _ = stamp::replace_file(&wanted_folder_file(home), folder);
    }
    taken.ok()
}

fn try_take(home: &Home, settings: &Settings, folder: &Path) -> Result<(Backend, WaitForEnd)> {
    let entry = Entry::read(&Entry::path(home, folder)).context("there is no spare kernel")?;
    let mut stream = UnixStream::connect(&entry.socket)?;
    writeln!(stream, "{}", fingerprint(home, settings)?)?;
    let mut holder = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    holder.read_line(&mut line)?;
    let handover: Handover =
        serde_json::from_str(&line).context("the spare kernel does not fit")?;
    let backend = Backend {
        connection: handover.connection,
        directory: handover.directory,
        side_channel: handover.side_channel,
        process: handover.process,
        notice: None,
    };
    let wait = move || {
        let mut line = String::new();
        let _ = holder.read_line(&mut line);
        drop(stream);
        Ended {
            code: line.trim().parse().unwrap_or(1),
        }
    };
    Ok((backend, Box::new(wait)))
}
