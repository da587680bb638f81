//! The launcher: directories that are a kernel's own, and go when it goes.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use evcxr_prewarm::front::client::{Client, Outcome};
use evcxr_prewarm::template;
use support::{Machine, stderr, until};

/// A fake kernel at work.
struct Kernel {
    launcher: Child,
    says: PathBuf,
    directory: PathBuf,
    process: String,
}

impl Kernel {
    fn start(machine: &Machine, name: &str) -> Self {
        let connection = connection_file(machine, name);
        let says = machine.root.join(name);
        let launcher = machine
            .launcher(&["kernel"])
            .arg(&connection)
            .env("FAKE_SAYS", &says)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let (directory, process) = started(&says);
        Self {
            launcher,
            says,
            directory,
            process,
        }
    }

    /// The fake ends before it has answered, and the launcher stays to say so.
    fn stop(&mut self) {
        fs::write(self.says.with_extension("stop"), "").unwrap();
        until("the kernel's process ends", || !is_alive(&self.process));
        signal("TERM", &self.launcher.id().to_string());
        self.launcher.wait().unwrap();
    }

    fn kill(&mut self) {
        self.launcher.kill().unwrap();
        self.launcher.wait().unwrap();
    }
}

/// As Jupyter writes it.
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

/// What the fake kernel says of itself: its directory and its process.
fn started(says: &Path) -> (PathBuf, String) {
    let path = says.with_extension("started");
    until("the kernel starts", || path.exists());
    let said = fs::read_to_string(&path).unwrap();
    let mut lines = said.lines();
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

/// With the clone and Rust below one folder, a cell's own way to the standard library leads astray.
#[test]
fn cells_find_the_standard_library_wherever_rust_lies() {
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
    let said = fs::read_to_string(kernel.says.with_extension("started")).unwrap();
    let folders: Vec<PathBuf> = std::env::split_paths(said.lines().nth(2).unwrap()).collect();
    assert_eq!(
        folders[0], own,
        "what the settings name is looked through first"
    );
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
fn two_kernels_have_two_directories_filled_from_the_template() {
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
            "what only cargo needs comes when it is called"
        );
        template::fill_rest(&machine.home, &kernel.directory).unwrap();
        assert_eq!(fs::read_to_string(&for_cargo).unwrap(), "for cargo");
    }
    first.stop();
    until("the first directory goes", || !first.directory.exists());
    assert!(second.directory.exists());
    second.stop();
    until("the second directory goes", || !second.directory.exists());
}

#[test]
fn a_launcher_that_is_ended_takes_its_kernel_along() {
    let machine = machine();
    for name in ["TERM", "INT", "HUP", "KILL"] {
        let mut kernel = Kernel::start(&machine, name);
        signal(name, &kernel.launcher.id().to_string());
        kernel.launcher.wait().unwrap();
        until("the kernel's process ends", || !is_alive(&kernel.process));
        until("the directory goes", || !kernel.directory.exists());
    }
}

/// This is how Jupyter ends a kernel that does not answer.
#[test]
fn a_killed_process_group_leaves_nothing() {
    let machine = machine();
    let mut kernel = Kernel::start(&machine, "group");
    signal("KILL", &format!("-{}", kernel.launcher.id()));
    kernel.launcher.wait().unwrap();
    until("the kernel's process ends", || !is_alive(&kernel.process));
    until("the directory goes", || !kernel.directory.exists());
}

#[test]
fn a_kernel_ends_when_jupyter_has_died() {
    let machine = machine();
    let connection = connection_file(&machine, "orphan");
    let says = machine.root.join("orphan");
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
    jupyter.env_remove("TEST_PLAIN").env("FAKE_SAYS", &says);
    jupyter.status().unwrap();
    let (directory, process) = started(&says);
    until("the kernel's process ends", || !is_alive(&process));
    until("the directory goes", || !directory.exists());
}

#[test]
fn what_a_killed_guard_leaves_is_cleared_by_the_next_kernel() {
    let machine = machine();
    let mut kernel = Kernel::start(&machine, "left");
    let guards = children(kernel.launcher.id(), &kernel.process);
    assert_eq!(guards.len(), 1, "{guards:?}");
    signal("KILL", &guards[0]);
    kernel.kill();
    assert!(is_alive(&kernel.process), "nobody is left to end it");
    let mut next = Kernel::start(&machine, "next");
    assert!(
        kernel.directory.exists(),
        "a directory was cleared that a kernel still works in"
    );
    signal("KILL", &kernel.process);
    until("the kernel's process ends", || !is_alive(&kernel.process));
    let mut last = Kernel::start(&machine, "last");
    assert!(!kernel.directory.exists(), "the next kernel did not clear");
    assert!(next.directory.exists());
    next.stop();
    last.stop();
}

/// The processes that a process has started, without one of them.
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

/// What a frontend is told when it runs a first cell, and then another one.
fn first_cells(machine: &Machine) -> [Outcome; 2] {
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
        client.shutdown().await.unwrap();
        outcomes
    });
    runtime.shutdown_background();
    assert!(launcher.wait().unwrap().success());
    outcomes
}

fn assert_says(machine: &Machine, words: &[&str]) {
    for outcome in first_cells(machine) {
        let error = outcome.error.unwrap();
        for word in words {
            assert!(error.contains(word), "`{word}` is not in: {error}");
        }
    }
    let running = machine.home.running();
    until("its directory goes", || {
        fs::read_dir(&running).map_or(0, Iterator::count) == 0
    });
}

#[test]
fn without_a_template_the_kernel_says_what_to_do() {
    let machine = Machine::new();
    assert_says(&machine, &["not set up", "run set-up"]);
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

/// As set-up notes them.
fn with_files(machine: &mut Machine, files: &[&Path]) {
    let sizes = files
        .iter()
        .map(|path| (path.to_path_buf(), fs::metadata(path).unwrap().len()));
    machine.settings.files = sizes.collect();
    machine.write_home();
}

#[test]
fn a_file_that_was_removed_or_cut_short_is_named_at_once() {
    let mut machine = machine();
    let library = machine.write("libtorch_cpu.so", "a library");
    let fake = support::fakes().join("evcxr_jupyter");
    with_files(&mut machine, &[&library, &fake]);
    Kernel::start(&machine, "whole").stop();
    fs::write(&library, "a lib").unwrap();
    let cut = "libtorch_cpu.so has 5 bytes instead of 9";
    assert_says(&machine, &[cut, "run set-up", "restart the kernel"]);
    fs::remove_file(&library).unwrap();
    assert_says(&machine, &["libtorch_cpu.so is missing", "run set-up"]);
}

#[test]
fn a_missing_program_that_stands_before_another_is_named() {
    let machine = machine();
    fs::remove_file(machine.home.programs().join("cargo")).unwrap();
    assert_says(&machine, &["bin/cargo is missing", "run set-up"]);
}

#[test]
fn a_kernel_that_ends_at_once_is_told_in_the_cells() {
    let mut machine = machine();
    let ends = machine.write("ends", "#!/bin/sh\nexit 7\n");
    support::program(&ends, "#!/bin/sh\nexit 7\n");
    machine.settings.evcxr = ends;
    machine.write_home();
    assert_says(&machine, &["exit status 7", "Run set-up"]);
}

#[test]
fn a_plain_kernel_is_filled_whole_and_has_no_front() {
    let machine = machine();
    let says = machine.root.join("plain");
    let mut launcher = machine
        .launcher(&["kernel", "no-connection-file"])
        .env("TEST_PLAIN", "1")
        .env("FAKE_SAYS", &says)
        .spawn()
        .unwrap();
    let (directory, _) = started(&says);
    assert!(directory.join("target/debug/build/tch/output").exists());
    fs::write(says.with_extension("stop"), "").unwrap();
    assert_eq!(launcher.wait().unwrap().code(), Some(7));
}
