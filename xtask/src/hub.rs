//! JupyterHub for a room: one set-up on one machine, and an account for each participant.

mod access;
mod addresses;

use std::env;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use evcxr_prewarm::stamp::{self, Stamp, replace_file};
use evcxr_prewarm::toolchain;
use serde_json::json;

use crate::notebooks::{ENGLISH, OTHERS};
use crate::process;
use crate::setup::{self, packages};
use crate::workshop::Workshop;

/// The options of `cargo xtask hub`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where it listens: an address of this machine, or 0.0.0.0 for all of them
    #[arg(long, default_value = "127.0.0.1")]
    address: String,
    /// The port that participants open
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// The certificate, followed by those that it rests on (PEM)
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate
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
    /// Kernels that have done nothing for this many minutes are ended
    #[arg(long, default_value_t = 30)]
    idle_minutes: u32,
    /// Where JupyterHub keeps its passwords and its database; for tests
    #[arg(long, hide = true)]
    state: Option<PathBuf>,
}

/// The name by which the facilitator logs in.
const FACILITATOR: &str = "host";

/// The folders of the hub.
struct Folders {
    /// `target/hub`, for what is installed.
    installed: PathBuf,
    state: PathBuf,
}

impl Folders {
    fn new(workshop: &Workshop, state: Option<PathBuf>) -> Self {
        let installed = workshop.target().join("hub");
        Self {
            state: state.unwrap_or_else(|| installed.join("state")),
            installed,
        }
    }
}

struct Passwords {
    participants: String,
    facilitator: String,
}

impl Passwords {
    fn load_or_create(state: &Path) -> Result<Self> {
        Ok(Self {
            participants: password(&state.join("password"), 4)?,
            facilitator: password(&state.join("host_password"), 16)?,
        })
    }
}

/// Sets up what is missing and becomes JupyterHub.
pub(crate) fn hub(workshop: &Workshop, options: &Options) -> Result<ExitCode> {
    check_language(&options.language)?;
    ensure!(
        process::is_root()?,
        "the hub gives everybody an account of their own, which only root can: run it as root"
    );
    setup::setup(workshop)?;
    let folders = Folders::new(workshop, options.state.clone());
    let python = python(workshop, &folders)?;
    let proxy = proxy(workshop, &folders)?;
    access::check(workshop, &python, &cargo_home()?)?;
    make_private(&folders.state)?;
    let people = workshop.root().join("hub/people");
    fs::create_dir_all(&people).with_context(|| format!("cannot make {}", people.display()))?;
    let passwords = Passwords::load_or_create(&folders.state)?;
    print_addresses(options, &passwords);

    let path = path_variable(&folders)?;
    let configuration = json!({
        "address": addresses::bind_url(options.scheme(), &options.address, options.port),
        "board_port": options.port + 3,
        "environment": environment(workshop, &path),
        "host": FACILITATOR,
        "host_password": passwords.facilitator,
        "hub_port": options.port + 1,
        "idle_minutes": options.idle_minutes,
        "language": options.language,
        "memory": (options.memory * 1e9) as u64,
        "password": passwords.participants,
        "people": people,
        "processors": options.processors,
        "proxy": proxy,
        "proxy_port": options.port + 2,
        "root": workshop.root(),
        "state": folders.state,
        "tls_certificate": options.tls_cert,
        "tls_key": options.tls_key,
    });
    let error = jupyterhub(workshop, &folders, &python)
        .env("PATH", &path)
        .env("GASSHUKU_HUB_OPTIONS", configuration.to_string())
        .exec();
    Err(error).context("cannot start JupyterHub")
}

fn jupyterhub(workshop: &Workshop, folders: &Folders, python: &Path) -> Command {
    let sources = workshop.root().join("hub");
    let mut command = Command::new(python);
    command
        .args(["-m", "jupyterhub", "--config"])
        .arg(sources.join("jupyterhub_config.py"))
        .current_dir(&folders.state)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GASSHUKU_HUB", sources)
        .env_remove("PYTHONHOME")
        .env_remove("PYTHONPATH");
    command
}

/// Runs the tests in `tests/hub`; where there can be no hub, says so and passes.
pub(crate) fn test(workshop: &Workshop) -> Result<bool> {
    if !process::is_root()? {
        println!("skipped: only root can give each participant an account");
        return Ok(true);
    }
    let python = python(workshop, &Folders::new(workshop, None))?;
    if let Err(error) = access::check(workshop, &python, &cargo_home()?) {
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

fn check_language(language: &str) -> Result<()> {
    ensure!(
        language == ENGLISH || OTHERS.contains(&language),
        "there are no notebooks in `{language}`: take {ENGLISH} or {}",
        OTHERS.join(", ")
    );
    Ok(())
}

impl Options {
    fn scheme(&self) -> &'static str {
        if self.tls_cert.is_some() {
            "https"
        } else {
            "http"
        }
    }
}

fn print_addresses(options: &Options, passwords: &Passwords) {
    println!();
    for url in addresses::urls(options.scheme(), &options.address, options.port) {
        println!("{url}");
    }
    println!(
        "  participants: a name of their own (a-z, 0-9, -), password {}",
        passwords.participants
    );
    println!(
        "  facilitator: {FACILITATOR}, password {}",
        passwords.facilitator
    );
    println!("  the board, for the facilitator: /services/board/\n");
    if options.tls_cert.is_some() {
        return;
    }
    if addresses::is_local(&options.address) {
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

fn python(workshop: &Workshop, folders: &Folders) -> Result<PathBuf> {
    let python = packages::environment(
        workshop,
        &folders.installed,
        workshop.root().join("hub/requirements.txt"),
        &[],
        "JupyterHub, about 150 MB to download",
    )?;
    let settings = "share/jupyter/lab/settings/overrides.json";
    let overrides = fs::read(workshop.venv().join(settings))?;
    replace_file(&folders.installed.join("venv").join(settings), &overrides)?;
    Ok(python)
}

/// JupyterHub's own proxy is a program for Node.
fn proxy(workshop: &Workshop, folders: &Folders) -> Result<PathBuf> {
    let folder = folders.installed.join("proxy");
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
    let mut npm = Command::new(folders.installed.join("venv/bin/npm"));
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ])
    .current_dir(&folder)
    .env("PATH", path_variable(folders)?);
    ensure!(
        process::run(&mut npm)?.success(),
        "npm cannot install JupyterHub's proxy; its messages are above"
    );
    stamp.write()?;
    Ok(proxy)
}

fn cargo_home() -> Result<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")
}

/// `PATH` of the participants. Their cargo and rustc are the toolchain's own: those of rustup read the
/// account's home folder.
fn path_variable(folders: &Folders) -> Result<String> {
    let folders = [
        folders.installed.join("venv/bin"),
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

/// The password in a file. Where there is none, writes one of `bytes` random bytes, in hexadecimal.
fn password(path: &Path, bytes: usize) -> Result<String> {
    if let Ok(password) = fs::read_to_string(path) {
        return Ok(password.trim().to_owned());
    }
    let mut random = vec![0; bytes];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    replace_file(path, password.as_bytes())?;
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let first = password(&path, 4).unwrap();
        assert_eq!(first.len(), 8);
        assert_eq!(password(&path, 4).unwrap(), first);
        assert_ne!(password(&folder.path().join("other"), 4).unwrap(), first);
        fs::write(&path, "words of the facilitator\n").unwrap();
        assert_eq!(password(&path, 4).unwrap(), "words of the facilitator");
    }
}
