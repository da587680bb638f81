//! The launcher: each kernel has its own directory, which is removed when the kernel ends.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use evcxr_prewarm::front::client::{Client, Outcome};
use evcxr_prewarm::template;
use support::{Machine, stderr, wait_until};

/// A running fake kernel.
struct Kernel {
    launcher: Child,
    /// The fake kernel's files have names that begin with this.
    files: PathBuf,
    directory: PathBuf,
    process: String,
}

impl Kernel {
    fn start(machine: &Machine, name: &str) -> Self {
        let connection = connection_file(machine, name);
        let files = machine.root.join(name);
        let launcher = machine
            .launcher(&["kernel"])
            .arg(&connection)
            .env("FAKE_SAYS", &files)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let (directory, process) = wait_for_start(&files);
        Self {
            launcher,
            files,
            directory,
            process,
        }
    }

    /// Ends the fake kernel. The launcher goes on, to report that, and is ended, too.
    fn stop(&mut self) {
        fs::write(self.files.with_extension("stop"), "").unwrap();
        wait_until("the kernel's process ends", || !is_alive(&self.process));
        signal("TERM", &self.launcher.id().to_string());
        self.launcher.wait().unwrap();
    }

    fn kill(&mut self) {
        self.launcher.kill().unwrap();
        self.launcher.wait().unwrap();
    }
}

/// Writes a connection file, as Jupyter does.
fn connection_file(machine: &Machine, name: &str) -> PathBuf {
    let listeners: Vec<_> = (0..5)
        .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let port = |number: usize| listeners[number].local_addr().unwrap().port();
    let text = serde_json::json!({
        "ip": "127.0.0.1", "transport": "tcp", "key": "secret", "signature_scheme": "hmac-sha256",
        "shell_port": port(0), "iopub_port": port(1), "stdin_port": port(2),
        "control_port": port(3), "hb_port": port(4), "kernel_name": "rust",
    });
    machine.write(&format!("{name}.json"), &text.to_string())
}

/// Waits until the fake kernel runs, and returns its directory and its process.
fn wait_for_start(files: &Path) -> (PathBuf, String) {
    let path = files.with_extension("started");
    wait_until("the kernel starts", || path.exists());
    let text = fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    (
        lines.next().unwrap().into(),
        lines.next().unwrap().to_owned(),
    )
}

fn is_alive(process: &str) -> bool {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("kill -0 {process} 2>/dev/null"));
    command.status().unwrap().success()
}

fn signal(name: &str, process: &str) {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("kill -{name} {process}"));
    assert!(command.status().unwrap().success());
}

fn machine() -> Machine {
    let machine = Machine::new();
    machine.make_template();
    machine
}

/// With the clone and Rust below one folder, the relative path in a cell's library is wrong.
#[test]
fn cells_find_the_standard_library_wherever_rust_is() {
    let mut machine = Machine::new();
    let own = machine.root.join("own");
    let variable = match cfg!(target_os = "macos") {
        true => "DYLD_LIBRARY_PATH",
        false => "LD_LIBRARY_PATH",
    };
    let value = own.to_str().unwrap().to_owned();
    machine
        .settings
        .environment
        .insert(variable.to_owned(), value);
    machine.write_home();
    machine.make_template();
    let mut kernel = Kernel::start(&machine, "kernel");
    let text = fs::read_to_string(kernel.files.with_extension("started")).unwrap();
    let folders: Vec<PathBuf> = std::env::split_paths(text.lines().nth(2).unwrap()).collect();
    assert_eq!(folders[0], own, "the folders of the settings come first");
    let has_std = |folder: &PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.into_iter().any(|name| {
            name.starts_with("libstd-") && (name.ends_with(".so") || name.ends_with(".dylib"))
        })
    };
    assert!(folders[1..].iter().any(has_std), "{folders:?}");
    kernel.stop();
}

#[test]
fn two_kernels_have_two_copies_of_the_template() {
    let machine = machine();
    let mut first = Kernel::start(&machine, "first");
    let mut second = Kernel::start(&machine, "second");
    assert_ne!(first.directory, second.directory);
    for kernel in [&first, &second] {
        let compiled = kernel.directory.join("target/debug/libtch.rlib");
        assert_eq!(fs::read_to_string(compiled).unwrap(), "compiled");
        let for_cargo = kernel.directory.join("target/debug/build/tch/output");
        assert!(
            !for_cargo.exists(),
            "what only cargo needs is copied when cargo is called"
        );
        template::copy_rest(&machine.home, &kernel.directory).unwrap();
        assert_eq!(fs::read_to_string(&for_cargo).unwrap(), "for cargo");
    }
    first.stop();
    wait_until("the first directory is removed", || {
        !first.directory.exists()
    });
    assert!(second.directory.exists());
    second.stop();
    wait_until("the second directory is removed", || {
        !second.directory.exists()
    });
}

#[test]
fn a_kernel_ends_with_its_launcher() {
    let machine = machine();
    for name in ["TERM", "INT", "HUP", "KILL"] {
        let mut kernel = Kernel::start(&machine, name);
        signal(name, &kernel.launcher.id().to_string());
        kernel.launcher.wait().unwrap();
        wait_until("the kernel's process ends", || !is_alive(&kernel.process));
        wait_until("the directory is removed", || !kernel.directory.exists());
    }
}

/// This is how Jupyter ends a kernel that does not answer.
#[test]
fn a_killed_process_group_leaves_nothing() {
    let machine = machine();
    let mut kernel = Kernel::start(&machine, "group");
    signal("KILL", &format!("-{}", kernel.launcher.id()));
    kernel.launcher.wait().unwrap();
    wait_until("the kernel's process ends", || !is_alive(&kernel.process));
    wait_until("the directory is removed", || !kernel.directory.exists());
}

#[test]
fn a_kernel_ends_when_jupyter_has_died() {
    let machine = machine();
    let connection = connection_file(&machine, "orphan");
    let files = machine.root.join("orphan");
    let mut jupyter = Command::new("sh");
    jupyter
        .arg("-c")
        .arg("\"$@\" & while [ ! -e \"$FAKE_SAYS.started\" ]; do sleep 0.02; done")
        .arg("jupyter");
    let launcher = machine.launcher(&["kernel"]);
    jupyter
        .arg(launcher.get_program())
        .args(launcher.get_args())
        .arg(&connection);
    jupyter.env_remove("TEST_PLAIN").env("FAKE_SAYS", &files);
    jupyter.status().unwrap();
    let (directory, process) = wait_for_start(&files);
    wait_until("the kernel's process ends", || !is_alive(&process));
    wait_until("the directory is removed", || !directory.exists());
}

#[test]
fn what_a_killed_guard_leaves_is_removed_by_the_next_kernel() {
    let machine = machine();
    let mut kernel = Kernel::start(&machine, "left");
    let guards = children(kernel.launcher.id(), &kernel.process);
    assert_eq!(guards.len(), 1, "{guards:?}");
    signal("KILL", &guards[0]);
    kernel.kill();
    assert!(is_alive(&kernel.process), "no process is left to end it");
    let mut next = Kernel::start(&machine, "next");
    assert!(kernel.directory.exists(), "a directory in use was removed");
    signal("KILL", &kernel.process);
    wait_until("the kernel's process ends", || !is_alive(&kernel.process));
    let mut last = Kernel::start(&machine, "last");
    assert!(
        !kernel.directory.exists(),
        "the next kernel did not remove it"
    );
    assert!(next.directory.exists());
    next.stop();
    last.stop();
}

/// The child processes of a process, except one.
fn children(parent: u32, without: &str) -> Vec<String> {
    let listed = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid="])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let pairs = listed
        .lines()
        .filter_map(|line| line.trim().split_once(' '));
    pairs
        .filter(|(process, of)| of.trim() == parent.to_string() && *process != without)
        .map(|(process, _)| process.to_owned())
        .collect()
}

/// The outcomes of two cells.
fn run_two_cells(machine: &Machine) -> [Outcome; 2] {
    let path = connection_file(machine, "first-cells");
    let text = fs::read_to_string(&path).unwrap();
    let connection = serde_json::from_str(&text).unwrap();
    let mut launcher = machine.launcher(&["kernel"]);
    let mut launcher = launcher.arg(&path).stderr(Stdio::null()).spawn().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcomes = runtime.block_on(async {
        let mut client = Client::connect(&connection).await.unwrap();
        let outcomes = [
            client.execute("1").await.unwrap(),
            client.execute("2").await.unwrap(),
        ];
        client.shutdown().await;
        outcomes
    });
    runtime.shutdown_background();
    assert!(launcher.wait().unwrap().success());
    outcomes
}

fn assert_reports(machine: &Machine, words: &[&str]) {
    for outcome in run_two_cells(machine) {
        let error = outcome.error.unwrap();
        for word in words {
            assert!(error.contains(word), "`{word}` is not in: {error}");
        }
    }
    let running = machine.home.running();
    wait_until("its directory is removed", || {
        fs::read_dir(&running).map_or(0, Iterator::count) == 0
    });
}

#[test]
fn without_a_template_the_kernel_says_what_to_do() {
    let machine = Machine::new();
    assert_reports(&machine, &["not set up", "run set-up"]);
    let output = machine
        .launcher(&["kernel", "no-connection-file"])
        .env("TEST_PLAIN", "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("run set-up"),
        "{}",
        stderr(&output)
    );
}

/// Writes the sizes of files to the settings, as set-up does.
fn list_files(machine: &mut Machine, files: &[&Path]) {
    let sizes = files
        .iter()
        .map(|path| (path.to_path_buf(), fs::metadata(path).unwrap().len()));
    machine.settings.files = sizes.collect();
    machine.write_home();
}

#[test]
fn a_file_that_was_removed_or_cut_short_is_reported_at_once() {
    let mut machine = machine();
    let library = machine.write("libtorch_cpu.so", "a library");
    let fake = support::fakes().join("evcxr_jupyter");
    list_files(&mut machine, &[&library, &fake]);
    Kernel::start(&machine, "whole").stop();
    fs::write(&library, "a lib").unwrap();
    let cut = "libtorch_cpu.so has 5 bytes instead of 9";
    assert_reports(&machine, &[cut, "run set-up", "restart the kernel"]);
    fs::remove_file(&library).unwrap();
    assert_reports(&machine, &["libtorch_cpu.so is missing", "run set-up"]);
}

#[test]
fn a_missing_wrapper_is_reported() {
    let machine = machine();
    fs::remove_file(machine.home.wrappers().join("cargo")).unwrap();
    assert_reports(&machine, &["bin/cargo is missing", "run set-up"]);
}

#[test]
fn a_kernel_that_ends_at_once_is_reported_in_the_cells() {
    let mut machine = machine();
    let ends = machine.write("ends", "#!/bin/sh\nexit 7\n");
    support::program(&ends, "#!/bin/sh\nexit 7\n");
    machine.settings.evcxr = ends;
    machine.write_home();
    assert_reports(&machine, &["exit status 7", "Run set-up"]);
}

#[test]
fn a_plain_kernel_has_a_complete_directory_and_no_front() {
    let machine = machine();
    let files = machine.root.join("plain");
    let mut launcher = machine
        .launcher(&["kernel", "no-connection-file"])
        .env("TEST_PLAIN", "1")
        .env("FAKE_SAYS", &files)
        .spawn()
        .unwrap();
    let (directory, _) = wait_for_start(&files);
    assert!(directory.join("target/debug/build/tch/output").exists());
    fs::write(files.with_extension("stop"), "").unwrap();
    assert_eq!(launcher.wait().unwrap().code(), Some(7));
}
