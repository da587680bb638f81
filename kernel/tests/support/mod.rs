//! A home in a temporary folder, with fake programs.
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
use evcxr_prewarm::{configuration, inventory, wrappers};

/// How long to wait for what must happen sooner or later. No test relies on how soon.
const TIMEOUT: Duration = Duration::from_secs(60);

pub struct Machine {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
    pub home: Home,
    pub settings: Settings,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // On macOS, /tmp is a link.
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

    /// Writes what set-up would write.
    pub fn write_home(&self) {
        self.home.write_settings(&self.settings).unwrap();
        configuration::write(&self.home, &self.settings).unwrap();
        wrappers::write(&self.home, Path::new(launcher())).unwrap();
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

    /// Creates a small template.
    pub fn make_template(&self) {
        self.write("home/template/made-from", "by hand");
        self.write("home/template/target/debug/libtch.rlib", "compiled");
        self.write("home/template/target/debug/build/tch/output", "for cargo");
        self.list_template_files();
    }

    /// Writes the list of the template's files, as set-up does at its end.
    pub fn list_template_files(&self) {
        let template = self.home.template();
        let without = ["made-from", "made-by", "files"];
        inventory::write_list(&template, &template.join("files"), &without).unwrap();
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

/// Waits until a condition holds.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < TIMEOUT, "it never came true that {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
