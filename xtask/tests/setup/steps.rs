//! Set-up does each step once, and continues after an interruption.

use std::fs;

use crate::machine::{EVERYTHING, Machine, assert_done, stdout};

#[test]
fn everything_is_done_once() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), EVERYTHING);
    let again = machine.setup();
    assert_done(&machine, &again);
    assert_eq!(machine.take_log(), Vec::<String>::new());
    assert_eq!(stdout(&again), "");
}

#[test]
fn a_killed_step_is_repaired() {
    let steps: [(&str, &[&str]); 5] = [
        ("venv", &EVERYTHING),
        ("jupyter", &["pip jupyter", "pip torch-small", "template"]),
        ("torch-small", &["pip torch-small", "template"]),
        ("evcxr", &["cargo build", "cargo install", "template"]),
        ("template", &["template"]),
    ];
    for (step, least) in steps {
        let machine = Machine::new();
        let killed = machine
            .xtask(&["setup"])
            .env("FAKE_KILL", step)
            .output()
            .unwrap();
        assert!(!killed.status.success(), "{step}: set-up was not killed");
        machine.take_log();
        // What set-up has left running ends first: the next one waits for it.
        assert_done(&machine, &machine.setup());
        let done = machine.take_log();
        for wanted in least {
            assert!(
                done.iter().any(|line| line == wanted),
                "{step}: no {wanted} in {done:?}"
            );
        }
        assert_done(&machine, &machine.setup());
        assert_eq!(machine.take_log(), Vec::<String>::new(), "{step}");
    }
}

#[test]
fn a_step_without_its_stamp_is_done_again() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    // A new .venv has its libtorch where the old one had it: the kernel's crate stays, evcxr_jupyter too.
    let all_but_the_template = ["cargo build", "pip jupyter", "pip torch-small", "venv"];
    let stamps: [(&str, &[&str]); 7] = [
        (".venv/gasshuku/venv", &all_but_the_template),
        (".venv/gasshuku/packages", &["pip jupyter"]),
        (".venv/gasshuku/libtorch", &["pip torch-small"]),
        (".venv/gasshuku/evcxr", &["cargo install"]),
        (".venv/gasshuku/launcher", &["cargo build"]),
        ("target/kernel/template/made-by", &["template"]),
        ("target/kernel/template/made-from", &["template"]),
    ];
    for (stamp, expected) in stamps {
        machine.take_log();
        fs::remove_file(machine.root.join(stamp)).unwrap();
        assert_done(&machine, &machine.setup());
        assert_eq!(machine.take_log(), expected, "{stamp}");
    }
}

#[test]
fn a_step_whose_input_has_changed_is_done_again() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    let inputs: [(&str, &[&str]); 4] = [
        ("crate/src/lib.rs", &["template"]),
        ("kernel/src/lib.rs", &["cargo build"]),
        ("xtask/python/jupyter.txt", &["pip jupyter"]),
        ("xtask/python/torch-small.txt", &["pip torch-small"]),
    ];
    for (input, expected) in inputs {
        machine.take_log();
        let path = machine.root.join(input);
        let before = fs::read_to_string(&path).unwrap_or_default();
        machine.write(input, &format!("{before}# changed\n"));
        assert_done(&machine, &machine.setup());
        assert_eq!(machine.take_log(), expected, "{input}");
    }
}

/// What was compiled knows the old place by its whole path; the rest stays.
#[test]
fn a_clone_that_was_moved_downloads_nothing() {
    let mut machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.take_log();
    let script = format!("#!{}/.venv/bin/python\nprint()\n", machine.root.display());
    machine.write(".venv/bin/jupyter", &script);
    let there = machine.root.with_file_name("moved");
    fs::rename(&machine.root, &there).unwrap();
    machine.root = there;
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), ["template", "venv repaired"]);
    let read = |path: &str| fs::read_to_string(machine.root.join(path)).unwrap();
    let script = read(".venv/bin/jupyter");
    let python = format!("#!{}/.venv/bin/python\n", machine.root.display());
    assert_eq!(script, format!("{python}print()\n"));
    let root = machine.root.display().to_string();
    assert!(read(".venv/share/jupyter/kernels/rust/kernel.json").contains(&root));
}

/// It has noted the version only.
#[test]
fn an_evcxr_of_an_earlier_setup_is_kept_if_it_runs() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.take_log();
    machine.write(".venv/gasshuku/evcxr", "0.22.0");
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), Vec::<String>::new());
    machine.write(".venv/gasshuku/evcxr", "0.22.0");
    machine.write(".venv/bin/evcxr_jupyter", "#!/bin/sh\nexit 1\n");
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.take_log(), ["cargo install"]);
}
