//! A clone in a temporary folder, on a machine whose programs are fakes.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and stops where it fails"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// For what must come sooner or later; a test never relies on how soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// Programs that the fakes and the launcher use, and that are what they are.
const REAL: [&str; 9] = [
    "sh", "cp", "mkdir", "mv", "rm", "cat", "grep", "sleep", "kill",
];
const FAKES: [&str; 6] = ["rustc", "cargo", "python3", "c++", "git", "df"];

pub struct Machine {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
    pub bin: PathBuf,
    log: PathBuf,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // macOS leads /tmp elsewhere.
        let path = folder.path().canonicalize().unwrap();
        let machine = Self {
            root: path.join("clone"),
            bin: path.join("bin"),
            log: path.join("log"),
            _folder: folder,
        };
        machine.make_clone();
        machine.make_programs();
        machine
    }

    fn make_clone(&self) {
        for file in [
            "Cargo.toml",
            "Cargo.lock",
            ".cargo/config.toml",
            "crate/src/lib.rs",
            "kernel/src/lib.rs",
            "kernel/Cargo.toml",
            "notebooks/01_load.ipynb",
        ] {
            self.write(file, file);
        }
        for (lock, pins) in [
            (
                "jupyter",
                "jupyterlab==4.6.6\npyzmq==27.1.0\nwinpty==3.1 ; os_name == 'nt'\n",
            ),
            ("torch-small", "torch==2.13.0 \\\n    --hash=sha256:0\n"),
            ("torch-cuda", "torch==2.13.0\nnvidia==13.0\n"),
        ] {
            self.write(&format!("xtask/python/{lock}.txt"), pins);
        }
        self.write("crate/Cargo.toml", "[package]\nname = \"gasshuku\"\n");
    }

    fn make_programs(&self) {
        fs::create_dir(&self.bin).unwrap();
        for name in REAL {
            if let Some(program) = find(name) {
                symlink(program, self.bin.join(name)).unwrap();
            }
        }
        for name in FAKES {
            symlink(fakes().join(name), self.bin.join(name)).unwrap();
        }
    }

    pub fn write(&self, path: &str, contents: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// Files of the sizes that the data set's have.
    pub fn write_data(&self) {
        for (name, size) in [
            ("train-images-idx3", 26_421_856),
            ("train-labels-idx1", 29_491),
            ("t10k-images-idx3", 4_422_079),
            ("t10k-labels-idx1", 5_125),
        ] {
            let path = format!("data/fashion-mnist/{name}-ubyte.gz");
            self.write(&path, "");
            let file = fs::File::options().write(true).open(self.root.join(path));
            file.unwrap().set_len(size).unwrap();
        }
    }

    pub fn remove_program(&self, name: &str) {
        fs::remove_file(self.bin.join(name)).unwrap();
    }

    /// xtask with these arguments, in an environment of its own.
    pub fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .env_clear()
            .env("PATH", &self.bin)
            .env("HOME", self.root.join("no-home"))
            .env("FAKES", fakes())
            .env("FAKE_LOG", &self.log)
            .env("GASSHUKU_TORCH", "cpu")
            .arg("--root")
            .arg(&self.root)
            .args(arguments);
        command
    }

    pub fn setup(&self) -> Output {
        self.xtask(&["setup"]).output().unwrap()
    }

    /// What the fakes have done since the last call, sorted: two steps work at the same time.
    pub fn done(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let _ = fs::remove_file(&self.log);
        let mut lines: Vec<_> = log.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

fn fakes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes")
}

pub fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Waits until it is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it never came true that {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
