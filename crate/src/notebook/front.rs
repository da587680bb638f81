//! Messages to the front, the process between Jupyter and the kernel.
//!
//! The front makes a folder for the process in which cells run. The folder has a socket that receives
//! messages, and a file `interrupt` while ■ is pressed. Output lines with [`MARK`] are for the front: they
//! mark where in the output of a cell something is shown. Each cell may be a library with its own statics,
//! so nothing important is kept in statics.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// The environment variable with the front's folder. Not set if there is no front.
const VARIABLE: &str = "EVCXR_FRONT";

/// The environment variable that evcxr sets only in the process in which it runs cells.
const RUNS_CELLS: &str = "EVCXR_IS_RUNTIME";

/// Starts a message to the front. Text before it on the same line is output without a line break.
const MARK: &str = "\u{1}front ";

/// How long a cell waits until the front has received a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether this process runs the cells of a notebook.
pub(crate) fn in_a_cell() -> bool {
    std::env::var_os(RUNS_CELLS).is_some()
}

/// The front, as seen from the current thread.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    folder: PathBuf,
    /// Whether this is the thread on which cells run.
    is_cell_thread: bool,
}

impl Front {
    /// `None` where there is no front.
    pub(crate) fn current() -> Option<Front> {
        #[cfg(test)]
        if let Some(front) = tests::CURRENT.with_borrow(Clone::clone) {
            return Some(front);
        }
        Front::of(std::env::var_os(VARIABLE), is_main_thread())
    }

    fn of(folder: Option<OsString>, is_cell_thread: bool) -> Option<Front> {
        let folder = folder.filter(|folder| !folder.is_empty())?;
        Some(Front {
            folder: folder.into(),
            is_cell_thread,
        })
    }

    /// Whether this thread runs the cell itself. Other threads may run longer than the cell that started them.
    pub(crate) fn is_cell_thread(&self) -> bool {
        self.is_cell_thread
    }

    /// Whether ■ was pressed for the running cell. Takes 1 to 2 µs.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.folder.join("interrupt").exists()
    }

    /// Sends a message to the front, and waits until the front has received it.
    ///
    /// # Errors
    /// If the front has ended, refuses the message or does not answer within two seconds.
    pub(crate) fn send(&self, message: &Value) -> io::Result<()> {
        let (path, text) = (self.folder.join("socket"), message.to_string());
        let (sender, answer) = channel();
        // In a thread, because the timeouts of a socket do not cover connecting.
        thread::Builder::new().spawn(move || sender.send(exchange(path, &text)))?;
        let answer = answer.recv_timeout(SEND_TIMEOUT);
        answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(unix)]
fn exchange(socket: PathBuf, text: &str) -> io::Result<()> {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(text.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.starts_with("ok") {
        true => Ok(()),
        false => Err(io::Error::other(answer)),
    }
}

#[cfg(not(unix))]
fn exchange(_socket: PathBuf, _text: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A line of output with a message to the front.
pub(crate) fn marker(message: &str) -> String {
    format!("{MARK}{message}\n")
}

/// A number that no other call in this process gets.
pub(crate) fn unique_number() -> u64 {
    // The time in nanoseconds differs between the copies of this crate that cells may have. The counter
    // helps where calls are faster than the clock.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_nanos() as u64);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(now.max(last + 1))
    });
    now.max(last.unwrap_or_default() + 1)
}

// The name of the thread does not help: a cell has its own copy of the standard library, which does not
// know the main thread.
#[cfg(target_os = "linux")]
fn is_main_thread() -> bool {
    // SAFETY: the call has no arguments and cannot fail.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    u32::try_from(thread) == Ok(std::process::id())
}

#[cfg(target_vendor = "apple")]
fn is_main_thread() -> bool {
    // SAFETY: the call has no arguments and cannot fail.
    unsafe { libc::pthread_main_np() == 1 }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn is_main_thread() -> bool {
    thread::current().name() == Some("main")
}

#[cfg(test)]
pub(crate) mod tests;
