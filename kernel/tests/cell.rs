//! What evcxr takes for cargo: asked once, and never where it must be.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use evcxr_prewarm::{cell, note};
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

/// A kernel's crate, and the programs behind those that stand before them.
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
        kernel.depend("");
        kernel
    }

    fn depend(&self, more: &str) {
        let ours = &self.machine.settings.crate_folder;
        let manifest = format!("[dependencies]\nthree_lines = {{ path = {ours:?} }}\n{more}");
        fs::write(self.directory.join("Cargo.toml"), manifest).unwrap();
    }

    fn cell(&self, source: &str) {
        fs::write(self.directory.join("src/lib.rs"), source).unwrap();
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.machine.home.programs().join("cargo"));
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

    /// Which programs were called since the last time.
    fn called(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let _ = fs::remove_file(self.log());
        log.lines().map(str::to_owned).collect()
    }

    fn library(&self) -> String {
        fs::read_to_string(self.directory.join("target/debug/libctx.so")).unwrap()
    }
}

const ASKED: [&str; 2] = ["cargo build", "rustc for ctx"];
const REPEATED: [&str; 1] = ["rustc for ctx"];

#[test]
fn cargo_is_asked_for_the_first_cell_only() {
    let kernel = Kernel::new();
    kernel.cell("one");
    let output = kernel.cargo(&["build"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(kernel.called(), ASKED);
    for cell in ["two", "three"] {
        kernel.cell(cell);
        let output = kernel.cargo(&["build"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(kernel.called(), REPEATED);
        assert_eq!(kernel.library(), cell);
        let said = String::from_utf8(output.stdout).unwrap();
        let artifact: serde_json::Value = serde_json::from_str(&said).unwrap();
        let place = kernel.directory.join("target/debug/libctx.so");
        assert_eq!(artifact["reason"], "compiler-artifact");
        assert_eq!(artifact["target"]["name"], "ctx");
        assert_eq!(artifact["filenames"][0], place.to_str().unwrap());
    }
}

#[test]
fn a_wrong_cell_answers_as_cargo_does_and_is_forgotten() {
    let kernel = Kernel::new();
    kernel.cell("wrong");
    assert!(!kernel.cargo(&["build"]).status.success());
    kernel.cell("wrong again");
    let output = kernel.cargo(&["build"]);
    assert_eq!(output.status.code(), Some(101), "cargo's own code");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "{\"message\":\"cannot find value\"}\n"
    );
    kernel.cell("right");
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(kernel.library(), "right");
}

#[test]
fn cargo_looks_again_when_anything_else_has_changed() {
    let kernel = Kernel::new();
    kernel.cell("cell");
    kernel.cargo(&["build"]);
    kernel.called();
    kernel.depend("image = \"0.25\"\n");
    kernel.cargo(&["build"]);
    assert_eq!(kernel.called(), ASKED, "another dependency");
    kernel.cargo(&["build", "--offline"]);
    assert_eq!(kernel.called(), ["cargo build --offline", "rustc for ctx"]);
    kernel
        .machine
        .write("crate/src/lib.rs", "pub fn four() {}\n");
    kernel.cargo(&["build"]);
    assert_eq!(kernel.called(), ASKED, "the crate was edited");
    kernel
        .command(&["build"])
        .env("RUSTFLAGS", "-g")
        .output()
        .unwrap();
    assert_eq!(kernel.called(), ASKED, "other flags");
    kernel.depend("image = \"0.25\"\n");
    kernel.cargo(&["build"]);
    assert_eq!(kernel.called(), REPEATED, "nothing");
}

#[test]
fn another_folder_is_cargos_business() {
    let kernel = Kernel::new();
    kernel.cell("cell");
    kernel.depend("mine = { path = \"/home/me/mine\" }\n");
    for _ in 0..2 {
        kernel.cargo(&["build"]);
        assert_eq!(kernel.called(), ASKED);
    }
}

#[test]
fn notes_are_good_in_another_kernels_directory() {
    let mut kernel = Kernel::new();
    kernel.cell("first");
    kernel.cargo(&["build"]);
    kernel.cargo(&["metadata"]);
    kernel.called();
    let second = kernel.directory.with_file_name("two");
    fs::rename(&kernel.directory, &second).unwrap();
    kernel.directory = second;
    kernel.cell("second");
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(kernel.called(), REPEATED);
    assert_eq!(kernel.library(), "second");
    let answer = kernel.cargo(&["metadata"]);
    let target = kernel.directory.join("target");
    assert_eq!(
        String::from_utf8(answer.stdout).unwrap(),
        format!("{{\"target_directory\":{target:?}}}\n")
    );
    assert_eq!(kernel.called(), [""; 0]);
}

#[test]
fn what_is_no_cell_goes_to_cargo() {
    let kernel = Kernel::new();
    for _ in 0..2 {
        assert_eq!(kernel.cargo(&["clean"]).status.code(), Some(3));
        assert_eq!(kernel.called(), ["cargo clean"]);
    }
}

#[test]
fn the_crates_lock_file_is_put_back() {
    let kernel = Kernel::new();
    let lock = kernel.directory.join("Cargo.lock");
    let crates = "[[package]]\nname = \"three-lines\"\n";
    fs::write(kernel.directory.join(note::LOCK), crates).unwrap();
    fs::write(&lock, "[[package]]\nname = \"ctx\"\n").unwrap();
    kernel.cargo(&["metadata"]);
    assert_eq!(fs::read_to_string(&lock).unwrap(), crates);
    // One that has it, and more, stays.
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
    kernel.cell("first");
    let output = kernel.cargo(&["check", "--message-format=json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        kernel.called(),
        ["cargo build --message-format=json", "rustc for ctx"],
        "never `cargo check`, which checks all that the cell depends on"
    );
    kernel.cell("wrong");
    let output = kernel.cargo(&["check", "--message-format=json"]);
    assert_eq!(output.status.code(), Some(101));
    assert_eq!(kernel.called(), REPEATED);
    assert_eq!(kernel.library(), "first", "a check makes no library");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "{\"message\":\"cannot find value\"}\n"
    );
}

#[test]
fn a_cell_is_marked_and_a_wrong_one_is_not() {
    let kernel = Kernel::new();
    let marked = || fs::read_to_string(kernel.directory.join(cell::MARKED)).ok();
    let source = include_str!("cells/print.rs.txt");
    kernel.cell(source);
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(marked(), None, "nobody listens yet");
    assert_eq!(kernel.library(), source);
    kernel.machine.write("listening", "");
    kernel.cell(source);
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(marked().as_deref(), Some("1"));
    assert!(kernel.library().contains("front begin 1"));
    kernel.cell(&format!("{source}// wrong\n"));
    assert!(!kernel.cargo(&["build"]).status.success());
    assert_eq!(marked(), None);
    kernel.cell("something that evcxr has not written");
    assert!(kernel.cargo(&["build"]).status.success());
    assert_eq!(marked(), None);
}

#[test]
fn libraries_that_are_loaded_are_removed() {
    let kernel = Kernel::new();
    kernel.cell("first");
    kernel.cargo(&["build"]);
    let loaded = kernel.directory.join("target/debug/libcode_1.so");
    fs::rename(kernel.directory.join("target/debug/libctx.so"), &loaded).unwrap();
    kernel.cell("second");
    kernel.cargo(&["build"]);
    assert!(!loaded.exists());
    assert_eq!(kernel.library(), "second");
}

/// evcxr hands the path of a cell's library on without quotes.
#[test]
fn a_library_has_the_path_by_which_evcxr_knows_the_directory() {
    let kernel = Kernel::in_folder("running/with space");
    let known = kernel.machine.root.join("known");
    std::os::unix::fs::symlink(&kernel.directory, &known).unwrap();
    kernel.cell("first");
    kernel.cargo(&["build"]);
    let output = kernel
        .command(&["build"])
        .env("EVCXR_TMPDIR", &known)
        .output()
        .unwrap();
    let artifact: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let place = known.join("target/debug/libctx.so");
    assert_eq!(artifact["filenames"][0], place.to_str().unwrap());
}

#[test]
fn plain_means_that_cargo_is_called() {
    let kernel = Kernel::new();
    for cell in ["first", "second"] {
        kernel.cell(cell);
        let mut command = kernel.command(&["build"]);
        let output = command.env("EVCXR_PREWARM_PLAIN", "1").output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(kernel.called(), ASKED);
    }
}
