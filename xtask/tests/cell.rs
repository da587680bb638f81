//! What evcxr takes for cargo: asked once, and never where it must be.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use support::{Machine, stderr};

const CARGO: &str = r#"#!/bin/sh
echo "cargo $*" >>"$LOG"
case $1 in
build)
    CARGO_PKG_NAME=ctx
    export CARGO_PKG_NAME
    exec $RUSTC_WORKSPACE_WRAPPER "$GASSHUKU_RUSTC" --crate-name ctx --emit=dep-info,link \
        --out-dir "$PWD/target/debug/deps"
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
for folder; do :; done
mkdir -p "$folder"
cp src/lib.rs "$folder/libctx.so"
"#;

/// A kernel's crate, and the programs behind the shims.
struct Kernel {
    machine: Machine,
    directory: PathBuf,
}

impl Kernel {
    fn new() -> Self {
        let machine = Machine::new();
        let directory = machine.root.join("target/kernel/running/one");
        fs::create_dir_all(directory.join("src")).unwrap();
        for (name, contents) in [("real-cargo", CARGO), ("real-rustc", RUSTC)] {
            program(&machine.bin.join(name), contents);
        }
        let shims = machine.root.join("target/kernel/bin");
        fs::create_dir_all(&shims).unwrap();
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("shims/note");
        symlink(ours, shims.join("note")).unwrap();
        let kernel = Self { machine, directory };
        kernel.depend("");
        kernel
    }

    fn depend(&self, more: &str) {
        let ours = self.machine.root.join("crate");
        let manifest = format!("[dependencies]\ngasshuku = {{ path = {ours:?} }}\n{more}");
        fs::write(self.directory.join("Cargo.toml"), manifest).unwrap();
    }

    fn cell(&self, source: &str) {
        fs::write(self.directory.join("src/lib.rs"), source).unwrap();
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.machine.xtask(&["shim-cargo", "--"]);
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("LOG", self.log())
            .env("GASSHUKU_LAUNCHER", env!("CARGO_BIN_EXE_xtask"))
            .env("GASSHUKU_ROOT", &self.machine.root)
            .env("GASSHUKU_CARGO", self.machine.bin.join("real-cargo"))
            .env("GASSHUKU_RUSTC", self.machine.bin.join("real-rustc"));
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

fn program(path: &Path, contents: &str) {
    fs::write(path, contents).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
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
    let source = kernel.machine.root.join("crate/src/lib.rs");
    let later = SystemTime::now() + Duration::from_secs(5);
    fs::File::open(source).unwrap().set_modified(later).unwrap();
    kernel.cargo(&["build"]);
    assert_eq!(kernel.called(), ASKED, "the workshop's crate was edited");
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
fn a_folder_that_is_not_the_workshops_is_cargos_business() {
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
fn the_workshops_lock_file_is_put_back() {
    let kernel = Kernel::new();
    let lock = kernel.directory.join("Cargo.lock");
    let workshops = "[[package]]\nname = \"gasshuku\"\n";
    fs::write(kernel.directory.join("Cargo.lock.workshop"), workshops).unwrap();
    fs::write(&lock, "[[package]]\nname = \"ctx\"\n").unwrap();
    kernel.cargo(&["metadata"]);
    assert_eq!(fs::read_to_string(&lock).unwrap(), workshops);
    // One that has it, and more, stays.
    let grown = format!("{workshops}\n[[package]]\nname = \"ctx\"\n");
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
