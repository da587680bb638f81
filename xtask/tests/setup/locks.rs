//! Set-up, `clean` and kernels wait for each other.

use std::fs;
use std::process::Stdio;

use crate::machine::{EVERYTHING, Machine, assert_done, until};

#[test]
fn two_set_ups_at_once_do_everything_once() {
    let machine = Machine::new();
    let setups: Vec<_> = (0..2)
        .map(|_| {
            let mut command = machine.xtask(&["setup"]);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for setup in setups {
        assert_done(&machine, &setup.wait_with_output().unwrap());
    }
    assert_eq!(machine.take_log(), EVERYTHING);
}

#[test]
fn the_second_set_up_says_that_it_waits() {
    let machine = Machine::new();
    machine.write("target/setup.lock", "");
    let lock = fs::File::open(machine.root.join("target/setup.lock")).unwrap();
    lock.lock().unwrap();
    let log = machine.root.join("setup.log");
    let mut command = machine.xtask(&["setup"]);
    let mut setup = command
        .stdout(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    until("the second set-up says that it waits", || {
        fs::read_to_string(&log)
            .unwrap()
            .contains("waiting for it to end")
    });
    assert_eq!(machine.take_log(), Vec::<String>::new());
    lock.unlock().unwrap();
    assert!(setup.wait().unwrap().success());
    assert_eq!(machine.take_log(), EVERYTHING);
}

/// Cleans while a lock is held, and releases it when `clean` prints that it waits.
fn clean_waits_for(lock: &str, is_shared: bool, message: &str) {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    let path = machine.root.join(lock);
    // Kernels open this file for reading.
    let lock = if is_shared {
        let lock = fs::File::open(&path).unwrap();
        lock.lock_shared().unwrap();
        lock
    } else {
        let lock = fs::File::create(&path).unwrap();
        lock.lock().unwrap();
        lock
    };
    let log = machine.root.join("clean.log");
    let mut clean = machine.xtask(&["clean"]);
    let mut clean = clean
        .stdout(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    until("`clean` says that it waits", || {
        fs::read_to_string(&log).unwrap().contains(message)
    });
    let template = machine.root.join("target/kernel/template");
    assert!(template.exists());
    lock.unlock().unwrap();
    assert!(clean.wait().unwrap().success());
    assert!(!template.exists());
}

#[test]
fn clean_waits_for_set_up_and_for_kernels_that_start() {
    clean_waits_for("target/setup.lock", false, "another set-up is at work");
    clean_waits_for("target/kernel/template.lock", true, "a kernel is starting");
}
