//! What set-up refuses before it downloads anything.

use crate::machine::{Machine, assert_done, assert_refused};

#[test]
fn a_rust_that_is_too_old_is_refused() {
    let machine = Machine::new();
    let output = machine
        .xtask(&["setup"])
        .env("FAKE_RUST", "1.94.1")
        .output()
        .unwrap();
    assert_refused(&output, &["Rust 1.94.1", "1.95", "rustup update"]);
}

#[test]
fn a_rust_without_its_shared_library_is_refused() {
    let machine = Machine::new();
    machine.write("rust/lib/rustlib/x86_64/lib/libstd-1.rlib", "");
    let sysroot = machine.root.join("rust");
    let setup = || {
        machine
            .xtask(&["setup"])
            .env("FAKE_SYSROOT", &sysroot)
            .output()
    };
    assert_refused(&setup().unwrap(), &["libstd", "rustup.rs"]);
    assert_eq!(
        machine.take_log(),
        Vec::<String>::new(),
        "nothing was downloaded"
    );
    machine.write("rust/lib/rustlib/x86_64/lib/libstd-1.so", "");
    assert_done(&machine, &setup().unwrap());
}

#[test]
fn a_missing_compiler_is_refused() {
    let machine = Machine::new();
    machine.remove_program("c++");
    assert_refused(&machine.setup(), &["no C++ compiler"]);
}

#[test]
fn a_compiler_that_fails_is_refused() {
    let machine = Machine::new();
    let errors = [
        (
            "unrecognized command line option '-std=c++17'",
            "-std=c++17",
        ),
        ("ld: cannot find -lgomp", "libgomp"),
    ];
    for (error, word) in errors {
        let output = machine
            .xtask(&["setup"])
            .env("FAKE_COMPILER_ERROR", error)
            .output()
            .unwrap();
        assert_refused(&output, &[word]);
    }
}

#[test]
fn missing_and_unsuitable_pythons_are_refused() {
    let machine = Machine::new();
    for (version, word) in [("3.9.18", "3.10 or newer"), ("3.15.0", "3.10 to 3.14")] {
        let output = machine
            .xtask(&["setup"])
            .env("FAKE_PYTHON", version)
            .output()
            .unwrap();
        assert_refused(&output, &[version, word]);
    }
    let output = machine
        .xtask(&["setup"])
        .env("FAKE_NO_VENV", "1")
        .output()
        .unwrap();
    assert_refused(&output, &["without venv", "apt install python3.11-venv"]);
    let output = machine
        .xtask(&["setup"])
        .env("GASSHUKU_PYTHON", "python9")
        .output()
        .unwrap();
    assert_refused(&output, &["GASSHUKU_PYTHON", "python9"]);
    machine.remove_program("python3");
    assert_refused(&machine.setup(), &["no python3 is on PATH"]);
}

#[test]
fn a_full_disk_is_refused() {
    let machine = Machine::new();
    let output = machine
        .xtask(&["setup"])
        .env("FAKE_ROOM", "1000000")
        .output()
        .unwrap();
    assert_refused(&output, &["needs", "1.0 GB are free"]);
    assert_eq!(machine.take_log(), Vec::<String>::new());
}
