//! Which libtorch is installed: by the GPU, by GASSHUKU_TORCH, by LIBTORCH.

use std::fs;
use std::os::unix::fs::symlink;

use crate::machine::{Machine, assert_done, assert_refused, stdout};

#[test]
fn cuda_is_added_and_not_removed_again() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.take_log();
    let cuda = machine
        .xtask(&["setup"])
        .env("GASSHUKU_TORCH", "cuda")
        .output()
        .unwrap();
    assert_done(&machine, &cuda);
    assert_eq!(machine.take_log(), ["pip torch-cuda"]);
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), Vec::<String>::new());
}

/// The libtorch that is installed when the user says nothing about it, and what set-up prints.
fn libtorch_by_default(machine: &Machine) -> (String, String) {
    let mut setup = machine.xtask(&["setup"]);
    let output = setup.env_remove("GASSHUKU_TORCH").output().unwrap();
    assert_done(machine, &output);
    let done = machine.take_log();
    let pip = done.iter().find(|line| line.starts_with("pip torch"));
    (pip.unwrap().clone(), stdout(&output))
}

#[test]
fn with_a_gpu_cuda_is_installed() {
    // Older drivers do not tell the capability.
    for capability in ["echo 7.5", "echo 9.0", "exit 2"] {
        let machine = Machine::new();
        machine.add_gpu("NVIDIA H200", capability, "echo 580.65.06");
        assert_eq!(
            libtorch_by_default(&machine).0,
            "pip torch-cuda",
            "{capability}"
        );
    }
}

#[test]
fn for_a_gpu_that_is_too_old_cuda_is_not_installed() {
    let machine = Machine::new();
    machine.add_gpu("Tesla P100-PCIE-16GB", "echo 6.0", "echo 580.65.06");
    let (pip, printed) = libtorch_by_default(&machine);
    assert_eq!(pip, "pip torch-small");
    let words =
        "Tesla P100-PCIE-16GB has compute capability 6.0, and this libtorch computes on 7.5";
    assert!(printed.contains(words), "{printed}");
    let doctor = machine.xtask(&["doctor"]).output().unwrap();
    let printed = stdout(&doctor);
    assert!(
        printed.contains(&format!("note     GPU               GPU 0: {words}")),
        "{printed}"
    );
}

/// As in WSL beside a card of another maker, where Windows has once had NVIDIA's driver.
#[test]
fn for_a_driver_without_a_gpu_cuda_is_not_installed() {
    let machine = Machine::new();
    machine.add_program(
        "nvidia-smi",
        "#!/bin/sh\necho 'No devices were found'\nexit 6\n",
    );
    assert_eq!(libtorch_by_default(&machine).0, "pip torch-small");
}

#[test]
fn an_unknown_gasshuku_torch_is_refused() {
    let machine = Machine::new();
    let output = machine
        .xtask(&["setup"])
        .env("GASSHUKU_TORCH", "gpu")
        .output()
        .unwrap();
    assert_refused(&output, &["GASSHUKU_TORCH is `gpu`", "cpu or cuda"]);
}

#[test]
fn the_libtorch_that_the_user_names_is_used_or_refused() {
    let machine = Machine::new();
    let own = machine.root.join("own");
    let setup = || {
        machine
            .xtask(&["setup"])
            .env("LIBTORCH", &own)
            .output()
            .unwrap()
    };
    assert_refused(
        &setup(),
        &["LIBTORCH", "is not a libtorch", "unset LIBTORCH"],
    );
    machine.write("own/build-version", "2.12.0+cpu");
    assert_refused(&setup(), &["libtorch 2.12.0", "2.13.0"]);
    machine.write("own/build-version", "2.13.0+cpu");
    machine.write("own/version.py", "2.13.0");
    assert_refused(&setup(), &["libtorch_cpu", "is missing", "unset LIBTORCH"]);
    let library = format!("own/lib/libtorch_cpu{}", std::env::consts::DLL_SUFFIX);
    machine.write(&library, "whole");
    assert_done(&machine, &setup());
    assert_eq!(
        machine.take_log(),
        [
            "cargo build",
            "cargo install",
            "pip jupyter",
            "template",
            "venv"
        ]
    );
    assert_eq!(
        fs::read_link(machine.root.join("target/libtorch")).unwrap(),
        own
    );
}

/// cargo sets LIBTORCH for `cargo xtask` itself, from .cargo/config.toml.
#[test]
fn the_libtorch_that_cargo_names_does_not_count_as_named_by_the_user() {
    let machine = Machine::new();
    machine.write("target/.keep", "");
    symlink(&machine.root, machine.root.join("another-way")).unwrap();
    let path = machine.root.join("another-way/target/libtorch");
    let output = machine
        .xtask(&["setup"])
        .env("LIBTORCH", path)
        .output()
        .unwrap();
    assert_done(&machine, &output);
    assert!(machine.take_log().contains(&"pip torch-small".to_owned()));
}
