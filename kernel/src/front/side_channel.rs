//! The side channel: a Unix socket that takes messages of the process that runs the cells.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::{task, time};

use super::event::Event;
use crate::cell_protocol::SOCKET;

/// The longest message that is read. A large picture has some 50 MB.
const MAX_BYTES: u64 = 64_000_000;

const RETRY_AFTER: Duration = Duration::from_millis(20);

/// Listens in the folder until the session ends.
///
/// # Errors
///
/// The folder cannot be written.
pub(super) fn listen(folder: &Path, events: mpsc::UnboundedSender<Event>) -> Result<()> {
    let path = folder.join(SOCKET);
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)
        .with_context(|| format!("cannot listen at {}", path.display()))?;
    task::spawn(async move {
        while !events.is_closed() {
            match listener.accept().await {
                Ok((stream, _)) => drop(task::spawn(receive(stream, events.clone()))),
                // Too many files are open at the moment.
                Err(_) => time::sleep(RETRY_AFTER).await,
            }
        }
    });
    Ok(())
}

/// Reads one message, and confirms it when it is handled. What is not a message is ignored.
async fn receive(mut stream: UnixStream, events: mpsc::UnboundedSender<Event>) -> Option<()> {
    let mut text = Vec::new();
    let mut limited = (&mut stream).take(MAX_BYTES);
    limited.read_to_end(&mut text).await.ok()?;
    let message = serde_json::from_slice(&text).ok()?;
    let (handled, is_handled) = oneshot::channel();
    events.send(Event::FromCell(message, handled)).ok()?;
    is_handled.await.ok()?;
    stream.write_all(b"ok\n").await.ok()
}
