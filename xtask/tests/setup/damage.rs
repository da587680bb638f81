//! What was damaged after set-up is found and repaired.

use std::fs;

use crate::machine::{Machine, assert_done, assert_refused, stdout};

/// After set-up one file is removed or truncated. Doctor names it, and the next set-up repairs it and nothing
/// else.
#[test]
fn damage_is_found_and_repaired() {
    const PACKAGES: &str = ".venv/lib/python3/site-packages";
    let packages = |path: &str| format!("{PACKAGES}/{path}");
    let cases: [(String, &str, &[&str]); 13] = [
        (packages("pyzmq"), "pyzmq 27.1.0: ", &["pip jupyter"]),
        (
            packages("jupyterlab/version.py"),
            "jupyterlab 4.6.6: ",
            &["pip jupyter"],
        ),
        (
            packages("pyzmq-27.1.0.dist-info"),
            "pyzmq 27.1.0: ",
            &["pip jupyter"],
        ),
        (
            ".venv/bin/jupyterlab".to_owned(),
            "bin/jupyterlab is missing",
            &["pip jupyter"],
        ),
        (
            packages("torch/lib/libtorch_cpu.so"),
            "torch 2.13.0: ",
            &["pip torch-small"],
        ),
        (packages("torch"), "not installed", &["pip torch-small"]),
        (
            ".venv/bin/evcxr_jupyter".to_owned(),
            "evcxr_jupyter is missing",
            &["cargo install"],
        ),
        (
            ".venv/bin/evcxr-prewarm".to_owned(),
            "evcxr-prewarm is missing",
            &["cargo build"],
        ),
        (
            ".venv/share/jupyter/kernels/rust".to_owned(),
            "kernelspec",
            &[],
        ),
        ("target/kernel/bin/rustc".to_owned(), "kernelspec", &[]),
        ("target/kernel/settings.json".to_owned(), "kernelspec", &[]),
        (
            "target/kernel/template/Cargo.lock.crate".to_owned(),
            "Cargo.lock.crate is missing",
            &["template"],
        ),
        (
            "target/kernel/template/target".to_owned(),
            "template/target is missing",
            &["template"],
        ),
    ];
    let machine = Machine::new();
    machine.write_data();
    assert_done(&machine, &machine.setup());
    machine.take_log();
    for (path, message, steps) in &cases {
        let damaged = machine.root.join(path);
        if damaged.is_dir() {
            fs::remove_dir_all(&damaged).unwrap();
        } else {
            fs::remove_file(&damaged).unwrap();
        }
        assert_is_repaired(&machine, path, message, steps);
    }
    for (path, message, steps) in cases {
        let damaged = machine.root.join(&path);
        if damaged.is_file() && !path.ends_with(".json") && !path.contains("kernel/bin") {
            let content = fs::read(&damaged).unwrap();
            // The sizes of programs in bin are not checked, only that they are not empty.
            let length = if path == ".venv/bin/jupyterlab" {
                0
            } else {
                content.len() - 1
            };
            fs::write(&damaged, &content[..length]).unwrap();
            let message = message.replace("is missing", "");
            assert_is_repaired(&machine, &path, message.trim(), steps);
        }
    }
}

fn assert_is_repaired(machine: &Machine, path: &str, message: &str, steps: &[&str]) {
    let doctor = machine.xtask(&["doctor"]).output().unwrap();
    let printed = stdout(&doctor);
    assert!(!doctor.status.success(), "{path}: {printed}");
    let lines: Vec<_> = printed
        .lines()
        .filter(|line| line.contains(message))
        .collect();
    let is_advice = |line: &&str| line.contains("MISSING") && line.contains("cargo xtask setup");
    assert!(lines.iter().any(is_advice), "{path}: {printed}");
    assert!(printed.contains("not tried"), "{path}: {printed}");
    assert_done(machine, &machine.setup());
    assert_eq!(machine.take_log(), steps, "{path}");
    let doctor = machine.xtask(&["doctor"]).output().unwrap();
    assert!(doctor.status.success(), "{path}: {}", stdout(&doctor));
}

#[test]
fn only_the_damaged_package_is_installed_again() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    let packages = ".venv/lib/python3/site-packages";
    let other = format!("{packages}/jupyterlab/lib/libjupyterlab_cpu.so");
    // It has the size of the installed file.
    machine.write(&other, "other\n");
    fs::remove_dir_all(machine.root.join(packages).join("pyzmq")).unwrap();
    let output = machine.setup();
    assert_done(&machine, &output);
    let printed = stdout(&output);
    assert!(
        printed.contains("downloading again what is damaged: pyzmq 27.1.0"),
        "{printed}"
    );
    let kept = fs::read_to_string(machine.root.join(other)).unwrap();
    assert_eq!(kept, "other\n");
}

#[test]
fn a_repair_without_network_is_done_by_the_next_set_up() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    let library = ".venv/lib/python3/site-packages/torch/lib/libtorch_cpu.so";
    fs::remove_file(machine.root.join(library)).unwrap();
    let mut setup = machine.xtask(&["setup"]);
    let output = setup.env("FAKE_NO_NETWORK", "1").output().unwrap();
    assert_refused(&output, &["libtorch", "registry cannot be reached"]);
    machine.take_log();
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), ["pip torch-small"]);
}
