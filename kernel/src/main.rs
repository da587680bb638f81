//! The launcher, and under other names what stands before cargo, rustc, rustup, mold and the linker
//! of a notebook kernel.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use evcxr_prewarm::settings::Home;
use evcxr_prewarm::toolchain::{self, HOME, RUSTC, real};
use evcxr_prewarm::{analyzer, cell, guard, launch, library, prepare, spare, trial};

/// Rust notebook kernels that start from what is compiled.
#[derive(Parser)]
#[command(name = "evcxr-prewarm")]
struct Arguments {
    /// Where set-up has written the settings
    #[arg(long)]
    home: PathBuf,
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// What Jupyter starts for a notebook
    Kernel {
        /// Written by Jupyter: the ports and the key
        connection_file: PathBuf,
    },
    /// Compiles what kernels start from, and looks whether the tricks do no harm
    Prepare,
    /// Of it, only the crate, where somebody else begins and finishes
    #[command(hide = true)]
    Compile,
    /// Of it, only the comparison
    #[command(hide = true)]
    Compare,
    /// Starts a kernel as Jupyter does, in the current folder, and has it answer a cell
    Try {
        /// The kernel.json by which Jupyter starts it
        #[arg(long)]
        kernelspec: PathBuf,
        /// The last line that the cell shows
        #[arg(long)]
        expected: String,
        cell: String,
    },
    /// Keeps a kernel ready in the current folder, until its standard input ends
    Spare,
    /// One kernel that is ready
    #[command(hide = true)]
    SpareKernel,
    /// Clears up behind a kernel, however it ended
    #[command(hide = true)]
    Guard {
        /// The kernel's own directory
        directory: PathBuf,
        /// More folders that are its own
        #[arg(long)]
        temporary: Vec<PathBuf>,
        /// Kill only, for set-up needs the directory
        #[arg(long)]
        keep: bool,
    },
}

fn main() -> ExitCode {
    let mut words = env::args_os();
    let name = PathBuf::from(words.next().unwrap_or_default());
    let done = match env::var_os(HOME) {
        // Set-up links with it, too.
        _ if name.ends_with(library::LINKER) => library::link(&words.collect::<Vec<_>>()),
        Some(home) if stands_before(&name) => {
            stand_before(&name, &Home::at(Path::new(&home)), words)
        }
        _ => run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let home = Home::at(&arguments.home);
    match arguments.command {
        Task::Kernel { connection_file } => launch::launch(&home, &connection_file),
        Task::Prepare => prepare::prepare(&home),
        Task::Compile => prepare::compile(&home),
        Task::Compare => prepare::compare(&home),
        Task::Try {
            kernelspec,
            expected,
            cell,
        } => trial::try_kernel(&home, &kernelspec, &cell, &expected),
        Task::Spare => spare::keep(&home),
        Task::SpareKernel => spare::wait(&home),
        Task::Guard {
            directory,
            temporary,
            keep,
        } => guard::guard(&directory, &temporary, keep),
    }
}

fn stands_before(name: &Path) -> bool {
    let name = name.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| toolchain::NAMES.contains(&name))
}

fn stand_before(
    name: &Path,
    home: &Home,
    words: impl Iterator<Item = OsString>,
) -> Result<ExitCode> {
    let file = name.file_name().and_then(OsStr::to_str).unwrap_or_default();
    // cargo, rustc and their arguments: all of it is text, unless a path is not.
    let words: Vec<String> = words
        .map(|word| word.into_string().ok())
        .collect::<Option<_>>()
        .context("a path is not text: move it")?;
    let of_analyzer = name
        .parent()
        .is_some_and(|folder| folder != home.programs());
    match file {
        "analyzer" => analyzer::cargo(home, &words),
        "cargo" if of_analyzer => analyzer::cargo(home, &words),
        "cargo" => cell::cargo(home, &words),
        "note" => cell::note_rustc(&words),
        "rustc" => rustc(home, &words),
        "rustup" => rustup(home, &words),
        // evcxr takes mold where it finds it, with flags by which everything would be compiled
        // again. Here it always finds it: `mold -run cargo …` is `cargo …`.
        _ => Err(Command::new(words.get(1).context("mold: nothing to run")?)
            .args(&words[2..])
            .exec())
        .context("cannot start what mold is to run"),
    }
}

fn rustc(home: &Home, words: &[String]) -> Result<ExitCode> {
    let asked = matches!(words, [print, what] if print == "--print" && what == "sysroot");
    if asked
        && !toolchain::is_plain()
        && env::current_dir()?.join("src/lib.rs").exists()
        && let Some(sysroot) = analyzer::shown_sysroot(home)
    {
        writeln!(io::stdout(), "{}", sysroot.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    Err(real(RUSTC)?.args(words).exec()).context("cannot start rustc")
}

fn rustup(home: &Home, words: &[String]) -> Result<ExitCode> {
    if let Some(program) = toolchain::rustup(home, words)? {
        writeln!(io::stdout(), "{}", program.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    Err(toolchain::real_rustup()?.args(words).exec()).context("cannot start rustup")
}
