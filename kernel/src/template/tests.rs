use super::build::begin;
use super::*;
use crate::cached_call;

const CRATE: &str = "target/debug/deps/libtch.rlib";

struct Machine {
    _folder: tempfile::TempDir,
    home: Home,
    settings: Settings,
}

impl Machine {
    /// With a template as after set-up.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let machine = Self {
            home: Home::at(&root.join("home")),
            settings: Settings {
                crate_name: "three-lines".to_owned(),
                crate_folder: root.join("crate"),
                lock_file: root.join("Cargo.lock"),
                ..Settings::default()
            },
            _folder: folder,
        };
        write(&root.join("crate/src/lib.rs"), "fn a() {}");
        write(&root.join("Cargo.lock"), "a lock file");
        machine.write(CRATE, "compiled");
        machine.write("target/library/libcrates.so", "linked");
        machine.write("target/notes/1", "noted");
        machine.write(cached_call::CRATE_LOCK_FILE, "a lock file");
        let template = machine.home.template();
        inventory::write_list(&template, &template.join(FILES), &[FILES]).unwrap();
        for stamp in stamps(&machine.home, &machine.settings, &template).unwrap() {
            stamp.write().unwrap();
        }
        machine
    }

    fn write(&self, path: &str, contents: &str) {
        write(&self.home.template().join(path), contents);
    }

    fn remove(&self, path: &str) {
        program::remove_if_exists(&self.home.template().join(path)).unwrap();
    }

    fn state(&self) -> State {
        state(&self.home, &self.settings).unwrap()
    }

    /// Whether the compiled crates are kept, and what is logged.
    fn begin(&self) -> (bool, String) {
        let log = std::cell::RefCell::new(String::new());
        let append = |text: &str| *log.borrow_mut() += text;
        let build = begin(&self.home, &self.settings, &append).unwrap();
        (build.folder.join(CRATE).exists(), log.into_inner())
    }
}

fn write(path: &Path, contents: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

#[test]
fn a_changed_crate_is_stale_and_another_compiler_unusable() {
    let machine = Machine::new();
    assert_eq!(machine.state(), State::Fresh);
    write(&machine.settings.lock_file, "another");
    assert_eq!(machine.state(), State::Stale);
    assert!(machine.begin().0);
    machine.write(MADE_BY, "rustc 1.0");
    assert_eq!(machine.state(), State::Unusable);
}

#[test]
fn damage_that_the_crates_compilation_repairs_costs_no_other_crate() {
    // Earlier versions of set-up wrote no list.
    for path in [
        cached_call::CRATE_LOCK_FILE,
        "target/library",
        "target/notes/1",
        FILES,
    ] {
        let machine = Machine::new();
        machine.remove(path);
        assert_eq!(machine.state(), State::Damaged, "{path}");
        let (crates_are_kept, log) = machine.begin();
        assert!(crates_are_kept, "{path}");
        assert!(log.contains(&format!("{path} is missing")), "{log}");
    }
}

#[test]
fn damaged_crates_are_compiled_again() {
    for (path, words) in [
        ("target", "template/target is missing"),
        ("target/debug/deps", "deps is missing"),
    ] {
        let machine = Machine::new();
        machine.remove(path);
        assert_eq!(machine.state(), State::Damaged, "{path}");
        let (crates_are_kept, log) = machine.begin();
        assert!(!crates_are_kept, "{path}");
        assert!(log.contains(words), "{log}");
    }
    let machine = Machine::new();
    machine.write(CRATE, "comp");
    let (crates_are_kept, log) = machine.begin();
    assert!(!crates_are_kept);
    assert!(log.contains("has 4 bytes instead of 8"), "{log}");
}
