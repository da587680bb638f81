//! evcxr_jupyter in a crate directory of its own, which is a copy of the one that set-up has compiled.
//!
//! Three processes see a kernel through. The launcher is what Jupyter knows, starts and kills.
//! evcxr_jupyter runs in a process group of its own. The guard, in a third group, reads from a pipe
//! that the launcher holds: when the launcher has ended, in whatever way, the pipe ends, and the
//! guard kills what is left of the kernel and removes its directory. Should the guard be killed
//! too, the next kernel clears the directory: that nobody is in it is told by its lock, which
//! evcxr_jupyter holds as its standard input.

use std::env;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use crate::directory::{self, Directory};
use crate::settings::{Home, Settings};
use crate::template::State;
use crate::toolchain::Toolchain;
use crate::{analyzer, inventory, stamp, template, toolchain};

/// Names the folder of the side channel for the processes below evcxr_jupyter.
pub const CHANNEL: &str = "EVCXR_FRONT";

/// In that folder, once evcxr_jupyter's output is read.
pub const LISTENING: &str = "listening";

const LOOK_FOR_PARENT_EVERY: Duration = Duration::from_millis(500);

/// What evcxr runs before a kernel's first cell. evcxr turns backtraces on, and a panic is to answer
/// with its message alone. The question mark makes evcxr put cells into a function that may use one,
/// which would otherwise make the first cell that has one wait for a second compilation.
const PRELUDE: &str = "unsafe { std::env::set_var(\"RUST_BACKTRACE\", \"0\") };\n\
    Ok::<(), std::fmt::Error>(())?;\n";

/// How a kernel is to be started.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// The ports and the key.
    pub connection_file: PathBuf,
    /// The folder of the side channel, where somebody listens there.
    pub channel: Option<PathBuf>,
    /// Without tricks.
    pub plain: bool,
    /// The directory to work in, which stays; else it is a new one.
    pub directory: Option<PathBuf>,
}

/// A kernel at work. When it is dropped, it ends.
#[derive(Debug)]
pub struct Kernel {
    evcxr: Child,
    /// The guard's pipe is open as long as this lives.
    _guard: Child,
    directory: PathBuf,
    state: State,
    _link: Option<TempDir>,
}

/// Whether the user, or set-up's own check, has turned the tricks off.
pub fn is_plain(home: &Home, settings: &Settings) -> bool {
    settings.variable("PLAIN").is_some_and(|value| value == "1") || home.plain().exists()
}

impl Kernel {
    /// Starts one; it is ready when it answers.
    ///
    /// # Errors
    ///
    /// Kernels are not set up, there is no Rust, or no room.
    pub fn start(home: &Home, settings: &Settings, how: &How) -> Result<Self> {
        look_for_damage(home, settings)?;
        // What is looked at is what is copied.
        let template = how.directory.is_none().then(|| template::lock_shared(home));
        let template = template.transpose()?;
        let found = find_toolchain(home, settings);
        let directory = match &how.directory {
            Some(given) => Directory::given(given.clone())?,
            None => Directory::take(home)?,
        };
        let link = link_without_spaces(directory.path())?;
        let temporary = how.channel.iter().map(PathBuf::as_path);
        let temporary = temporary.chain(link.iter().map(|(folder, _)| folder.path()));
        let mut guard = start_guard(home, directory.path(), temporary, how.directory.is_some())?;
        if how.directory.is_none() {
            template::fill(home, settings, directory.path())?;
        }
        let (toolchain, state) = found.join().map_err(|_| anyhow!("rustc was not found"))??;
        if how.directory.is_none() && state == State::Damaged {
            let damage = template::damages(home).next();
            let what = damage.map_or_else(String::new, |damage| damage.to_string());
            bail!("{}", damaged(&what, settings));
        }
        if how.plain {
            template::fill_rest(home, directory.path())?;
        }
        drop(template);
        // With the crate before its first cell.
        let loaded = state == State::Fresh && how.directory.is_none();
        if loaded {
            fs::write(directory.path().join(analyzer::FIRST), "")?;
        }
        let known = link.as_ref().map_or(directory.path(), |(_, link)| link);
        let mut evcxr = evcxr(home, settings, how, known);
        evcxr.env("EVCXR_CONFIG_DIR", home.evcxr_config(loaded));
        toolchain.stand_before(home, how.plain, &mut evcxr)?;
        let path = directory.path().to_owned();
        let evcxr = evcxr
            .stdin(directory.into_lock())
            // It says which configuration it has read. Words of cells come another way.
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!(
                    "cannot start {}: {}",
                    settings.evcxr.display(),
                    settings.advice
                )
            })?;
        tell(&mut guard, evcxr.id())?;
        Ok(Self {
            evcxr,
            _guard: guard,
            directory: path,
            state,
            _link: link.map(|(folder, _)| folder),
        })
    }

    /// Its crate's folder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// How the template fitted when it was started.
    pub fn state(&self) -> State {
        self.state
    }

    /// evcxr_jupyter's process.
    pub fn process(&self) -> u32 {
        self.evcxr.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.evcxr.wait().context("cannot wait for the kernel")
    }

    /// Its exit status, if it has ended.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        self.evcxr.try_wait().context("cannot ask for the kernel")
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // The guard ends what it has started.
        let _ = self.evcxr.kill();
        let _ = self.evcxr.wait();
    }
}

/// Without one of these, a kernel would end without a word, or compile for minutes.
fn look_for_damage(home: &Home, settings: &Settings) -> Result<()> {
    let mut files = settings.files.iter();
    if let Some(damage) = files.find_map(|(path, bytes)| inventory::look(path, Some(*bytes))) {
        bail!("{}", damaged(&damage.to_string(), settings));
    }
    if let Some(program) = toolchain::missing_program(home) {
        let what = format!("{} is missing", program.display());
        bail!("{}", damaged(&what, settings));
    }
    Ok(())
}

fn damaged(what: &str, settings: &Settings) -> String {
    format!(
        "what kernels need is damaged: {what}. To repair it, {}; then restart the kernel",
        settings.advice
    )
}

/// evcxr hands the path of a cell's library on without quotes: where its directory has a space in its
/// path, it gets to know it by a link.
fn link_without_spaces(directory: &Path) -> Result<Option<(TempDir, PathBuf)>> {
    if !directory.to_string_lossy().contains(char::is_whitespace) {
        return Ok(None);
    }
    let folder = temporary_folder()?;
    let link = folder.path().join("crate");
    symlink(directory, &link).with_context(|| format!("cannot write {}", link.display()))?;
    Ok(Some((folder, link)))
}

/// A private folder with a short path without spaces: a socket's path is short on all systems.
///
/// # Errors
///
/// There is no room for it.
pub fn temporary_folder() -> Result<TempDir> {
    let wanted = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let wanted = wanted.filter(|path| is_short(path));
    let base = wanted.unwrap_or_else(|| PathBuf::from("/tmp"));
    let folder = tempfile::Builder::new()
        .prefix("evcxr-")
        .tempdir_in(&base)
        .or_else(|_| tempfile::Builder::new().prefix("evcxr-").tempdir())
        .context("cannot make a temporary folder")?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700))?;
    Ok(folder)
}

fn is_short(path: &Path) -> bool {
    /// Of the 100 that a socket's path may have everywhere.
    const LONGEST: usize = 60;
    let text = path.to_string_lossy();
    path.is_dir() && text.len() < LONGEST && !text.contains(char::is_whitespace)
}

/// While the directory is filled: also whether the template is fresh, so that a kernel can load the
/// crate without compiling it.
fn find_toolchain(home: &Home, settings: &Settings) -> JoinHandle<Result<(Toolchain, State)>> {
    let (home, settings) = (home.clone(), settings.clone());
    thread::spawn(move || {
        let state = template::state(&home, &settings)?;
        Ok((Toolchain::find(&home, &settings.crate_folder)?, state))
    })
}

/// Jupyter ends its kernels when it ends; when it is killed, it cannot.
pub fn end_with_parent() {
    let parent = parent_id();
    thread::spawn(move || {
        while parent_id() == parent {
            thread::sleep(LOOK_FOR_PARENT_EVERY);
        }
        process::exit(1);
    });
}

fn start_guard<'path>(
    home: &Home,
    directory: &Path,
    temporary: impl Iterator<Item = &'path Path>,
    keep: bool,
) -> Result<Child> {
    let mut guard = Command::new(env::current_exe()?);
    guard
        .arg("--home")
        .arg(home.path())
        .arg("guard")
        .arg(directory);
    for folder in temporary {
        guard.arg("--temporary").arg(folder);
    }
    if keep {
        guard.arg("--keep");
    }
    guard
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start the kernel's guard")
}

/// The guard is told which process group it answers for. The pipe stays open as long as we live.
fn tell(guard: &mut Child, group: u32) -> Result<()> {
    let pipe = guard.stdin.as_mut().context("the guard has no pipe")?;
    writeln!(pipe, "{group}").context("the kernel's guard has died")
}

fn evcxr(home: &Home, settings: &Settings, how: &How, directory: &Path) -> Command {
    let mut command = Command::new(&settings.evcxr);
    command
        .arg("--control_file")
        .arg(&how.connection_file)
        .env("EVCXR_TMPDIR", directory)
        // evcxr writes a kernelspec of its own over what it finds below this path, else in the
        // user's home: here it finds nothing.
        .env("JUPYTER_PATH", home.path())
        // evcxr's allocator takes memory in huge pages, and the system clears each, which takes
        // longer at a kernel's start than to fill what is used of them.
        .env("MIMALLOC_ALLOW_THP", "0")
        .env_remove(CHANNEL)
        .envs(&settings.environment)
        .envs(threads(settings, |name| env::var_os(name).is_some()));
    if let Some(channel) = &how.channel {
        command.env(CHANNEL, channel);
    }
    for name in forgotten() {
        command.env_remove(name);
    }
    command
}

/// As many threads as there are processors in the kernel's quota.
fn threads(
    settings: &Settings,
    is_set: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&str, String)> {
    let number = thread::available_parallelism().map_or(1, usize::from);
    let names = settings.threads.iter().map(String::as_str);
    names
        .filter(move |name| !is_set(name))
        .map(move |name| (name, number.to_string()))
}

/// What `cargo run` has told of itself to whoever has started this. A build script may look at these
/// (ring's does), and would run again whenever a kernel is started another way, or cargo is.
fn forgotten() -> impl Iterator<Item = String> {
    env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| is_cargos_own(name))
}

/// Whether `cargo run` sets a variable of that name to tell a program of itself.
pub fn is_cargos_own(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || [
            "CARGO",
            "CARGO_BIN_NAME",
            "CARGO_CRATE_NAME",
            "CARGO_PRIMARY_PACKAGE",
        ]
        .contains(&name)
}

/// Writes evcxr's configurations where they differ; says whether they did.
///
/// # Errors
///
/// The home cannot be written.
pub fn write_configuration(home: &Home, settings: &Settings) -> Result<bool> {
    let mut changed = false;
    for (path, text) in configurations(home, settings) {
        if !reads(&path, &text) {
            stamp::replace_file(&path, text.as_bytes())?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Whether [`write_configuration`] has nothing to write.
pub fn is_configured(home: &Home, settings: &Settings) -> bool {
    let mut files = configurations(home, settings).into_iter();
    files.all(|(path, text)| reads(&path, &text))
}

fn configurations(home: &Home, settings: &Settings) -> [(PathBuf, String); 3] {
    let evcxrs = |loaded| {
        let path = home.evcxr_config(loaded).join("evcxr.toml");
        (path, configuration(settings, loaded))
    };
    let cargos = (home.cargo_config(), cargo_configuration(settings));
    [evcxrs(false), evcxrs(true), cargos]
}

fn reads(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|found| found == text)
}

/// What cargo reads for all kernels' crates. rustc lets a crate use the functions that another one has made
/// of generics, where both are compiled at level 0 or 1: at evcxr's level 2, a cell that draws with
/// plotters' charts compiles them anew (1.0 instead of 0.4 s), though the crate has the same ones.
pub(crate) fn cargo_configuration(settings: &Settings) -> String {
    let name = &settings.crate_name;
    format!("# Written by set-up.\n[profile.dev.package.{name}]\nopt-level = 1\n")
}

/// A notebook's own `:dep` finds the crate loaded, for the reader's first minutes are the kernel's.
fn configuration(settings: &Settings, loaded: bool) -> String {
    let prelude = if loaded {
        format!(
            "{}\n{PRELUDE}{}\n",
            settings.dependency(),
            settings.notebook.prelude
        )
    } else {
        PRELUDE.lines().next().unwrap_or_default().to_owned()
    };
    let table = toml::Table::from_iter([(
        "evcxr".to_owned(),
        toml::Value::Table(toml::Table::from_iter([(
            "prelude".to_owned(),
            toml::Value::String(prelude),
        )])),
    )]);
    format!("# Written by set-up.\n{table}")
}

/// Kernels at work, for those who ask.
pub fn running(home: &Home) -> usize {
    let directories = fs::read_dir(home.running()).into_iter().flatten().flatten();
    directories
        .filter(|entry| directory::is_taken(&entry.path()))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_tells_cargo_is_kept() {
        assert!(is_cargos_own("CARGO_MANIFEST_DIR"));
        assert!(is_cargos_own("CARGO_PKG_VERSION"));
        assert!(is_cargos_own("CARGO"));
        assert!(!is_cargos_own("CARGO_HOME"));
        assert!(!is_cargos_own("CARGO_TARGET_DIR"));
        assert!(!is_cargos_own("CARGO_HTTP_PROXY"));
    }

    #[test]
    fn the_folder_is_private_and_its_path_short() {
        let folder = temporary_folder().unwrap();
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(folder.path().join("socket").as_os_str().len() < 100);
    }

    #[test]
    fn a_path_with_a_space_gets_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("with space");
        fs::create_dir(&directory).unwrap();
        let (_kept, link) = link_without_spaces(&directory).unwrap().unwrap();
        assert!(!link.to_str().unwrap().contains(' '));
        assert_eq!(
            link.canonicalize().unwrap(),
            directory.canonicalize().unwrap()
        );
        assert!(link_without_spaces(folder.path()).unwrap().is_none());
    }

    #[test]
    fn libraries_get_as_many_threads_as_the_kernel_may_use() {
        let settings = Settings {
            threads: vec!["OMP_NUM_THREADS".to_owned(), "MKL_NUM_THREADS".to_owned()],
            ..Settings::default()
        };
        let set: Vec<_> = threads(&settings, |name| name == "MKL_NUM_THREADS").collect();
        let number = thread::available_parallelism().unwrap().to_string();
        assert_eq!(set, [("OMP_NUM_THREADS", number)]);
    }

    #[test]
    fn a_loaded_kernel_begins_with_the_crate() {
        let mut settings = Settings {
            crate_name: "three".to_owned(),
            crate_folder: "/with space/three".into(),
            ..Settings::default()
        };
        settings.notebook.prelude = "use three::*;".to_owned();
        let read = |loaded| -> String {
            let table: toml::Table = toml::from_str(&configuration(&settings, loaded)).unwrap();
            table["evcxr"]["prelude"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            read(true),
            format!(":dep three = {{ path = \"/with space/three\" }}\n{PRELUDE}use three::*;\n")
        );
        assert!(!read(false).contains("three"));
    }
}
