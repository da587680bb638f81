//! The side channel: what a cell's process tells the front itself, over a Unix socket.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task;

use super::errors::{Failure, Place};
use super::session::Event;

/// A message is a picture at most.
const MOST_BYTES: u64 = 64_000_000;

/// A socket's path is short on all systems.
const LONGEST_PATH: usize = 60;

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

/// Makes the private folder of a side channel, at a short path.
///
/// # Errors
///
/// There is no room for it.
pub fn folder() -> Result<tempfile::TempDir> {
    let wanted = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let wanted = wanted.filter(|path| is_good(path));
    let base = wanted.unwrap_or_else(|| PathBuf::from("/tmp"));
    let folder = tempfile::Builder::new()
        .prefix("evcxr-")
        .tempdir_in(&base)
        .or_else(|_| tempfile::Builder::new().prefix("evcxr-").tempdir())
        .context("cannot make a temporary folder")?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

fn is_good(path: &Path) -> bool {
    let text = path.to_string_lossy();
    path.is_dir() && text.len() < LONGEST_PATH && !text.contains(' ')
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
        while let Ok((stream, _)) = listener.accept().await {
            task::spawn(hear(stream, events.clone()));
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
    fn the_folder_is_private_and_its_path_short() {
        let folder = folder().unwrap();
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(folder.path().join("socket").as_os_str().len() < 100);
    }

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
