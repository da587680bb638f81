//! What a cell's process says to the front: this program plays both, the cell as a child.

// A test may fail by panicking.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use gasshuku::prelude::*;
use serde_json::{Value, json};

/// Which cell the child is to run.
const CELL: &str = "GASSHUKU_TEST_CELL";

fn main() {
    match std::env::var(CELL).ok().as_deref() {
        Some("values") => values(),
        Some("panic") => panic_in_a_thread_and_here(),
        Some("interrupt") => println!("{}", interrupted()),
        Some(other) => panic!("there is no cell {other}"),
        None => {
            values_stand_in_the_order_of_the_lines();
            without_a_front_evcxr_gets_its_blocks();
            the_front_hears_of_a_panic_and_stderr_does_not();
            an_interrupt_is_seen();
        }
    }
}

fn values() {
    print!("before");
    Tensor::from(1i64).show();
    let shown = display(&Tensor::from(2i64));
    println!("between");
    thread::scope(|scope| {
        scope.spawn(|| Tensor::from(3i64).show());
    });
    shown.update(&Tensor::from(4i64));
    print!("last");
    // As evcxr calls it.
    (Tensor::from(5i64)).evcxr_display();
}

fn panic_in_a_thread_and_here() {
    let _panicked = thread::spawn(|| panic!("in a thread")).join();
    let numbers = Tensor::from_slice(&[1.0, 2.0, 3.0]);
    let _never = numbers.view([2, 2]);
}

/// Runs a cell in a process that has this folder as its front.
fn run(cell: &str, front: Option<&Path>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CELL, cell).env("EVCXR_IS_RUNTIME", "1");
    match front {
        Some(folder) => command.env("EVCXR_FRONT", folder),
        None => command.env_remove("EVCXR_FRONT"),
    };
    command.output().unwrap()
}

fn listen(folder: &Path) -> Receiver<Value> {
    let listener = UnixListener::bind(folder.join("socket")).unwrap();
    let (taken, messages) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut text) = (stream.unwrap(), String::new());
            stream.read_to_string(&mut text).unwrap();
            taken.send(serde_json::from_str(&text).unwrap()).unwrap();
            stream.write_all(b"ok\n").unwrap();
        }
    });
    messages
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

fn plain(number: i64) -> Value {
    json!({"text/plain": format!("[{number}]\nTensor[[], Int64]")})
}

fn values_stand_in_the_order_of_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let messages = listen(folder.path());
    let output = run("values", Some(folder.path()));
    let messages: Vec<Value> = messages.try_iter().collect();
    let data: Vec<&Value> = messages.iter().map(|message| &message["data"]).collect();
    assert_eq!(data, [&plain(1), &plain(2), &plain(3), &plain(4)]);
    let numbers: Vec<Option<u64>> = messages.iter().map(|it| it["number"].as_u64()).collect();
    let [Some(first), Some(second), None, None] = numbers[..] else {
        panic!("{numbers:?}");
    };
    assert_eq!(
        text(&output.stdout),
        format!(
            "before\u{1}front display {first}\n\u{1}front display {second}\nbetween\n\
             last\u{1}front flush\n\
             EVCXR_BEGIN_CONTENT text/plain\n[5]\nTensor[[], Int64]\nEVCXR_END_CONTENT\n"
        )
    );
    assert_eq!(messages[3]["id"], messages[1]["id"]);
    assert_eq!(text(&output.stderr), "");
}

fn without_a_front_evcxr_gets_its_blocks() {
    let block = |number: i64| {
        format!(
            "EVCXR_BEGIN_CONTENT text/plain\n[{number}]\nTensor[[], Int64]\nEVCXR_END_CONTENT\n"
        )
    };
    let [one, two, three, five] = [1, 2, 3, 5].map(block);
    assert_eq!(
        text(&run("values", None).stdout),
        format!("before{one}{two}between\n{three}last{five}")
    );
}

fn the_front_hears_of_a_panic_and_stderr_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let messages = listen(folder.path());
    let output = run("panic", Some(folder.path()));
    let messages: Vec<Value> = messages.try_iter().collect();
    let [message] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!(message["kind"], "error");
    assert_eq!(message["ename"], "panic");
    let reason = "shape '[2, 2]' is invalid for input of size 3";
    assert_eq!(message["evalue"], reason);
    assert!(message["line"].is_u64() && message["column"].is_u64());
    assert_eq!(text(&output.stderr), "panic: in a thread\n");
    assert!(!output.status.success());

    let alone = run("panic", None);
    let expected = format!("panic: in a thread\npanic: {reason}\n");
    assert_eq!(text(&alone.stderr), expected);
}

fn an_interrupt_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let seen = || text(&run("interrupt", Some(folder.path())).stdout);
    assert_eq!(seen(), "false\n");
    std::fs::write(folder.path().join("interrupt"), "").unwrap();
    assert_eq!(seen(), "true\n");
}
