//! Commands that run set-up first, or undo it.

use crate::machine::{EVERYTHING, Machine, assert_done};

#[test]
fn lab_passes_its_arguments_on() {
    let machine = Machine::new();
    let lab = machine
        .xtask(&["lab", "--no-browser", "--port", "8890"])
        .output()
        .unwrap();
    assert_done(&machine, &lab);
    let done = machine.take_log();
    let line = done.iter().find(|line| line.starts_with("lab")).unwrap();
    assert!(line.ends_with("--no-browser --port 8890"), "{line}");
}

#[test]
fn set_up_makes_again_what_clean_removes() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.take_log();
    assert!(machine.xtask(&["clean"]).output().unwrap().status.success());
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), ["template"]);
    assert!(
        machine
            .xtask(&["clean", "--all"])
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(!machine.root.join(".venv").exists());
    assert!(machine.root.join("notebooks/01_load.ipynb").exists());
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), EVERYTHING);
}
