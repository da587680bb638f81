//! The wrapper of cargo: it calls cargo for the first cell, and whenever it must.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use evcxr_prewarm::{cached_call, cell_protocol};
use support::{Machine, program, stderr};

const CARGO: &str = r#"#!/bin/sh
echo "cargo $*" >>"$LOG"
case $1 in
build)
    CARGO_PKG_NAME=ctx
    export CARGO_PKG_NAME
    $RUSTC_WORKSPACE_WRAPPER "$EVCXR_PREWARM_RUSTC" --crate-name ctx --emit=dep-info,link \
        --out-dir "$PWD/target/debug/deps" || exit 101
    cp "$PWD/target/debug/deps/libctx.so" "$PWD/target/debug/libctx.so"
    ;;
metadata) echo "{\"target_directory\":\"$PWD/target\"}" ;;
*) exit 3 ;;
esac
"#;

const RUSTC: &str = r#"#!/bin/sh
echo "rustc for $CARGO_PKG_NAME" >>"$LOG"
if grep -q wrong src/lib.rs; then
    echo '{"message":"cannot find value"}' >&2
    exit 1
fi
for word; do
    case $before in --out-dir) folder=$word ;; esac
    case $word in --emit=metadata) exit ;; esac
    before=$word
done
mkdir -p "$folder"
cp src/lib.rs "$folder/libctx.so"
"#;

/// A kernel's directory, and the wrapped programs.
struct Kernel {
    machine: Machine,
    directory: PathBuf,
}

impl Kernel {
    fn new() -> Self {
        Self::in_folder("running/one")
    }

    fn in_folder(folder: &str) -> Self {
        let machine = Machine::new();
        let directory = machine.home.path().join(folder);
        fs::create_dir_all(directory.join("src")).unwrap();
        for (name, contents) in [("real-cargo", CARGO), ("real-rustc", RUSTC)] {
            program(&machine.root.join(name), contents);
        }
        let kernel = Self { machine, directory };
        kernel.write_manifest("");
        kernel
    }

    fn write_manifest(&self, more_dependencies: &str) {
        let path = &self.machine.settings.crate_folder;
        let manifest =
            format!("[dependencies]\nthree_lines = {{ path = {path:?} }}\n{more_dependencies}");
        fs::write(self.directory.join("Cargo.toml"), manifest).unwrap();
    }

    fn write_cell(&self, source: &str) {
        fs::write(self.directory.join("src/lib.rs"), source).unwrap();
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.machine.home.wrappers().join("cargo"));
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("LOG", self.log())
            .env("EVCXR_PREWARM_HOME", self.machine.home.path())
            .env("EVCXR_PREWARM_CARGO", self.machine.root.join("real-cargo"))
            .env("EVCXR_PREWARM_RUSTC", self.machine.root.join("real-rustc"))
            .env_remove("RUSTFLAGS")
            .env("EVCXR_FRONT", &self.machine.root)
            .env_remove("EVCXR_TMPDIR");
        command
    }

    fn log(&self) -> PathBuf {
        self.machine.root.join("calls")
    }

    /// The programs that were called since the last time.
    fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let _ = fs::remove_file(self.log());
        log.lines().map(str::to_owned).collect()
    }

    fn library(&self) -> String {
        fs::read_to_string(self.directory.join("target/debug/libctx.so")).unwrap()
    }
}

const RECORDED: [&str; 2] = ["cargo build", "rustc for ctx"];
const REPEATED: [&str; 1] = ["rustc for ctx"];

#[test]
fn cargo_is_called_for_the_first_cell_only() {
    let kernel = Kernel::new();
    kernel.write_cell("one");
    let output = kernel.cargo(&["build"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(kernel.calls(), RECORDED);
    for cell in ["two", "three"] {
        kernel.write_cell(cell);
        let output = kernel.cargo(&["build"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(kernel.calls(), REPEATED);
        assert_eq!(kernel.library(), cell);
        let printed = String::from_utf8(output.stdout).unwrap();
        let artifact: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let place = kernel.directory.join("target/debug/libctx.so");
        assert_eq!(artifact["reason"], "compiler-artifact");
        assert_eq!(artifact["target"]["name"], "ctx");
        assert_eq!(artifact["filenames"][0], place.to_str().unwrap());
    }
}

#[test]
fn a_wrong_cell_gives_cargos_output_and_is_not_cached() {
    let kernel = Kernel::new();
    kernel.write_cell("wrong");
    assert!(!kernel.cargo(&["build"]).status.success());
    kernel.write_cell("wrong again");
    let output = kernel.cargo(&["build"]);
    assert_eq!(output.status.code(), Some(101), "cargo's own code");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "{\"message\":\"cannot find value\"}\n"
    );
    kernel.write_cell("right");
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(kernel.library(), "right");
}

#[test]
fn cargo_is_called_again_when_anything_else_has_changed() {
    let kernel = Kernel::new();
    kernel.write_cell("cell");
    kernel.cargo(&["build"]);
    kernel.calls();
    kernel.write_manifest("image = \"0.25\"\n");
    kernel.cargo(&["build"]);
    assert_eq!(kernel.calls(), RECORDED, "another dependency");
    kernel.cargo(&["build", "--offline"]);
    assert_eq!(kernel.calls(), ["cargo build --offline", "rustc for ctx"]);
    kernel
        .machine
        .write("crate/src/lib.rs", "pub fn four() {}\n");
    kernel.cargo(&["build"]);
    assert_eq!(kernel.calls(), RECORDED, "the crate was edited");
    kernel
        .command(&["build"])
        .env("RUSTFLAGS", "-g")
        .output()
        .unwrap();
    assert_eq!(kernel.calls(), RECORDED, "other flags");
    kernel.write_manifest("image = \"0.25\"\n");
    kernel.cargo(&["build"]);
    assert_eq!(kernel.calls(), REPEATED, "nothing");
}

#[test]
fn cargo_is_called_each_time_for_a_crate_in_another_folder() {
    let kernel = Kernel::new();
    kernel.write_cell("cell");
    kernel.write_manifest("mine = { path = \"/home/me/mine\" }\n");
    for _ in 0..2 {
        kernel.cargo(&["build"]);
        assert_eq!(kernel.calls(), RECORDED);
    }
}

#[test]
fn cached_calls_are_valid_in_another_kernels_directory() {
    let mut kernel = Kernel::new();
    kernel.write_cell("first");
    kernel.cargo(&["build"]);
    kernel.cargo(&["metadata"]);
    kernel.calls();
    let second = kernel.directory.with_file_name("two");
    fs::rename(&kernel.directory, &second).unwrap();
    kernel.directory = second;
    kernel.write_cell("second");
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(kernel.calls(), REPEATED);
    assert_eq!(kernel.library(), "second");
    let answer = kernel.cargo(&["metadata"]);
    let target = kernel.directory.join("target");
    assert_eq!(
        String::from_utf8(answer.stdout).unwrap(),
        format!("{{\"target_directory\":{target:?}}}\n")
    );
    assert_eq!(kernel.calls(), [""; 0]);
}

#[test]
fn other_commands_are_passed_to_cargo() {
    let kernel = Kernel::new();
    for _ in 0..2 {
        assert_eq!(kernel.cargo(&["clean"]).status.code(), Some(3));
        assert_eq!(kernel.calls(), ["cargo clean"]);
    }
}

#[test]
fn the_crates_lock_file_is_restored() {
    let kernel = Kernel::new();
    let lock = kernel.directory.join("Cargo.lock");
    let crates = "[[package]]\nname = \"three-lines\"\n";
    fs::write(kernel.directory.join(cached_call::CRATE_LOCK_FILE), crates).unwrap();
    fs::write(&lock, "[[package]]\nname = \"ctx\"\n").unwrap();
    kernel.cargo(&["metadata"]);
    assert_eq!(fs::read_to_string(&lock).unwrap(), crates);
    // A lock file that contains the crate and more is kept.
    let grown = format!("{crates}\n[[package]]\nname = \"ctx\"\n");
    fs::write(&lock, &grown).unwrap();
    kernel.cargo(&["metadata"]);
    assert_eq!(fs::read_to_string(&lock).unwrap(), grown);
    fs::write(kernel.directory.join("Cargo.toml"), "[dependencies]\n").unwrap();
    fs::write(&lock, "[[package]]\nname = \"ctx\"\n").unwrap();
    kernel.cargo(&["metadata"]);
    assert_eq!(
        fs::read_to_string(&lock).unwrap(),
        "[[package]]\nname = \"ctx\"\n"
    );
}

#[test]
fn a_wrong_cell_is_checked_as_it_would_be_built() {
    let kernel = Kernel::new();
    kernel.write_cell("first");
    let output = kernel.cargo(&["check", "--message-format=json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        kernel.calls(),
        ["cargo build --message-format=json", "rustc for ctx"],
        "never `cargo check`, which checks all that the cell depends on"
    );
    kernel.write_cell("wrong");
    let output = kernel.cargo(&["check", "--message-format=json"]);
    assert_eq!(output.status.code(), Some(101));
    assert_eq!(kernel.calls(), REPEATED);
    assert_eq!(kernel.library(), "first", "a check makes no library");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "{\"message\":\"cannot find value\"}\n"
    );
}

#[test]
fn a_cell_gets_markers_unless_it_is_wrong() {
    let kernel = Kernel::new();
    let marked = || fs::read_to_string(kernel.directory.join(cell_protocol::MARKED)).ok();
    let source = include_str!("cells/print.rs.txt");
    kernel.write_cell(source);
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(marked(), None, "no front listens yet");
    assert_eq!(kernel.library(), source);
    kernel.machine.write("listening", "");
    kernel.write_cell(source);
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(marked().as_deref(), Some("1"));
    assert!(kernel.library().contains("front begin 1"));
    kernel.write_cell(&format!("{source}// wrong\n"));
    assert!(!kernel.cargo(&["build"]).status.success());
    assert_eq!(marked(), None);
    kernel.write_cell("something that evcxr has not written");
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(marked(), None);
}

#[test]
fn loaded_libraries_are_removed() {
    let kernel = Kernel::new();
    kernel.write_cell("first");
    kernel.cargo(&["build"]);
    let loaded = kernel.directory.join("target/debug/libcode_1.so");
    fs::rename(kernel.directory.join("target/debug/libctx.so"), &loaded).unwrap();
    kernel.write_cell("second");
    kernel.cargo(&["build"]);
    assert!(!loaded.exists());
    assert_eq!(kernel.library(), "second");
}

/// evcxr sends the path of a cell's library without quotes.
#[test]
fn a_library_has_the_path_that_evcxr_uses_for_the_directory() {
    let kernel = Kernel::in_folder("running/with space");
    let evcxr_path = kernel.machine.root.join("known");
    std::os::unix::fs::symlink(&kernel.directory, &evcxr_path).unwrap();
    kernel.write_cell("first");
    kernel.cargo(&["build"]);
    let output = kernel
        .command(&["build"])
        .env("EVCXR_TMPDIR", &evcxr_path)
        .output()
        .unwrap();
    let artifact: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let place = evcxr_path.join("target/debug/libctx.so");
    assert_eq!(artifact["filenames"][0], place.to_str().unwrap());
}

#[test]
fn without_tricks_cargo_is_called_each_time() {
    let kernel = Kernel::new();
    for cell in ["first", "second"] {
        kernel.write_cell(cell);
        let mut command = kernel.command(&["build"]);
        let output = command.env("EVCXR_PREWARM_PLAIN", "1").output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(kernel.calls(), RECORDED);
    }
}
