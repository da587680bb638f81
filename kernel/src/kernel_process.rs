//! Starts evcxr_jupyter in a directory of its own, a copy of the template.
//!
//! Three processes belong to a kernel. Jupyter starts, knows and kills the launcher. evcxr_jupyter runs in a
//! process group of its own. The guard, in a third group, removes what the others leave behind (`guard.rs`).
//! If the guard is killed, too, the next kernel removes the directory: evcxr_jupyter holds the directory's
//! lock as its standard input, so a free lock means that the kernel has ended.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use crate::cell_protocol::SIDE_CHANNEL;
use crate::directory::Directory;
use crate::guard::Guard;
use crate::settings::{Home, Settings};
use crate::template::State;
use crate::toolchain::Toolchain;
use crate::{environment, inventory, sysroot, template, temporary, wrappers};

/// How to start a kernel.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Jupyter's connection file: the ports and the key.
    pub connection_file: PathBuf,
    /// The folder of the side channel, if a front listens there.
    pub side_channel: Option<PathBuf>,
    /// Whether the tricks are turned off.
    pub plain: bool,
    /// An existing directory to work in, which is not removed. `None` creates one from the template.
    pub directory: Option<PathBuf>,
}

/// A running evcxr_jupyter. It ends when this is dropped.
#[derive(Debug)]
pub struct KernelProcess {
    evcxr: Child,
    _guard: Guard,
    directory: PathBuf,
    template_state: State,
    _link: Option<TempDir>,
}

impl KernelProcess {
    /// Starts evcxr_jupyter. It is ready when it answers.
    ///
    /// # Errors
    ///
    /// Kernels are not set up or damaged, there is no Rust, or the disk is full.
    pub fn start(home: &Home, settings: &Settings, options: &StartOptions) -> Result<Self> {
        check_files(home, settings)?;
        let Prepared {
            directory,
            link,
            mut guard,
            toolchain,
            template_state,
        } = prepare(home, settings, options)?;
        let preloaded = options.directory.is_none() && template_state == State::Fresh;
        if preloaded {
            fs::write(directory.path().join(sysroot::FIRST_REQUEST), "")?;
        }
        let (link, evcxr_path) = match link {
            Some((folder, link)) => (Some(folder), link),
            None => (None, directory.path().to_owned()),
        };
        let mut evcxr = evcxr_command(home, settings, options, &evcxr_path);
        evcxr.env("EVCXR_CONFIG_DIR", home.evcxr_config(preloaded));
        toolchain.wrap_programs(home, options.plain, &mut evcxr)?;
        let path = directory.path().to_owned();
        let evcxr = spawn(evcxr, settings, directory)?;
        guard.watch(evcxr.id())?;
        Ok(Self {
            evcxr,
            _guard: guard,
            directory: path,
            template_state,
            _link: link,
        })
    }

    /// The kernel's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The state of the template when the kernel was started.
    pub fn template_state(&self) -> State {
        self.template_state
    }

    /// The id of evcxr_jupyter's process.
    pub fn id(&self) -> u32 {
        self.evcxr.id()
    }

    /// Waits until evcxr_jupyter ends.
    ///
    /// # Errors
    ///
    /// The system does not report its end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.evcxr.wait().context("cannot wait for the kernel")
    }

    /// The exit status of evcxr_jupyter, if it has ended.
    ///
    /// # Errors
    ///
    /// The system does not report it.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.evcxr.try_wait().context("cannot ask for the kernel")
    }
}

impl Drop for KernelProcess {
    fn drop(&mut self) {
        // The guard ends the processes that evcxr_jupyter has started.
        let _ = self.evcxr.kill();
        let _ = self.evcxr.wait();
    }
}

/// Checks the files without which a kernel would end without a message, or compile for minutes.
fn check_files(home: &Home, settings: &Settings) -> Result<()> {
    let mut files = settings.files.iter();
    if let Some(damage) = files.find_map(|(path, bytes)| inventory::check(path, Some(*bytes))) {
        bail!("{}", damaged(&damage.to_string(), settings));
    }
    if let Some(program) = wrappers::first_missing(home) {
        let what = format!("{} is missing", program.display());
        bail!("{}", damaged(&what, settings));
    }
    Ok(())
}

fn template_damage(home: &Home, settings: &Settings) -> String {
    let damage = template::damages(home).next();
    let damage = damage.map_or_else(String::new, |damage| damage.to_string());
    damaged(&damage, settings)
}

fn damaged(what: &str, settings: &Settings) -> String {
    format!(
        "what kernels need is damaged: {what}. To repair it, {}; then restart the kernel",
        settings.advice
    )
}

/// Everything that evcxr_jupyter needs to start.
struct Prepared {
    directory: Directory,
    /// A link without spaces to the directory, and the folder of the link.
    link: Option<(TempDir, PathBuf)>,
    guard: Guard,
    toolchain: Toolchain,
    template_state: State,
}

fn prepare(home: &Home, settings: &Settings, options: &StartOptions) -> Result<Prepared> {
    let copies_template = options.directory.is_none();
    // The lock is held over the check and the copy of the template: both see the same one.
    let lock = copies_template.then(|| template::lock_shared(home));
    let _lock = lock.transpose()?;
    let search = find_toolchain(home, settings);
    let directory = match &options.directory {
        Some(path) => Directory::existing(path.clone())?,
        None => Directory::create(home)?,
    };
    let link = temporary::link_without_spaces(directory.path())?;
    let guard = start_guard(home, options, &directory, link.as_ref())?;
    if copies_template {
        template::copy_for_rustc(home, settings, directory.path())?;
    }
    let (toolchain, template_state) = search
        .join()
        .map_err(|_| anyhow!("rustc was not found"))??;
    if copies_template && template_state == State::Damaged {
        bail!("{}", template_damage(home, settings));
    }
    if options.plain {
        template::copy_rest(home, directory.path())?;
    }
    Ok(Prepared {
        directory,
        link,
        guard,
        toolchain,
        template_state,
    })
}

/// Finds the toolchain and the state of the template, in a thread while the template is copied.
fn find_toolchain(home: &Home, settings: &Settings) -> JoinHandle<Result<(Toolchain, State)>> {
    let (home, settings) = (home.clone(), settings.clone());
    thread::spawn(move || {
        let state = template::state(&home, &settings)?;
        Ok((Toolchain::find(&home, &settings.crate_folder)?, state))
    })
}

fn start_guard(
    home: &Home,
    options: &StartOptions,
    directory: &Directory,
    link: Option<&(TempDir, PathBuf)>,
) -> Result<Guard> {
    let side_channel = options.side_channel.iter().map(PathBuf::as_path);
    let temporary = side_channel.chain(link.iter().map(|(folder, _)| folder.path()));
    Guard::start(
        home,
        directory.path(),
        temporary,
        options.directory.is_some(),
    )
}

fn evcxr_command(
    home: &Home,
    settings: &Settings,
    options: &StartOptions,
    directory: &Path,
) -> Command {
    let mut command = Command::new(&settings.evcxr);
    command
        .arg("--control_file")
        .arg(&options.connection_file)
        .env("EVCXR_TMPDIR", directory)
        // evcxr overwrites the kernelspec that it finds below this path, or in the user's home. Here it
        // finds none.
        .env("JUPYTER_PATH", home.path())
        // evcxr's allocator, mimalloc, would use huge pages, and clearing these takes longer than filling the
        // parts that are used: 1.4 s of system time instead of 0.5 s until rust-analyzer has read the whole
        // standard library (evcxr 0.22).
        .env("MIMALLOC_ALLOW_THP", "0")
        .env_remove(SIDE_CHANNEL)
        .envs(&settings.environment)
        .envs(environment::numbers_of_threads(settings));
    if let Some(folder) = &options.side_channel {
        command.env(SIDE_CHANNEL, folder);
    }
    for name in environment::set_by_cargo_run() {
        command.env_remove(name);
    }
    command
}

/// Starts evcxr_jupyter, which then holds the lock of the directory.
fn spawn(mut evcxr: Command, settings: &Settings, directory: Directory) -> Result<Child> {
    evcxr
        .stdin(directory.into_lock())
        // evcxr only prints which configuration it has read. The output of cells comes over iopub.
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| {
            format!(
                "cannot start {}: {}",
                settings.evcxr.display(),
                settings.advice
            )
        })
}
