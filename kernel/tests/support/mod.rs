//! A home in a temporary folder, with programs that are fakes.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and stops where it fails"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use evcxr_prewarm::settings::{Home, Settings};
use evcxr_prewarm::{inventory, start, toolchain};

/// For what must come sooner or later; a test never relies on how soon.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Machine {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
    pub home: Home,
    pub settings: Settings,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // macOS leads /tmp elsewhere.
        let root = folder.path().canonicalize().unwrap();
        let home = Home::at(&root.join("home"));
        let machine = Self {
            settings: Settings {
                crate_name: "three_lines".to_owned(),
                crate_folder: root.join("crate"),
                lock_file: root.join("Cargo.lock"),
                evcxr: fakes().join("evcxr_jupyter"),
                prefix: "TEST".to_owned(),
                advice: "run set-up".to_owned(),
                ..Settings::default()
            },
            _folder: folder,
            root,
            home,
        };
        machine.write("crate/src/lib.rs", "pub fn three() {}\n");
        machine.write("Cargo.lock", "");
        machine.write_home();
        machine
    }

    /// What set-up would write.
    pub fn write_home(&self) {
        self.home.write_settings(&self.settings).unwrap();
        start::write_configuration(&self.home, &self.settings).unwrap();
        toolchain::write_programs(&self.home, Path::new(launcher())).unwrap();
    }

    pub fn write(&self, path: &str, contents: &str) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    /// The launcher with these arguments.
    pub fn launcher(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(launcher());
        command
            .arg("--home")
            .arg(self.home.path())
            .args(arguments)
            .env_remove("TEST_PLAIN");
        command
    }

    /// Puts a template where set-up would.
    pub fn make_template(&self) {
        self.write("home/template/made-from", "by hand");
        self.write("home/template/target/debug/libtch.rlib", "compiled");
        self.write("home/template/target/debug/build/tch/output", "for cargo");
        self.note_template();
    }

    /// Lists what the template holds now, as set-up does at its end.
    pub fn note_template(&self) {
        let template = self.home.template();
        let marks = ["made-from", "made-by", "files"];
        inventory::note(&template, &template.join("files"), &marks).unwrap();
    }
}

pub fn launcher() -> &'static str {
    env!("CARGO_BIN_EXE_evcxr-prewarm")
}

pub fn fakes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes")
}

pub fn program(path: &Path, contents: &str) {
    fs::write(path, contents).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Waits until it is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it never came true that {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
