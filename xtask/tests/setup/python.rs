//! The virtual environment, and pip.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::machine::{Machine, assert_done, assert_refused, find, stdout};

#[test]
fn an_incomplete_venv_is_replaced() {
    let machine = Machine::new();
    machine.write(".venv/bin/python", "#!/bin/sh\nexit 1\n");
    machine.write(".venv/left/over", "");
    assert_done(&machine, &machine.setup());
    assert!(!machine.root.join(".venv/left").exists());
}

#[test]
fn a_venv_without_its_python_keeps_its_packages() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.take_log();
    fs::remove_file(machine.root.join(".venv/bin/python")).unwrap();
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), ["venv repaired"]);
}

#[test]
fn another_python_needs_new_packages_but_no_new_evcxr() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.take_log();
    fs::remove_file(machine.root.join(".venv/bin/python")).unwrap();
    let mut setup = machine.xtask(&["setup"]);
    assert_done(
        &machine,
        &setup.env("FAKE_PYTHON", "3.12.1").output().unwrap(),
    );
    let done = machine.take_log();
    assert!(done.contains(&"pip jupyter".to_owned()), "{done:?}");
    assert!(!done.contains(&"cargo install".to_owned()), "{done:?}");
}

#[test]
fn a_missing_pip_is_put_back() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.take_log();
    machine.write(".venv/no-pip", "");
    fs::remove_dir_all(machine.root.join(".venv/lib/python3/site-packages/pyzmq")).unwrap();
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), ["ensurepip", "pip jupyter"]);
}

/// With the real pip, and a registry at a port without a server.
#[test]
fn the_real_pips_message_without_network_is_recognized() {
    let machine = Machine::new();
    let python = find("python3").unwrap();
    let real = Command::new(python)
        .args([
            "-c",
            "import sys; print(getattr(sys, '_base_executable', sys.executable))",
        ])
        .output()
        .unwrap();
    machine.remove_program("python3");
    symlink(stdout(&real).trim(), machine.bin.join("python3")).unwrap();
    machine.write(
        "xtask/python/jupyter.txt",
        &format!("jupyterlab==4.6.6 --hash=sha256:{:064}", 0),
    );
    let output = machine
        .xtask(&["setup"])
        .env("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
        .env("PIP_RETRIES", "1")
        .env("PIP_CONFIG_FILE", "/dev/null")
        .output()
        .unwrap();
    assert_refused(&output, &["Python packages", "registry cannot be reached"]);
}

#[test]
fn a_missing_network_is_one_sentence() {
    let machine = Machine::new();
    let output = machine
        .xtask(&["setup"])
        .env("FAKE_NO_NETWORK", "1")
        .output()
        .unwrap();
    assert_refused(&output, &["Python packages", "registry cannot be reached"]);
    machine.take_log();
    assert_done(&machine, &machine.setup());
}
