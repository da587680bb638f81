//! A clone in a temporary folder, on a machine whose programs are fakes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something. It never depends on how fast that is.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Programs that are not faked: the fakes and the launcher use them.
const REAL: [&str; 9] = [
    "sh", "cp", "mkdir", "mv", "rm", "cat", "grep", "sleep", "kill",
];
const FAKES: [&str; 6] = ["rustc", "cargo", "python3", "c++", "git", "df"];

/// What the fakes report when all of set-up is done.
pub(crate) const EVERYTHING: [&str; 6] = [
    "cargo build",
    "cargo install",
    "pip jupyter",
    "pip torch-small",
    "template",
    "venv",
];

pub(crate) struct Machine {
    _folder: tempfile::TempDir,
    pub(crate) root: PathBuf,
    pub(crate) bin: PathBuf,
    log: PathBuf,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // On macOS, /tmp is a link.
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

    pub(crate) fn write(&self, path: &str, contents: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// Writes empty files with the sizes of the data set's files.
    pub(crate) fn write_data(&self) {
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

    pub(crate) fn add_program(&self, name: &str, script: &str) {
        let path = self.bin.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Adds an NVIDIA driver's program that lists one GPU. `capability` and `driver` are the commands that
    /// answer its questions.
    pub(crate) fn add_gpu(&self, name: &str, capability: &str, driver: &str) {
        let script = format!(
            "#!/bin/sh\ncase $1 in\n-L) echo 'GPU 0: {name} (UUID: GPU-1)' ;;\n\
             *compute_cap) {capability} ;;\n*driver_version) {driver} ;;\nesac\n"
        );
        self.add_program("nvidia-smi", &script);
    }

    pub(crate) fn remove_program(&self, name: &str) {
        fs::remove_file(self.bin.join(name)).unwrap();
    }

    /// The command `xtask` with these arguments, on this machine.
    pub(crate) fn xtask(&self, arguments: &[&str]) -> Command {
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

    pub(crate) fn setup(&self) -> Output {
        self.xtask(&["setup"]).output().unwrap()
    }

    /// What the fakes have done since the last call, sorted because two steps run at the same time.
    pub(crate) fn take_log(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let _ = fs::remove_file(&self.log);
        let mut lines: Vec<_> = log.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

fn fakes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/setup/fakes")
}

pub(crate) fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Waits until a condition is true.
pub(crate) fn until(what: &str, is_true: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < TIMEOUT, "it never came true that {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A refusal is one sentence that contains these words.
pub(crate) fn assert_refused(output: &Output, words: &[&str]) {
    let printed = stderr(output);
    assert!(!output.status.success(), "{printed}");
    assert_eq!(
        printed.trim_end().lines().count(),
        1,
        "not one line: {printed}"
    );
    for word in words {
        assert!(printed.contains(word), "`{word}` is not in: {printed}");
    }
}

/// Set-up has succeeded and left everything in its place.
pub(crate) fn assert_done(machine: &Machine, output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
    let read = |path: &str| fs::read_to_string(machine.root.join(path)).unwrap();
    assert!(read("target/libtorch/version.py").contains("2.13.0"));
    assert!(read(".venv/bin/evcxr_jupyter").starts_with("#!/bin/sh"));
    assert_eq!(
        read("target/kernel/template/target/debug/compiled"),
        "whole\n"
    );
    assert!(read(".venv/share/jupyter/kernels/rust/kernel.json").contains("evcxr-prewarm"));
    assert!(
        !machine.root.join("target/setup/pip").exists(),
        "downloads are left"
    );
    assert!(
        !machine.root.join("no-home").exists(),
        "something was written to the user's home"
    );
}
