//! The real evcxr_jupyter with a crate of three lines, in a folder whose path has spaces and letters of many
//! kinds, on a machine with an unusual configuration.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use evcxr_prewarm::front::client::{Client, Outcome};
use evcxr_prewarm::front::connection_file;
use evcxr_prewarm::settings::{Home, Settings};
use evcxr_prewarm::template::{self, State};
use evcxr_prewarm::{configuration, directory, wrappers};
use support::{launcher, program};

const LIBRARY: &str = "pub fn twice(x: i32) -> i32 {\n    2 * x\n}\n";
const MANIFEST: &str = "[package]\nname = \"three-lines\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
    [package.metadata.notebook]\nprelude = \"use three_lines::twice;\"\n[workspace]\n";

/// The evcxr_jupyter that the project's set-up has compiled.
fn evcxr() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/evcxr_jupyter");
    assert!(
        path.exists(),
        "run `cargo xtask setup` first: there is no {}",
        path.display()
    );
    path.canonicalize().unwrap()
}

/// The Linux manual, flock(2): "to place a shared lock, the file must be open for reading; to place an
/// exclusive lock, for writing". Each call is logged.
const NETWORK_LOCKS: &str = r#"
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <stdlib.h>
    #include <sys/file.h>
    #include <unistd.h>
    int flock(int file, int operation) {
        int mode = fcntl(file, F_GETFL) & O_ACCMODE, kind = operation & ~LOCK_NB;
        int refused = (kind == LOCK_SH && mode == O_WRONLY) || (kind == LOCK_EX && mode == O_RDONLY);
        int log = open(getenv("LOCKS_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (write(log, refused ? "refused\n" : "granted\n", 8) != 8) abort();
        close(log);
        if (refused) { errno = EBADF; return -1; }
        return ((int (*)(int, int)) dlsym(RTLD_NEXT, "flock"))(file, operation);
    }
"#;

struct Machine {
    _folder: tempfile::TempDir,
    /// Its path has no space, since LD_PRELOAD would be cut there.
    locks: tempfile::TempDir,
    root: PathBuf,
    home: Home,
    settings: Settings,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let long = "a".repeat(180);
        let root = folder
            .path()
            .join(format!("with space/合宿 e\u{301} é/{long}"));
        fs::create_dir_all(root.join("crate/src")).unwrap();
        fs::create_dir_all(root.join("notebooks")).unwrap();
        fs::write(root.join("crate/src/lib.rs"), LIBRARY).unwrap();
        fs::write(root.join("crate/Cargo.toml"), MANIFEST).unwrap();
        let root = root.canonicalize().unwrap();
        let mut cargo = Command::new("cargo");
        cargo
            .arg("generate-lockfile")
            .arg("--offline")
            .current_dir(root.join("crate"));
        assert!(cargo.status().unwrap().success());
        let settings = Settings {
            lock_file: root.join("crate/Cargo.lock"),
            evcxr: evcxr(),
            prefix: "THREE".to_owned(),
            advice: "run set-up".to_owned(),
            ..Settings::of_crate(&root.join("crate")).unwrap()
        };
        let home = Home::at(&root.join("home"));
        home.write_settings(&settings).unwrap();
        configuration::write(&home, &settings).unwrap();
        wrappers::write(&home, Path::new(launcher())).unwrap();
        Self {
            _folder: folder,
            locks: tempfile::tempdir().unwrap(),
            root,
            home,
            settings,
        }
    }

    /// A C compiler that was not there when the template was made, first on PATH.
    fn install_another_cc(&self) {
        let cc = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join("cc"))
            .find(|program| program.is_file())
            .unwrap();
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", cc.display());
        program(&self.root.join("bin/cc"), &script);
    }

    /// A library with the flock of NFS, for LD_PRELOAD.
    fn network_locks(&self) -> PathBuf {
        let source = self.locks.path().join("locks.c");
        let library = self.locks.path().join("locks.so");
        fs::write(&source, NETWORK_LOCKS).unwrap();
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(made.unwrap().success());
        library
    }

    /// The launcher, in an environment that would make cargo compile everything again.
    fn launcher(&self) -> Command {
        let bin = self.root.join("bin");
        fs::create_dir_all(&bin).unwrap();
        for name in ["lld", "mold", "wrapper"] {
            program(
                &bin.join(name),
                "#!/bin/sh\necho \"$0 was called\" >&2\nexit 1\n",
            );
        }
        let path = std::env::var_os("PATH").unwrap();
        let path = std::iter::once(bin.clone()).chain(std::env::split_paths(&path));
        let mut command = Command::new(launcher());
        command
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("RUSTC_WRAPPER", bin.join("wrapper"))
            .env("RUSTFLAGS", "--cfg never")
            .env("CARGO_TARGET_DIR", self.root.join("elsewhere"))
            .env_remove("EVCXR_TMPDIR")
            .arg("--home")
            .arg(self.home.path())
            .current_dir(self.root.join("notebooks"));
        command
    }

    fn prepare(&self) {
        let output = self.launcher().arg("prepare").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
    }
}

/// A kernel, as Jupyter starts it, and its only client.
struct Kernel {
    process: Child,
    client: Client,
}

impl Kernel {
    async fn start(machine: &Machine, plain: bool) -> Self {
        let mut launcher = machine.launcher();
        if plain {
            launcher.env("THREE_PLAIN", "1");
        }
        Self::start_by(machine, launcher).await
    }

    async fn start_by(machine: &Machine, mut launcher: Command) -> Self {
        let (connection, file) = connection_file::create(&machine.root).unwrap();
        launcher.arg("kernel").arg(file).stderr(Stdio::inherit());
        let process = launcher.spawn().unwrap();
        let client = Client::connect(&connection).await.unwrap();
        Self { process, client }
    }

    async fn run(&mut self, cell: &str) -> Outcome {
        self.client.execute(cell).await.unwrap()
    }

    async fn text(&mut self, cell: &str) -> String {
        let outcome = self.run(cell).await;
        assert!(outcome.ok, "{cell}: {outcome:?}");
        outcome.text
    }

    async fn end(mut self) {
        self.client.shutdown().await;
        self.process.wait().unwrap();
    }
}

/// The directories of running kernels.
fn running(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.running()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| directory::is_in_use(path)).collect()
}

/// One test for everything: building the template takes half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn everything_works_with_another_crate() {
    let machine = Machine::new();
    machine.prepare();
    let Machine { home, settings, .. } = &machine;
    assert_eq!(template::state(home, settings).unwrap(), State::Fresh);
    assert!(
        !home.plain().exists(),
        "{:?}",
        fs::read_to_string(home.plain())
    );
    if cfg!(target_os = "linux") {
        let why = fs::read_to_string(home.template().join(template::NO_LIBRARY));
        assert!(why.is_err(), "{why:?}");
    }

    let mut kernel = Kernel::start(&machine, false).await;
    assert_eq!(kernel.text("twice(21)").await, "42\n");
    kernel
        .text("let h: std::collections::HashMap<_, _> = [(1, 2)].into_iter().collect();")
        .await;
    assert_eq!(
        kernel.text("println!(\"{h:?}\"); h.len()").await,
        "{1: 2}\n1\n"
    );
    let panicked = kernel
        .run("if twice(1) == 2 { panic!(\"made to {}\", \"panic\"); }")
        .await;
    assert_eq!(
        (panicked.ok, panicked.error.as_deref()),
        (false, Some("made to panic"))
    );
    let failed = kernel.run("\"x\".parse::<i32>()?;").await;
    assert_eq!(
        failed.error.as_deref(),
        Some("invalid digit found in string")
    );
    assert_eq!((panicked.text, failed.text), (String::new(), String::new()));
    assert_eq!(kernel.text("print!(\"x\"); h[&1]").await, "x2\n");
    // A crate in another folder: cargo must check it.
    fs::create_dir_all(machine.root.join("mine/src")).unwrap();
    fs::write(
        machine.root.join("mine/src/lib.rs"),
        "pub fn five() -> i32 { 5 }\n",
    )
    .unwrap();
    let manifest = "[package]\nname = \"mine\"\nversion = \"0.1.0\"\n[workspace]\n";
    fs::write(machine.root.join("mine/Cargo.toml"), manifest).unwrap();
    let path = toml::Value::String(machine.root.join("mine").to_str().unwrap().to_owned());
    let dependency = format!(":dep mine = {{ path = {path} }}");
    let both = format!("{dependency}\ntwice(mine::five())");
    assert_eq!(kernel.text(&both).await, "10\n");
    assert_eq!(kernel.text("twice(mine::five()) + h[&1]").await, "12\n");
    kernel.end().await;

    let mut plain = Kernel::start(&machine, true).await;
    let cell = format!("{}\nthree_lines::twice(4)", settings.dependency());
    assert_eq!(plain.text(&cell).await, "8\n");
    plain.end().await;

    let files = |folder: &Path| {
        let folder = folder.join("target/debug/deps");
        let library = |path: &PathBuf| path.to_string_lossy().ends_with(".rlib");
        let mut inodes: Vec<u64> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(library)
            .map(|path| fs::metadata(path).unwrap().ino())
            .collect();
        inodes.sort_unstable();
        inodes
    };
    machine.install_another_cc();
    let mut kernel = Kernel::start(&machine, false).await;
    assert_eq!(kernel.text("twice(5)").await, "10\n");
    let [directory] = &running(home)[..] else {
        panic!("one kernel has one directory")
    };
    assert_eq!(
        files(directory),
        files(&home.template()),
        "nothing is compiled again for another cc"
    );
    kernel.end().await;

    if cfg!(target_os = "linux") {
        let log = machine.root.join("locks");
        let mut launcher = machine.launcher();
        launcher
            .env("LD_PRELOAD", machine.network_locks())
            .env("LOCKS_LOG", &log);
        let mut kernel = Kernel::start_by(&machine, launcher).await;
        assert_eq!(kernel.text("twice(6)").await, "12\n");
        kernel.end().await;
        let calls = fs::read_to_string(log).unwrap();
        assert!(calls.contains("granted"), "{calls}");
        assert!(!calls.contains("refused"), "{calls}");
    }

    // When the crate has changed, a kernel says so, and works.
    fs::write(
        machine.root.join("crate/src/lib.rs"),
        LIBRARY.replace("2 * x", "3 * x"),
    )
    .unwrap();
    assert_eq!(template::state(home, settings).unwrap(), State::Stale);
    let mut kernel = Kernel::start(&machine, false).await;
    let cell = format!("{}\nthree_lines::twice(4)", settings.dependency());
    let text = kernel.text(&cell).await;
    assert!(text.contains("has changed since it was compiled"), "{text}");
    assert!(text.ends_with("\n12\n"), "{text}");
    kernel.end().await;
}
