//! The side channel: what a cell's process tells the front itself, over a Unix socket.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::{task, time};

use super::errors::{Failure, Place};
use super::session::Event;

/// A message is a picture at most.
const MOST_BYTES: u64 = 64_000_000;

const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What a cell's process says.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Said {
    /// A display, or an update of one.
    Display(Display),
    /// What the running cell is about to fail with.
    Error {
        /// The kind of error.
        ename: String,
        /// Its words.
        evalue: String,
        /// Where.
        file: Option<String>,
        /// Counted from 1.
        line: Option<usize>,
        /// Counted from 1.
        column: Option<usize>,
    },
}

/// Something to show.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Display {
    /// Shown where the marker of this number stands in the cell's output; at once without one.
    pub number: Option<u64>,
    /// Whether a display that is there is replaced.
    #[serde(default)]
    pub update: bool,
    /// By which it is found again.
    #[serde(default)]
    pub id: String,
    /// Contents by MIME type.
    pub data: Map<String, Value>,
    /// As Jupyter has it.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

impl Said {
    /// The failure that it tells of.
    pub fn failure(self) -> Option<Failure> {
        let Self::Error {
            ename,
            evalue,
            file,
            line,
            column,
        } = self
        else {
            return None;
        };
        let place = file.zip(line).map(|(file, line)| Place {
            file,
            line,
            column: column.unwrap_or(1),
        });
        Some(Failure {
            name: ename,
            message: evalue,
            place,
        })
    }
}

/// Listens in the folder until the session ends.
///
/// # Errors
///
/// The folder cannot be written.
pub(super) fn listen(folder: &Path, events: mpsc::UnboundedSender<Event>) -> Result<()> {
    let path = folder.join("socket");
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)
        .with_context(|| format!("cannot listen at {}", path.display()))?;
    task::spawn(async move {
        while !events.is_closed() {
            match listener.accept().await {
                Ok((stream, _)) => drop(task::spawn(hear(stream, events.clone()))),
                // Too many files are open, for now.
                Err(_) => time::sleep(TRY_AGAIN_AFTER).await,
            }
        }
    });
    Ok(())
}

/// One message; what is no message is not heard.
async fn hear(mut stream: UnixStream, events: mpsc::UnboundedSender<Event>) -> Option<()> {
    let mut text = Vec::new();
    let mut limited = (&mut stream).take(MOST_BYTES);
    limited.read_to_end(&mut text).await.ok()?;
    let said = serde_json::from_slice(&text).ok()?;
    let (taken, is_taken) = oneshot::channel();
    events.send(Event::Said(said, taken)).ok()?;
    is_taken.await.ok()?;
    stream.write_all(b"ok\n").await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        let text =
            r#"{"kind":"display","number":7,"update":false,"id":"a","data":{"text/plain":"x"}}"#;
        let Said::Display(display) = serde_json::from_str(text).unwrap() else {
            panic!("a display");
        };
        assert_eq!((display.number, display.update), (Some(7), false));
        assert_eq!(display.data["text/plain"], "x");
        let text = r#"{"kind":"error","ename":"panic","evalue":"no","line":3,"column":null,"file":"src/lib.rs"}"#;
        let failure = serde_json::from_str::<Said>(text)
            .unwrap()
            .failure()
            .unwrap();
        assert_eq!(failure.message, "no");
        assert_eq!(failure.place.unwrap().line, 3);
        assert!(serde_json::from_str::<Said>("{\"kind\":\"dance\"}").is_err());
    }
}
