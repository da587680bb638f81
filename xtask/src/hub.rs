//! JupyterHub for a room: one set-up on one machine, and everybody with an account of their own.

use std::env;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use evcxr_prewarm::stamp::{self, Stamp, replace_file};
use evcxr_prewarm::toolchain;
use serde_json::json;

use crate::notebooks::{ENGLISH, OTHERS};
use crate::process;
use crate::setup::{self, packages};
use crate::workshop::Workshop;

/// What `cargo xtask hub` can be told.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where it listens: an address of this machine, or 0.0.0.0 for all of them
    #[arg(long, default_value = "127.0.0.1")]
    address: String,
    /// The port that participants open
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// The certificate, with those that it rests on (PEM)
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The folder of notebooks that a participant sees first
    #[arg(long, default_value = ENGLISH)]
    language: String,
    /// Memory that one participant may use, in GB: the kernels of two notebooks, and JupyterLab
    #[arg(long, default_value_t = 3.0)]
    memory: f64,
    /// Processors that one participant may use at once
    #[arg(long, default_value_t = 2.0)]
    processors: f64,
    /// Kernels that have done nothing for so long are ended
    #[arg(long, default_value_t = 60)]
    idle_minutes: u32,
    /// Where JupyterHub keeps what it knows; for tests
    #[arg(long, hide = true)]
    state: Option<PathBuf>,
}

/// The name by which who holds the workshop logs in.
const HOST: &str = "host";

/// What is below `target/hub`.
struct Places {
    folder: PathBuf,
    state: PathBuf,
}

impl Places {
    fn of(workshop: &Workshop, state: Option<PathBuf>) -> Self {
        let folder = workshop.target().join("hub");
        Self {
            state: state.unwrap_or_else(|| folder.join("state")),
            folder,
        }
    }
}

/// Sets up what is missing and becomes JupyterHub.
pub(crate) fn hub(workshop: &Workshop, options: &Options) -> Result<ExitCode> {
    ensure!(
        options.language == ENGLISH || OTHERS.contains(&options.language.as_str()),
        "there are no notebooks in `{}`: take {ENGLISH} or {}",
        options.language,
        OTHERS.join(", ")
    );
    ensure!(
        process::is_root()?,
        "the hub gives everybody an account of their own, which only root can: run it as root"
    );
    setup::setup(workshop)?;
    let places = Places::of(workshop, options.state.clone());
    let python = python(workshop, &places)?;
    let proxy = proxy(workshop, &places)?;
    look_at_shared(workshop, &python)?;
    make_private(&places.state)?;
    let people = workshop.root().join("hub/people");
    fs::create_dir_all(&people).with_context(|| format!("cannot make {}", people.display()))?;
    let password = secret(&places.state.join("password"), 4)?;
    let host_password = secret(&places.state.join("host_password"), 16)?;
    let scheme = if options.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    let address = format!("{scheme}://{}:{}", options.address, options.port);
    translated(options, &address, &password, &host_password);

    let path = path_of_people(&places)?;
    let told = json!({
        "address": address,
        "board_port": options.port + 3,
        "environment": environment(workshop, &path),
        "host": HOST,
        "host_password": host_password,
        "hub_port": options.port + 1,
        "idle_minutes": options.idle_minutes,
        "language": options.language,
        "memory": (options.memory * 1e9) as u64,
        "password": password,
        "people": people,
        "processors": options.processors,
        "proxy": proxy,
        "proxy_port": options.port + 2,
        "root": workshop.root(),
        "state": places.state,
        "tls_certificate": options.tls_cert,
        "tls_key": options.tls_key,
    });
    let error = Command::new(&python)
        .args(["-m", "jupyterhub", "--config"])
        .arg(workshop.root().join("hub/jupyterhub_config.py"))
        .current_dir(&places.state)
        .env("PATH", &path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GASSHUKU_HUB", workshop.root().join("hub"))
        .env("GASSHUKU_HUB_OPTIONS", told.to_string())
        .env_remove("PYTHONHOME")
        .env_remove("PYTHONPATH")
        .exec();
    Err(error).context("cannot start JupyterHub")
}

/// Runs the tests in `tests/hub`; does nothing but say so where there can be no hub.
pub(crate) fn test(workshop: &Workshop) -> Result<bool> {
    if !process::is_root()? {
        println!("skipped: only root can give each participant an account");
        return Ok(true);
    }
    let places = Places::of(workshop, None);
    let python = python(workshop, &places)?;
    if let Err(error) = look_at_shared(workshop, &python) {
        println!("skipped: {error:#}");
        return Ok(true);
    }
    let mut command = Command::new(python);
    command
        .args(["-m", "unittest", "discover", "-v", "-s", "tests/hub"])
        .current_dir(workshop.root())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GASSHUKU_XTASK", process::this_program()?);
    Ok(process::run(&mut command)?.success())
}

fn look_at_shared(workshop: &Workshop, python: &Path) -> Result<()> {
    shared(workshop, python)?
        .iter()
        .try_for_each(|path| look_at(path))
}

fn translated(options: &Options, address: &str, password: &str, host_password: &str) {
    println!("\n{address}\n  participants: a name of their own (a-z, 0-9, -), password {password}");
    println!("  who holds the workshop: {HOST}, password {host_password}");
    println!("  the board: {address}/services/board/\n");
    if options.tls_cert.is_none() {
        if is_local(&options.address) {
            println!(
                "Only this machine can open it: --address, --tls-cert and --tls-key let others in.\n"
            );
        } else {
            println!(
                "WARNING: without --tls-cert and --tls-key, passwords and everything else cross the \
                 network in the clear.\n"
            );
        }
    }
}

fn is_local(address: &str) -> bool {
    address == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn python(workshop: &Workshop, places: &Places) -> Result<PathBuf> {
    let python = packages::environment(
        workshop,
        &places.folder,
        workshop.root().join("hub/requirements.txt"),
        &[],
        "JupyterHub, about 150 MB to download",
    )?;
    let settings = "share/jupyter/lab/settings/overrides.json";
    let overrides = fs::read(workshop.venv().join(settings))?;
    replace_file(&places.folder.join("venv").join(settings), &overrides)?;
    Ok(python)
}

/// JupyterHub's own proxy is a program for Node.
fn proxy(workshop: &Workshop, places: &Places) -> Result<PathBuf> {
    let folder = places.folder.join("proxy");
    let proxy = folder.join("node_modules/.bin/configurable-http-proxy");
    let lock = workshop.root().join("hub/package-lock.json");
    let stamp = Stamp::new(folder.join("made-from"), &[&stamp::hash_file(&lock)?]);
    if stamp.is_fresh() {
        return Ok(proxy);
    }
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(workshop.root().join("hub").join(file), folder.join(file))?;
    }
    let mut npm = Command::new(places.folder.join("venv/bin/npm"));
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ])
    .current_dir(&folder)
    .env("PATH", path_of_people(places)?);
    ensure!(
        process::run(&mut npm)?.success(),
        "npm cannot install JupyterHub's proxy; what it says stands above"
    );
    stamp.write()?;
    Ok(proxy)
}

/// What everybody reads, and nobody may write.
fn shared(workshop: &Workshop, python: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = vec![
        workshop.root().to_owned(),
        workshop.venv(),
        workshop.root().join("crate"),
        workshop.root().join("data"),
        workshop.kernel(),
        workshop.libtorch(),
        python.to_owned(),
        toolchain::sysroot(&mut Command::new("rustc"))?,
    ];
    let registry = cargo_home()?.join("registry");
    if registry.exists() {
        paths.push(registry);
    }
    Ok(paths)
}

fn cargo_home() -> Result<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")
}

/// Says what to do where others cannot read something, or can write to it.
fn look_at(path: &Path) -> Result<()> {
    let path = path
        .canonicalize()
        .with_context(|| format!("cannot find {}", path.display()))?;
    let mode = |path: &Path| -> Result<u32> {
        let metadata = fs::metadata(path);
        Ok(metadata
            .with_context(|| format!("cannot read {}", path.display()))?
            .permissions()
            .mode())
    };
    for folder in path.ancestors().skip(1) {
        if mode(folder)? & 0o001 == 0 {
            bail!(
                "participants need {}, and may not enter {}: see \"Where things must lie\" in \
                 hub/README.md",
                path.display(),
                folder.display()
            );
        }
    }
    let found = mode(&path)?;
    ensure!(
        found & 0o005 == 0o005,
        "participants need {0}, and may not read it: chmod -R o+rX {0}",
        path.display()
    );
    ensure!(
        found & 0o002 == 0,
        "everybody could change {0} for all: chmod -R o-w {0}",
        path.display()
    );
    Ok(())
}

/// Cargo and rustc themselves, not rustup's programs of these names, which look into a home.
fn path_of_people(places: &Places) -> Result<String> {
    let folders = [
        places.folder.join("venv/bin"),
        toolchain::sysroot(&mut Command::new("rustc"))?.join("bin"),
        "/usr/local/bin".into(),
        "/usr/bin".into(),
        "/bin".into(),
        "/usr/sbin".into(),
    ];
    let path = env::join_paths(folders).context("a path has a colon in it: move it")?;
    path.into_string()
        .ok()
        .context("a path is not text: move it")
}

fn environment(workshop: &Workshop, path: &str) -> serde_json::Value {
    json!({
        "PATH": path,
        "CARGO_HOME": cargo_home().ok(),
        // The registry is shared, and nobody may write to it.
        "CARGO_NET_OFFLINE": "true",
        "JUPYTER_PATH": workshop.venv().join("share/jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GASSHUKU_SPARE": "0",
    })
}

fn make_private(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))
        .with_context(|| format!("cannot close {} to others", folder.display()))
}

/// A password that is made once, of so many bytes by chance.
fn secret(path: &Path, bytes: usize) -> Result<String> {
    if let Ok(found) = fs::read_to_string(path) {
        return Ok(found.trim().to_owned());
    }
    let mut chance = vec![0; bytes];
    fs::File::open("/dev/urandom")?.read_exact(&mut chance)?;
    let text: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
    replace_file(path, text.as_bytes())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let first = secret(&path, 4).unwrap();
        assert_eq!(first.len(), 8);
        assert_eq!(secret(&path, 4).unwrap(), first);
        assert_ne!(secret(&folder.path().join("other"), 4).unwrap(), first);
        fs::write(&path, "words of the host\n").unwrap();
        assert_eq!(secret(&path, 4).unwrap(), "words of the host");
    }

    #[test]
    fn what_others_cannot_read_or_can_write_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mode =
            |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let told = || look_at(&inner).map_err(|error| error.to_string());
        mode(folder.path(), 0o700);
        mode(&inner, 0o755);
        assert!(told().unwrap_err().contains("may not enter"));
        mode(folder.path(), 0o711);
        assert_eq!(told(), Ok(()));
        mode(&inner, 0o750);
        assert!(told().unwrap_err().contains("chmod -R o+rX"));
        mode(&inner, 0o757);
        assert!(told().unwrap_err().contains("chmod -R o-w"));
    }

    #[test]
    fn only_this_machine_hears_passwords_in_the_clear() {
        assert!(is_local("127.0.0.1") && is_local("::1") && is_local("localhost"));
        assert!(!is_local("0.0.0.0") && !is_local("192.168.0.5") && !is_local("workshop.example"));
    }
}
