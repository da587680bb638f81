//! Holds one spare kernel until a launcher takes it, and until it ends.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use jupyter_zmq_client::ConnectionInfo;

use super::{Handover, TAKEN, fingerprint};
use crate::backend;
use crate::front::Backend;
use crate::front::client::{Client, block_on};
use crate::kernel_process::KernelProcess;
use crate::settings::Home;
use crate::spare_registry::Entry;
use crate::template::State;
use crate::{stamp, temporary};

/// How often the holder checks whether the kernel has ended.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// A cell that brings everything into memory that the next one needs.
const FIRST_CELL: &str = "println!(\"ready\");";

/// Starts a kernel, and waits for the launcher that takes it, and for its end.
///
/// # Errors
///
/// The kernel does not start.
pub fn run(home: &Home) -> Result<ExitCode> {
    let settings = home.settings()?;
    let fingerprint = fingerprint(home, &settings)?;
    let folder = temporary::folder()?;
    let (mut kernel, backend) = backend::start_in(home, &settings, folder.path())?;
    if kernel.template_state() != State::Fresh {
        bail!("the template is not fresh");
    }
    let entry_file = Entry::path(home, &env::current_dir()?);
    exit_with_keeper(folder.path(), &entry_file);
    run_first_cell(&backend.connection)?;
    let socket = folder.path().join("spare");
    let listener = UnixListener::bind(&socket)?;
    stamp::replace_file(&entry_file, &serde_json::to_vec(&Entry { socket })?)?;
    if let Some(launcher) = accept(listener, &entry_file, &fingerprint, &backend)? {
        serve(launcher, &entry_file, &backend, &mut kernel)?;
    }
    drop(kernel);
    drop(folder);
    Ok(ExitCode::SUCCESS)
}

fn run_first_cell(connection: &ConnectionInfo) -> Result<()> {
    let outcome = block_on(async {
        let mut client = Client::connect(connection).await?;
        client.execute(FIRST_CELL).await
    })?;
    if !outcome.ok {
        bail!("the kernel's first cell has failed");
    }
    Ok(())
}

/// Ends this process when the keeper has ended, unless the kernel was taken.
fn exit_with_keeper(folder: &Path, entry_file: &Path) {
    let (folder, entry_file) = (folder.to_owned(), entry_file.to_owned());
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        if !taken_file(&folder).exists() {
            let _ = fs::remove_file(entry_file);
            // The guard ends the kernel, and removes what it leaves.
            process::exit(0);
        }
    });
}

/// Exists once the kernel was taken.
fn taken_file(folder: &Path) -> PathBuf {
    folder.join("taken")
}

/// Waits for a launcher with the same fingerprint. `None` if a launcher has another one: then nobody can use
/// this kernel.
fn accept(
    listener: UnixListener,
    entry_file: &Path,
    fingerprint: &str,
    backend: &Backend,
) -> Result<Option<UnixStream>> {
    loop {
        let (stream, _) = listener.accept()?;
        let mut line = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut line)?;
        if line.trim() == fingerprint {
            // A launcher that connects from now on is refused, and starts a kernel itself.
            drop(listener);
            fs::write(taken_file(&backend.side_channel), "")?;
            return Ok(Some(stream));
        }
        // A client that only checks whether a kernel is ready sends nothing.
        if !line.is_empty() {
            let _ = fs::remove_file(entry_file);
            return Ok(None);
        }
    }
}

/// Hands the kernel over, and waits until it or the launcher has ended.
fn serve(
    mut launcher: UnixStream,
    entry_file: &Path,
    backend: &Backend,
    kernel: &mut KernelProcess,
) -> Result<()> {
    let _ = fs::remove_file(entry_file);
    println!("{TAKEN}");
    let handover = Handover {
        connection: backend.connection.clone(),
        directory: backend.directory.clone(),
        side_channel: backend.side_channel.clone(),
        process: backend.process,
    };
    writeln!(launcher, "{}", serde_json::to_string(&handover)?)?;
    let disconnected = disconnected(launcher.try_clone()?);
    loop {
        if let Some(status) = kernel.try_wait()? {
            let code = status.code().unwrap_or(1);
            let _ = writeln!(launcher, "{code}");
            return Ok(());
        }
        match disconnected.recv_timeout(CHECK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return Ok(()),
        }
    }
}

/// Receives a value when the other side has disconnected.
fn disconnected(mut stream: UnixStream) -> Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let _ = stream.read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    receiver
}
