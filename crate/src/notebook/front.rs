//! The way to the front, the process between Jupyter and the kernel.
//!
//! It leaves a folder for the process in which cells run, with a socket that takes messages and a
//! file that is there while a cell is to stop. Lines that begin with [`MARK`] on the standard output
//! are for the front, and tell where something belongs in what the cell prints. Cells share this crate's
//! statics only if they are linked with the shared library of the crates (`kernel/src/shared_library.rs`), so
//! everything that matters is in the folder.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// Set where there is a front, to the folder.
const VARIABLE: &str = "EVCXR_FRONT";

/// Set in the process in which evcxr runs cells, and nowhere else.
const RUNS_CELLS: &str = "EVCXR_IS_RUNTIME";

/// What stands before it on the line is a line without an end.
const MARK: &str = "\u{1}front ";

/// A cell waits no longer for the front to take a message.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process runs the cells of a notebook.
pub(crate) fn in_a_cell() -> bool {
    std::env::var_os(RUNS_CELLS).is_some()
}

/// The front, as the current thread sees it.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    folder: PathBuf,
    /// Whether this is the thread on which cells run.
    is_cells_thread: bool,
}

impl Front {
    /// `None` where there is no front.
    pub(crate) fn current() -> Option<Front> {
        #[cfg(test)]
        if let Some(front) = tests::STAND_IN.with_borrow(Clone::clone) {
            return Some(front);
        }
        Front::of(std::env::var_os(VARIABLE), is_main_thread())
    }

    fn of(folder: Option<OsString>, is_cells_thread: bool) -> Option<Front> {
        let folder = folder.filter(|folder| !folder.is_empty())?;
        Some(Front {
            folder: folder.into(),
            is_cells_thread,
        })
    }

    /// Whether what this thread does belongs to the running cell. Other threads may outlive theirs.
    pub(crate) fn is_cells_thread(&self) -> bool {
        self.is_cells_thread
    }

    /// Whether the running cell is to stop. Takes 1 to 2 µs.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.folder.join("interrupt").exists()
    }

    /// Gives a message to the front, and waits until it has taken it.
    ///
    /// # Errors
    /// If the front is gone, or takes longer than two seconds.
    pub(crate) fn send(&self, message: &Value) -> io::Result<()> {
        let (path, text) = (self.folder.join("socket"), message.to_string());
        let (taken, answer) = channel();
        // In a thread, for no wait on a socket has an end that holds for connecting, too.
        thread::Builder::new().spawn(move || taken.send(exchange(path, &text)))?;
        let answer = answer.recv_timeout(PATIENCE);
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

/// A line for the front.
pub(crate) fn marker(words: &str) -> String {
    format!("{MARK}{words}\n")
}

/// A number that no other call in this process gets.
pub(crate) fn unique() -> u64 {
    // The clock makes numbers of several copies of this crate differ; this static, numbers of calls within one
    // tick of the clock.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_nanos() as u64);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(now.max(last + 1))
    });
    now.max(last.unwrap_or_default() + 1)
}

// Not by its name: the cells' standard library is not the one with which evcxr_jupyter has started the thread,
// and does not know the name.
#[cfg(target_os = "linux")]
fn is_main_thread() -> bool {
    // SAFETY: the call takes nothing and has no way to fail.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    u32::try_from(thread) == Ok(std::process::id())
}

#[cfg(target_vendor = "apple")]
fn is_main_thread() -> bool {
    // SAFETY: the call takes nothing and has no way to fail.
    unsafe { libc::pthread_main_np() == 1 }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn is_main_thread() -> bool {
    thread::current().name() == Some("main")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc::Receiver;

    use tempfile::TempDir;

    use super::*;

    thread_local! {
        /// A front for this thread alone: the environment is that of all tests.
        pub(super) static STAND_IN: RefCell<Option<Front>> = const { RefCell::new(None) };
    }

    /// A front for tests, with the messages that it takes.
    pub(crate) struct Stage {
        folder: TempDir,
        messages: Receiver<Value>,
    }

    impl Stage {
        /// A folder without a socket: nobody listens.
        pub(crate) fn deserted() -> Stage {
            Stage {
                folder: tempfile::tempdir().unwrap(),
                messages: channel().1,
            }
        }

        /// A front that takes every message.
        pub(crate) fn attentive() -> Stage {
            Stage::answering("ok\n")
        }

        fn answering(answer: &'static str) -> Stage {
            let folder = tempfile::tempdir().unwrap();
            let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
            let (taken, messages) = channel();
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let (mut stream, mut text) = (stream.unwrap(), String::new());
                    stream.read_to_string(&mut text).unwrap();
                    // Nobody may want to know.
                    let _ = taken.send(serde_json::from_str(&text).unwrap());
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            });
            Stage { folder, messages }
        }

        pub(crate) fn front(&self, is_cells_thread: bool) -> Front {
            Front::of(Some(self.folder.path().into()), is_cells_thread).unwrap()
        }

        /// ■
        pub(crate) fn interrupt(&self) {
            std::fs::write(self.folder.path().join("interrupt"), "").unwrap();
        }

        /// Does some work as a cell of this front, on the thread on which cells run.
        pub(crate) fn cell<T>(&self, work: impl FnOnce() -> T) -> T {
            self.on(true, work)
        }

        /// Does some work as a thread that a cell has started.
        pub(crate) fn other_thread<T>(&self, work: impl FnOnce() -> T) -> T {
            self.on(false, work)
        }

        fn on<T>(&self, is_cells_thread: bool, work: impl FnOnce() -> T) -> T {
            struct Leave;
            impl Drop for Leave {
                fn drop(&mut self) {
                    STAND_IN.set(None);
                }
            }
            STAND_IN.set(Some(self.front(is_cells_thread)));
            let _leave = Leave;
            work()
        }

        /// The messages so far.
        pub(crate) fn messages(&self) -> Vec<Value> {
            self.messages.try_iter().collect()
        }
    }

    #[test]
    fn a_message_arrives_whole() {
        let stage = Stage::attentive();
        let message = serde_json::json!({"kind": "display", "data": "x".repeat(1 << 20)});
        stage.front(true).send(&message).unwrap();
        assert_eq!(stage.messages(), [message]);
    }

    #[test]
    fn a_front_that_is_gone_or_refuses_is_an_error() {
        let message = serde_json::json!({});
        assert!(Stage::deserted().front(true).send(&message).is_err());
        let refused = Stage::answering("no\n").front(true).send(&message);
        assert_eq!(refused.unwrap_err().to_string(), "no\n");
    }

    #[test]
    fn there_is_no_front_without_a_folder() {
        assert!(Front::of(None, true).is_none());
        assert!(Front::of(Some("".into()), true).is_none());
    }

    #[test]
    fn numbers_are_never_the_same() {
        let threads: Vec<_> = (0..4)
            .map(|_| thread::spawn(|| (0..1000).map(|_| unique()).collect::<Vec<_>>()))
            .collect();
        let mut numbers: Vec<u64> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 4000);
    }

    #[test]
    fn tests_do_not_run_on_the_main_thread() {
        assert!(!thread::spawn(is_main_thread).join().unwrap());
    }
}
