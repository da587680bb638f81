use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::mpsc::Receiver;

use tempfile::TempDir;

use super::*;

thread_local! {
    /// A front for this thread only: all tests share the environment.
    pub(super) static CURRENT: RefCell<Option<Front>> = const { RefCell::new(None) };
}

/// A front for tests, with the messages that it receives.
pub(crate) struct FakeFront {
    folder: TempDir,
    messages: Receiver<Value>,
}

impl FakeFront {
    /// A front whose folder has no socket: sending fails.
    pub(crate) fn without_socket() -> FakeFront {
        FakeFront {
            folder: tempfile::tempdir().unwrap(),
            messages: channel().1,
        }
    }

    /// A front that accepts every message.
    pub(crate) fn accepting() -> FakeFront {
        FakeFront::answering("ok\n")
    }

    fn answering(answer: &'static str) -> FakeFront {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (sender, messages) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut text) = (stream.unwrap(), String::new());
                stream.read_to_string(&mut text).unwrap();
                // The test may have ended.
                let _ = sender.send(serde_json::from_str(&text).unwrap());
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        FakeFront { folder, messages }
    }

    pub(crate) fn on_thread(&self, is_cell_thread: bool) -> Front {
        Front::of(Some(self.folder.path().into()), is_cell_thread).unwrap()
    }

    /// Presses ■.
    pub(crate) fn interrupt(&self) {
        std::fs::write(self.folder.path().join("interrupt"), "").unwrap();
    }

    /// Runs `work` as a cell of this front.
    pub(crate) fn cell<T>(&self, work: impl FnOnce() -> T) -> T {
        self.on(true, work)
    }

    /// Runs `work` as a thread that a cell has started.
    pub(crate) fn other_thread<T>(&self, work: impl FnOnce() -> T) -> T {
        self.on(false, work)
    }

    fn on<T>(&self, is_cell_thread: bool, work: impl FnOnce() -> T) -> T {
        struct Restore;
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(None);
            }
        }
        CURRENT.set(Some(self.on_thread(is_cell_thread)));
        let _restore = Restore;
        work()
    }

    /// The messages since the last call.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.messages.try_iter().collect()
    }
}

#[test]
fn a_message_arrives_whole() {
    let front = FakeFront::accepting();
    let message = serde_json::json!({"kind": "display", "data": "x".repeat(1 << 20)});
    front.on_thread(true).send(&message).unwrap();
    assert_eq!(front.messages(), [message]);
}

#[test]
fn a_front_that_has_ended_or_refuses_is_an_error() {
    let message = serde_json::json!({});
    assert!(
        FakeFront::without_socket()
            .on_thread(true)
            .send(&message)
            .is_err()
    );
    let refused = FakeFront::answering("no\n").on_thread(true).send(&message);
    assert_eq!(refused.unwrap_err().to_string(), "no\n");
}

#[test]
fn there_is_no_front_without_a_folder() {
    assert!(Front::of(None, true).is_none());
    assert!(Front::of(Some("".into()), true).is_none());
}

#[test]
fn unique_numbers_are_never_equal() {
    let threads: Vec<_> = (0..4)
        .map(|_| thread::spawn(|| (0..1000).map(|_| unique_number()).collect::<Vec<_>>()))
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
