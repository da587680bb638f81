//! What Jupyter starts for a notebook: evcxr_jupyter in a crate directory of its own, which is a
//! copy of the one that set-up has compiled.
//!
//! Three processes see a kernel through. The launcher is what Jupyter knows, starts and kills.
//! evcxr_jupyter runs in a process group of its own. The guard, in a third group, reads from a pipe
//! that the launcher holds: when the launcher has ended, in whatever way, the pipe ends, and the
//! guard kills what is left of the kernel and removes its directory. Should the guard be killed
//! too, the next kernel clears the directory: that nobody is in it is told by its lock, which
//! evcxr_jupyter holds as its standard input.

pub(crate) mod analyzer;
pub(crate) mod cell;
pub(crate) mod copy;
pub(crate) mod directory;
pub(crate) mod guard;
pub(crate) mod note;
pub(crate) mod toolchain;

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitCode, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::setup::template;
use crate::workshop::{Workshop, forget_cargo};
use directory::Directory;
use toolchain::Toolchain;

/// Folders that cargo looks at, and rustc does not.
const FOR_CARGO: [&str; 2] = [".fingerprint", "build"];

/// Locked while the launcher fills the kernel's directory.
const FILLING: &str = "filling";

const LOOK_FOR_PARENT_EVERY: Duration = Duration::from_millis(500);

/// Runs a kernel to its end.
pub(crate) fn launch(workshop: &Workshop, connection_file: &Path) -> Result<ExitCode> {
    end_with_parent(parent_id());
    let found = find_toolchain(workshop);
    let (directory, mut guard);
    let template = env::var_os("GASSHUKU_KERNEL_DIRECTORY");
    if let Some(template) = &template {
        // Set-up compiles the template, and keeps it.
        directory = Directory::given(PathBuf::from(template))?;
        guard = start_guard(workshop, directory.path(), &["--keep"])?;
    } else {
        directory = Directory::take(workshop)?;
        guard = start_guard(workshop, directory.path(), &[])?;
        fill(workshop, directory.path())?;
    }
    let (toolchain, is_fresh) = found.join().map_err(|_| anyhow!("rustc was not found"))??;
    // With the workshop's crate before its first cell.
    let loaded = is_fresh && template.is_none();
    analyzer::lay_out(workshop, directory.path(), &toolchain.sysroot, loaded)?;
    let mut kernel = evcxr(workshop, directory.path(), connection_file);
    kernel.env("EVCXR_CONFIG_DIR", workshop.evcxr_config(loaded));
    toolchain.stand_before(workshop, &mut kernel)?;
    let mut kernel = kernel
        .stdin(directory.into_lock())
        .process_group(0)
        .spawn()
        .context("cannot start .venv/bin/evcxr_jupyter: run `cargo xtask setup`")?;
    tell(&mut guard, kernel.id())?;
    Ok(cell::code(kernel.wait()?))
}

/// While the directory is filled: also whether the template is fresh, so that a kernel can load the
/// crate without compiling it.
fn find_toolchain(workshop: &Workshop) -> JoinHandle<Result<(Toolchain, bool)>> {
    let workshop = workshop.clone();
    thread::spawn(move || {
        let is_fresh = template::state(&workshop)? == template::State::Fresh;
        Ok((Toolchain::find(&workshop)?, is_fresh))
    })
}

/// Jupyter ends its kernels when it ends; when it is killed, it cannot.
fn end_with_parent(parent: u32) {
    thread::spawn(move || {
        while parent_id() == parent {
            thread::sleep(LOOK_FOR_PARENT_EVERY);
        }
        process::exit(1);
    });
}

fn start_guard(workshop: &Workshop, directory: &Path, arguments: &[&str]) -> Result<Child> {
    Command::new(env::current_exe()?)
        .arg("--root")
        .arg(workshop.root())
        .arg("guard")
        .arg(directory)
        .args(arguments)
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

/// Copies the template while nobody replaces it. What only cargo needs, the most files by far, is
/// copied while the kernel starts; cargo waits for it.
fn fill(workshop: &Workshop, directory: &Path) -> Result<()> {
    let lock = File::create(workshop.template_lock())?;
    lock.lock_shared()
        .context("cannot lock the kernel's template")?;
    let template = workshop.template();
    if !template.join(template::MADE_FROM).exists() {
        bail!("the kernel is not set up: run `cargo xtask setup`, then start it again");
    }
    let filling = File::create(directory.join(FILLING))?;
    filling.lock().context("cannot lock the kernel's files")?;
    let left_out = copy::folder_without(&template, directory, &FOR_CARGO)?;
    let directory = directory.to_owned();
    thread::spawn(move || {
        for path in left_out {
            if let Err(error) = copy::folder(&template.join(&path), &directory.join(&path)) {
                eprintln!("error: {error:#}");
            }
        }
        drop((filling, lock));
    });
    Ok(())
}

fn evcxr(workshop: &Workshop, directory: &Path, connection_file: &Path) -> Command {
    let mut command = Command::new(workshop.program("evcxr_jupyter"));
    command
        .arg("--control_file")
        .arg(connection_file)
        .env("EVCXR_TMPDIR", directory)
        // evcxr writes a kernelspec of its own over what it finds below this path, else in the
        // user's home: here it finds nothing.
        .env("JUPYTER_PATH", workshop.kernel())
        // libtorch's threads wait for each other in a loop. By default they loop so long that
        // training gets ten times slower as soon as anything else, a browser for instance, wants a
        // processor; not at all, and it takes twice as long on a machine with nothing else to do.
        .env("GOMP_SPINCOUNT", "1000")
        // evcxr's allocator takes memory in huge pages, and the system clears each, which takes
        // longer at a kernel's start than to fill what is used of them.
        .env("MIMALLOC_ALLOW_THP", "0");
    forget_cargo(&mut command);
    workshop.find_libtorch(&mut command);
    command
}

/// Kernels at work, for those who ask.
pub(crate) fn running(workshop: &Workshop) -> usize {
    let directories = fs::read_dir(workshop.running())
        .into_iter()
        .flatten()
        .flatten();
    directories
        .filter(|entry| directory::is_taken(&entry.path()))
        .count()
}
