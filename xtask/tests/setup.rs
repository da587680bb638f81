//! Set-up: what it refuses, and how it goes on after an interruption.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::process::{Command, Output};

use support::{Machine, find, stderr, stdout, until};

const EVERYTHING: [&str; 6] = [
    "cargo build",
    "cargo install",
    "pip jupyter",
    "pip torch-small",
    "template",
    "venv",
];

fn assert_refused(output: &Output, words: &[&str]) {
    let said = stderr(output);
    assert!(!output.status.success(), "{said}");
    assert_eq!(
        said.trim_end().lines().count(),
        1,
        "one sentence is enough: {said}"
    );
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

fn assert_done(machine: &Machine, output: &Output) {
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

#[test]
fn everything_is_done_once() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), EVERYTHING);
    let again = machine.setup();
    assert_done(&machine, &again);
    assert_eq!(machine.done(), Vec::<String>::new());
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
        machine.done();
        // What set-up has left running ends first: the next one waits for it.
        assert_done(&machine, &machine.setup());
        let done = machine.done();
        for wanted in least {
            assert!(
                done.iter().any(|line| line == wanted),
                "{step}: no {wanted} in {done:?}"
            );
        }
        assert_done(&machine, &machine.setup());
        assert_eq!(machine.done(), Vec::<String>::new(), "{step}");
    }
}

#[test]
fn a_missing_mark_is_a_step_to_do() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    // A new .venv has its libtorch where the old one had it: the kernel's crate stays, evcxr_jupyter too.
    let all_but_the_template = ["cargo build", "pip jupyter", "pip torch-small", "venv"];
    let marks: [(&str, &[&str]); 7] = [
        (".venv/gasshuku/venv", &all_but_the_template),
        (".venv/gasshuku/packages", &["pip jupyter"]),
        (".venv/gasshuku/libtorch", &["pip torch-small"]),
        (".venv/gasshuku/evcxr", &["cargo install"]),
        (".venv/gasshuku/launcher", &["cargo build"]),
        ("target/kernel/template/made-by", &["template"]),
        ("target/kernel/template/made-from", &["template"]),
    ];
    for (mark, expected) in marks {
        machine.done();
        fs::remove_file(machine.root.join(mark)).unwrap();
        assert_done(&machine, &machine.setup());
        assert_eq!(machine.done(), expected, "{mark}");
    }
}

#[test]
fn half_a_venv_is_replaced() {
    let machine = Machine::new();
    machine.write(".venv/bin/python", "#!/bin/sh\nexit 1\n");
    machine.write(".venv/left/over", "");
    assert_done(&machine, &machine.setup());
    assert!(!machine.root.join(".venv/left").exists());
}

#[test]
fn a_venv_whose_python_has_gone_keeps_its_packages() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.done();
    fs::remove_file(machine.root.join(".venv/bin/python")).unwrap();
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), ["venv repaired"]);
}

#[test]
fn another_python_needs_other_packages_and_no_other_evcxr() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.done();
    fs::remove_file(machine.root.join(".venv/bin/python")).unwrap();
    let mut setup = machine.xtask(&["setup"]);
    assert_done(
        &machine,
        &setup.env("FAKE_PYTHON", "3.12.1").output().unwrap(),
    );
    let done = machine.done();
    assert!(done.contains(&"pip jupyter".to_owned()), "{done:?}");
    assert!(!done.contains(&"cargo install".to_owned()), "{done:?}");
}

/// What was compiled knows the old place by its whole path; the rest stays.
#[test]
fn a_clone_that_was_moved_downloads_nothing() {
    let mut machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.done();
    let script = format!("#!{}/.venv/bin/python\nprint()\n", machine.root.display());
    machine.write(".venv/bin/jupyter", &script);
    let there = machine.root.with_file_name("moved");
    fs::rename(&machine.root, &there).unwrap();
    machine.root = there;
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), ["template", "venv repaired"]);
    let read = |path: &str| fs::read_to_string(machine.root.join(path)).unwrap();
    let script = read(".venv/bin/jupyter");
    let python = format!("#!{}/.venv/bin/python\n", machine.root.display());
    assert_eq!(script, format!("{python}print()\n"));
    let root = machine.root.display().to_string();
    assert!(read(".venv/share/jupyter/kernels/rust/kernel.json").contains(&root));
}

#[test]
fn a_changed_input_is_a_step_to_do() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    let inputs: [(&str, &[&str]); 4] = [
        ("crate/src/lib.rs", &["template"]),
        ("kernel/src/lib.rs", &["cargo build"]),
        ("xtask/python/jupyter.txt", &["pip jupyter"]),
        ("xtask/python/torch-small.txt", &["pip torch-small"]),
    ];
    for (input, expected) in inputs {
        machine.done();
        let path = machine.root.join(input);
        let before = fs::read_to_string(&path).unwrap_or_default();
        machine.write(input, &format!("{before}# changed\n"));
        assert_done(&machine, &machine.setup());
        assert_eq!(machine.done(), expected, "{input}");
    }
}

#[test]
fn cuda_is_added_and_never_taken_back() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.done();
    let cuda = machine
        .xtask(&["setup"])
        .env("GASSHUKU_TORCH", "cuda")
        .output()
        .unwrap();
    assert_done(&machine, &cuda);
    assert_eq!(machine.done(), ["pip torch-cuda"]);
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), Vec::<String>::new());
}

/// A driver's program that lists one GPU, and answers the questions about it.
fn with_gpu(machine: &Machine, name: &str, capability: &str, driver: &str) {
    let script = format!(
        "#!/bin/sh\ncase $1 in\n-L) echo 'GPU 0: {name} (UUID: GPU-1)' ;;\n\
         *compute_cap) {capability} ;;\n*driver_version) {driver} ;;\nesac\n"
    );
    program(machine, "nvidia-smi", &script);
}

fn program(machine: &Machine, name: &str, script: &str) {
    let path = machine.bin.join(name);
    fs::write(&path, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, mode).unwrap();
}

#[test]
fn doctor_tells_a_good_driver_from_an_old_one_and_a_silent_one() {
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
        with_gpu(&machine, "NVIDIA H100", "echo 9.0", driver);
        let output = machine.xtask(&["doctor"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(expected), "{said}");
    }
}

/// What libtorch is installed on a machine that nobody has said anything of.
fn of_its_own_choice(machine: &Machine) -> (String, String) {
    let mut setup = machine.xtask(&["setup"]);
    let output = setup.env_remove("GASSHUKU_TORCH").output().unwrap();
    assert_done(machine, &output);
    let done = machine.done();
    let pip = done.iter().find(|line| line.starts_with("pip torch"));
    (pip.unwrap().clone(), stdout(&output))
}

#[test]
fn a_gpu_asks_for_cuda() {
    // A driver of some years ago does not tell the capability.
    for capability in ["echo 7.5", "echo 9.0", "exit 2"] {
        let machine = Machine::new();
        with_gpu(&machine, "NVIDIA H200", capability, "echo 580.65.06");
        assert_eq!(
            of_its_own_choice(&machine).0,
            "pip torch-cuda",
            "{capability}"
        );
    }
}

#[test]
fn too_old_a_gpu_is_told_and_asks_for_no_cuda() {
    let machine = Machine::new();
    with_gpu(
        &machine,
        "Tesla P100-PCIE-16GB",
        "echo 6.0",
        "echo 580.65.06",
    );
    let (pip, said) = of_its_own_choice(&machine);
    assert_eq!(pip, "pip torch-small");
    let words =
        "Tesla P100-PCIE-16GB has compute capability 6.0, and this libtorch computes on 7.5";
    assert!(said.contains(words), "{said}");
    let doctor = machine.xtask(&["doctor"]).output().unwrap();
    let said = stdout(&doctor);
    assert!(
        said.contains(&format!("note     GPU               GPU 0: {words}")),
        "{said}"
    );
}

/// As in WSL beside a card of another maker, where Windows has once had NVIDIA's driver.
#[test]
fn a_driver_without_a_gpu_asks_for_no_cuda() {
    let machine = Machine::new();
    program(
        &machine,
        "nvidia-smi",
        "#!/bin/sh\necho 'No devices were found'\nexit 6\n",
    );
    assert_eq!(of_its_own_choice(&machine).0, "pip torch-small");
}

#[test]
fn two_at_once_do_everything_once() {
    let machine = Machine::new();
    let setups: Vec<_> = (0..2)
        .map(|_| {
            let mut command = machine.xtask(&["setup"]);
            command
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for setup in setups {
        assert_done(&machine, &setup.wait_with_output().unwrap());
    }
    assert_eq!(machine.done(), EVERYTHING);
}

#[test]
fn the_second_says_that_it_waits() {
    let machine = Machine::new();
    machine.write("target/setup.lock", "");
    let lock = fs::File::open(machine.root.join("target/setup.lock")).unwrap();
    lock.lock().unwrap();
    let said = machine.root.join("said");
    let mut command = machine.xtask(&["setup"]);
    let mut setup = command
        .stdout(fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    until("the second set-up says that it waits", || {
        fs::read_to_string(&said)
            .unwrap()
            .contains("waiting for it to end")
    });
    assert_eq!(machine.done(), Vec::<String>::new());
    lock.unlock().unwrap();
    assert!(setup.wait().unwrap().success());
    assert_eq!(machine.done(), EVERYTHING);
}

#[test]
fn lab_hands_its_arguments_on() {
    let machine = Machine::new();
    let lab = machine
        .xtask(&["lab", "--no-browser", "--port", "8890"])
        .output()
        .unwrap();
    assert_done(&machine, &lab);
    let done = machine.done();
    let line = done.iter().find(|line| line.starts_with("lab")).unwrap();
    assert!(line.ends_with("--no-browser --port 8890"), "{line}");
}

#[test]
fn too_old_a_rust_is_refused() {
    let machine = Machine::new();
    let output = machine
        .xtask(&["setup"])
        .env("FAKE_RUST", "1.94.1")
        .output()
        .unwrap();
    assert_refused(&output, &["Rust 1.94.1", "1.95", "rustup update"]);
}

#[test]
fn a_rust_without_its_shared_library_is_refused() {
    let machine = Machine::new();
    machine.write("rust/lib/rustlib/x86_64/lib/libstd-1.rlib", "");
    let sysroot = machine.root.join("rust");
    let setup = || {
        machine
            .xtask(&["setup"])
            .env("FAKE_SYSROOT", &sysroot)
            .output()
    };
    assert_refused(&setup().unwrap(), &["libstd", "rustup.rs"]);
    assert_eq!(
        machine.done(),
        Vec::<String>::new(),
        "nothing was downloaded"
    );
    machine.write("rust/lib/rustlib/x86_64/lib/libstd-1.so", "");
    assert_done(&machine, &setup().unwrap());
}

#[test]
fn no_compiler_is_refused() {
    let machine = Machine::new();
    machine.remove_program("c++");
    assert_refused(&machine.setup(), &["no C++ compiler"]);
}

#[test]
fn a_compiler_that_cannot_is_refused() {
    let machine = Machine::new();
    let errors = [
        (
            "unrecognized command line option '-std=c++17'",
            "-std=c++17",
        ),
        ("ld: cannot find -lgomp", "libgomp"),
    ];
    for (error, word) in errors {
        let output = machine
            .xtask(&["setup"])
            .env("FAKE_COMPILER_ERROR", error)
            .output()
            .unwrap();
        assert_refused(&output, &[word]);
    }
}

#[test]
fn no_python_and_the_wrong_ones_are_refused() {
    let machine = Machine::new();
    for (version, word) in [("3.9.18", "3.10 or newer"), ("3.15.0", "3.10 to 3.14")] {
        let output = machine
            .xtask(&["setup"])
            .env("FAKE_PYTHON", version)
            .output()
            .unwrap();
        assert_refused(&output, &[version, word]);
    }
    let output = machine
        .xtask(&["setup"])
        .env("FAKE_NO_VENV", "1")
        .output()
        .unwrap();
    assert_refused(&output, &["without venv", "apt install python3.11-venv"]);
    let output = machine
        .xtask(&["setup"])
        .env("GASSHUKU_PYTHON", "python9")
        .output()
        .unwrap();
    assert_refused(&output, &["GASSHUKU_PYTHON", "python9"]);
    machine.remove_program("python3");
    assert_refused(&machine.setup(), &["no python3 is on PATH"]);
}

#[test]
fn a_full_disk_is_refused() {
    let machine = Machine::new();
    let output = machine
        .xtask(&["setup"])
        .env("FAKE_ROOM", "1000000")
        .output()
        .unwrap();
    assert_refused(&output, &["needs", "1.0 GB are free"]);
    assert_eq!(machine.done(), Vec::<String>::new());
}

#[test]
fn no_network_is_told_in_a_sentence() {
    let machine = Machine::new();
    let output = machine
        .xtask(&["setup"])
        .env("FAKE_NO_NETWORK", "1")
        .output()
        .unwrap();
    assert_refused(&output, &["Python packages", "registry cannot be reached"]);
    machine.done();
    assert_done(&machine, &machine.setup());
}

/// With the real pip, at a port where nobody listens.
#[test]
fn pip_without_network_is_understood() {
    let machine = Machine::new();
    let python = find("python3").unwrap();
    let real = Command::new(python)
        .args([
            "-c",
            "import sys; print(getattr(sys, '_base_executable', sys.executable))",
        ])
        .output()
        .unwrap();
    machine.remove_program("python3");
    std::os::unix::fs::symlink(stdout(&real).trim(), machine.bin.join("python3")).unwrap();
    machine.write(
        "xtask/python/jupyter.txt",
        &format!("jupyterlab==4.6.6 --hash=sha256:{:064}", 0),
    );
    let output = machine
        .xtask(&["setup"])
        .env("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
        .env("PIP_RETRIES", "1")
        .env("PIP_CONFIG_FILE", "/dev/null")
        .output()
        .unwrap();
    assert_refused(&output, &["Python packages", "registry cannot be reached"]);
}

#[test]
fn a_word_that_is_no_flavour_is_refused() {
    let machine = Machine::new();
    let output = machine
        .xtask(&["setup"])
        .env("GASSHUKU_TORCH", "gpu")
        .output()
        .unwrap();
    assert_refused(&output, &["GASSHUKU_TORCH is `gpu`", "cpu or cuda"]);
}

#[test]
fn libtorch_of_ones_own_is_used_or_refused() {
    let machine = Machine::new();
    let own = machine.root.join("own");
    let setup = || {
        machine
            .xtask(&["setup"])
            .env("LIBTORCH", &own)
            .output()
            .unwrap()
    };
    assert_refused(&setup(), &["LIBTORCH", "is no libtorch", "unset LIBTORCH"]);
    machine.write("own/build-version", "2.12.0+cpu");
    assert_refused(&setup(), &["libtorch 2.12.0", "2.13.0"]);
    machine.write("own/build-version", "2.13.0+cpu");
    machine.write("own/version.py", "2.13.0");
    assert_refused(&setup(), &["libtorch_cpu", "is missing", "unset LIBTORCH"]);
    let library = format!("own/lib/libtorch_cpu{}", std::env::consts::DLL_SUFFIX);
    machine.write(&library, "whole");
    assert_done(&machine, &setup());
    assert_eq!(
        machine.done(),
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
fn the_path_that_cargo_sets_is_not_taken_for_ones_own() {
    let machine = Machine::new();
    machine.write("target/.keep", "");
    std::os::unix::fs::symlink(&machine.root, machine.root.join("another-way")).unwrap();
    let path = machine.root.join("another-way/target/libtorch");
    let output = machine
        .xtask(&["setup"])
        .env("LIBTORCH", path)
        .output()
        .unwrap();
    assert_done(&machine, &output);
    assert!(machine.done().contains(&"pip torch-small".to_owned()));
}

/// Damages one thing by hand, after set-up: doctor names it, and the next set-up mends it and no more.
#[test]
fn what_was_damaged_is_found_and_mended() {
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
    machine.done();
    for (path, words, steps) in &cases {
        let damaged = machine.root.join(path);
        if damaged.is_dir() {
            fs::remove_dir_all(&damaged).unwrap();
        } else {
            fs::remove_file(&damaged).unwrap();
        }
        assert_is_mended(&machine, path, words, steps);
    }
    for (path, words, steps) in cases {
        let damaged = machine.root.join(&path);
        if damaged.is_file() && !path.ends_with(".json") && !path.contains("kernel/bin") {
            let whole = fs::read(&damaged).unwrap();
            // Of programs in bin it is only seen that they are not empty.
            let left = if path == ".venv/bin/jupyterlab" {
                0
            } else {
                whole.len() - 1
            };
            fs::write(&damaged, &whole[..left]).unwrap();
            let words = words.replace("is missing", "");
            assert_is_mended(&machine, &path, words.trim(), steps);
        }
    }
}

fn assert_is_mended(machine: &Machine, path: &str, words: &str, steps: &[&str]) {
    let doctor = machine.xtask(&["doctor"]).output().unwrap();
    let said = stdout(&doctor);
    assert!(!doctor.status.success(), "{path}: {said}");
    let lines: Vec<_> = said.lines().filter(|line| line.contains(words)).collect();
    let is_told = |line: &&str| line.contains("MISSING") && line.contains("cargo xtask setup");
    assert!(lines.iter().any(is_told), "{path}: {said}");
    assert!(said.contains("not tried"), "{path}: {said}");
    assert_done(machine, &machine.setup());
    assert_eq!(machine.done(), steps, "{path}");
    let doctor = machine.xtask(&["doctor"]).output().unwrap();
    assert!(doctor.status.success(), "{path}: {}", stdout(&doctor));
}

#[test]
fn only_the_damaged_package_is_installed_again() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    let packages = ".venv/lib/python3/site-packages";
    let other = format!("{packages}/jupyterlab/lib/libjupyterlab_cpu.so");
    // As long as the one that was installed.
    machine.write(&other, "other\n");
    fs::remove_dir_all(machine.root.join(packages).join("pyzmq")).unwrap();
    let output = machine.setup();
    assert_done(&machine, &output);
    let said = stdout(&output);
    assert!(
        said.contains("downloading again what is damaged: pyzmq 27.1.0"),
        "{said}"
    );
    let kept = fs::read_to_string(machine.root.join(other)).unwrap();
    assert_eq!(kept, "other\n");
}

#[test]
fn pip_is_put_back_where_it_has_gone() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.done();
    machine.write(".venv/no-pip", "");
    fs::remove_dir_all(machine.root.join(".venv/lib/python3/site-packages/pyzmq")).unwrap();
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), ["ensurepip", "pip jupyter"]);
}

#[test]
fn a_repair_without_network_is_taken_up_again() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    let library = ".venv/lib/python3/site-packages/torch/lib/libtorch_cpu.so";
    fs::remove_file(machine.root.join(library)).unwrap();
    let mut setup = machine.xtask(&["setup"]);
    let output = setup.env("FAKE_NO_NETWORK", "1").output().unwrap();
    assert_refused(&output, &["libtorch", "registry cannot be reached"]);
    machine.done();
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), ["pip torch-small"]);
}

/// It has noted the version only.
#[test]
fn an_evcxr_of_an_earlier_setup_is_kept_if_it_runs() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.done();
    machine.write(".venv/gasshuku/evcxr", "0.22.0");
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), Vec::<String>::new());
    machine.write(".venv/gasshuku/evcxr", "0.22.0");
    machine.write(".venv/bin/evcxr_jupyter", "#!/bin/sh\nexit 1\n");
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), ["cargo install"]);
}

#[test]
fn doctor_tells_that_a_kernel_does_not_answer() {
    let machine = Machine::new();
    machine.write_data();
    assert_done(&machine, &machine.setup());
    let doctor = machine.xtask(&["doctor"]).output().unwrap();
    assert!(doctor.status.success());
    let said = stdout(&doctor);
    assert!(
        said.contains("a cell            a kernel answered a cell 3.9 s"),
        "{said}"
    );
    let mut doctor = machine.xtask(&["doctor"]);
    let doctor = doctor.env("FAKE_TRY_FAILS", "no answer").output().unwrap();
    assert!(!doctor.status.success());
    let said = stdout(&doctor);
    assert!(
        said.contains("no answer. Run `cargo xtask setup`"),
        "{said}"
    );
}

#[test]
fn doctor_says_what_to_do() {
    let machine = Machine::new();
    let before = machine.xtask(&["doctor"]).output().unwrap();
    assert!(!before.status.success());
    assert!(stdout(&before).contains("run `cargo xtask setup`"));
    assert_eq!(
        machine.done(),
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

/// Cleans while a lock is held, and lets it go when it is said that it is waited for.
fn clean_waits_for(lock: &str, is_shared: bool, words: &str) {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    let path = machine.root.join(lock);
    // Shared locks are taken on files that are open for reading.
    let lock = if is_shared {
        let lock = fs::File::open(&path).unwrap();
        lock.lock_shared().unwrap();
        lock
    } else {
        let lock = fs::File::create(&path).unwrap();
        lock.lock().unwrap();
        lock
    };
    let said = machine.root.join("said");
    let mut clean = machine.xtask(&["clean"]);
    let mut clean = clean
        .stdout(fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    until("it says that it waits", || {
        fs::read_to_string(&said).unwrap().contains(words)
    });
    let template = machine.root.join("target/kernel/template");
    assert!(template.exists());
    lock.unlock().unwrap();
    assert!(clean.wait().unwrap().success());
    assert!(!template.exists());
}

#[test]
fn clean_waits_for_set_up_and_for_kernels_that_start() {
    clean_waits_for("target/setup.lock", false, "another set-up is at work");
    clean_waits_for("target/kernel/template.lock", true, "a kernel is starting");
}

#[test]
fn clean_leaves_nothing_that_setup_cannot_make_again() {
    let machine = Machine::new();
    assert_done(&machine, &machine.setup());
    machine.done();
    assert!(machine.xtask(&["clean"]).output().unwrap().status.success());
    assert_done(&machine, &machine.setup());
    assert_eq!(machine.done(), ["template"]);
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
    assert_eq!(machine.done(), EVERYTHING);
}
