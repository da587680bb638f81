//! What `cargo xtask doctor` prints.

use crate::machine::{Machine, assert_done, stdout};

#[test]
fn drivers_that_are_good_too_old_or_silent_are_told_apart() {
    for (driver, expected) in [
        (
            "echo 580.65.06",
            "ok       GPU               GPU 0: NVIDIA H100, driver 580.65.06",
        ),
        (
            "echo 535.104.05",
            "535.104.05 is too old for CUDA 13: install 580 or later",
        ),
        ("exit 9", "its driver does not answer"),
    ] {
        let machine = Machine::new();
        machine.add_gpu("NVIDIA H100", "echo 9.0", driver);
        let output = machine.xtask(&["doctor"]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn a_kernel_that_does_not_answer_is_reported() {
    let machine = Machine::new();
    machine.write_data();
    assert_done(&machine, &machine.setup());
    let doctor = machine.xtask(&["doctor"]).output().unwrap();
    assert!(doctor.status.success());
    let printed = stdout(&doctor);
    assert!(
        printed.contains("a cell            a kernel answered a cell 3.9 s"),
        "{printed}"
    );
    let mut doctor = machine.xtask(&["doctor"]);
    let doctor = doctor.env("FAKE_TRY_FAILS", "no answer").output().unwrap();
    assert!(!doctor.status.success());
    let printed = stdout(&doctor);
    assert!(
        printed.contains("no answer. Run `cargo xtask setup`"),
        "{printed}"
    );
}

#[test]
fn what_to_do_is_printed() {
    let machine = Machine::new();
    let before = machine.xtask(&["doctor"]).output().unwrap();
    assert!(!before.status.success());
    assert!(stdout(&before).contains("run `cargo xtask setup`"));
    assert_eq!(
        machine.take_log(),
        Vec::<String>::new(),
        "doctor changes nothing"
    );
    assert_done(&machine, &machine.setup());
    machine.write_data();
    let after = machine.xtask(&["doctor"]).output().unwrap();
    assert!(after.status.success(), "{}", stdout(&after));
    machine.remove_program("c++");
    let without = machine.xtask(&["doctor"]).output().unwrap();
    assert!(!without.status.success());
    assert!(stdout(&without).contains("no C++ compiler"));
}
