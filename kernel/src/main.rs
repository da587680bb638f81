//! The launcher of notebook kernels. Under other names, this program wraps cargo, rustc, rustup, mold and
//! the linker for a kernel.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use evcxr_prewarm::settings::Home;
use evcxr_prewarm::toolchain::{self, HOME_PATH, RUSTC_PATH, RUSTUP_PATH, wrapped};
use evcxr_prewarm::{
    analyzer, cargo_wrapper, guard, launch, prepare, rustc_call, shared_library, smoke_test, spare,
    sysroot, wrappers,
};

/// Rust notebook kernels that start from what is compiled.
#[derive(Parser)]
#[command(name = "evcxr-prewarm")]
struct Arguments {
    /// The folder to which set-up has written the settings
    #[arg(long)]
    home: PathBuf,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs a kernel; Jupyter starts this for a notebook
    Kernel {
        /// Written by Jupyter: the ports and the key
        connection_file: PathBuf,
    },
    /// Compiles what kernels start from, and checks that the tricks do no harm
    Prepare,
    /// The part of `prepare` that compiles the crate
    #[command(hide = true)]
    Compile,
    /// The part of `prepare` that checks the tricks
    #[command(hide = true)]
    Compare,
    /// Starts a kernel as Jupyter does, in the current folder, and lets it run a cell
    Try {
        /// The kernel.json by which Jupyter starts it
        #[arg(long)]
        kernelspec: PathBuf,
        /// The last line that the cell shows
        #[arg(long)]
        expected: String,
        cell: String,
    },
    /// Keeps a spare kernel ready in the current folder, until the parent process ends
    Spare,
    /// Holds one spare kernel
    #[command(hide = true)]
    SpareKernel,
    /// Removes what a kernel leaves behind, however it ends
    #[command(hide = true)]
    Guard {
        /// The kernel's directory
        directory: PathBuf,
        /// Other folders to remove
        #[arg(long)]
        temporary: Vec<PathBuf>,
        /// Do not remove the directory: set-up needs it
        #[arg(long)]
        keep: bool,
    },
}

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let program = PathBuf::from(arguments.next().unwrap_or_default());
    let result = match env::var_os(HOME_PATH) {
        // Set-up links with it, too, without a kernel.
        _ if program.ends_with(wrappers::LINKER) => {
            shared_library::link_cell(&arguments.collect::<Vec<_>>())
        }
        Some(home) if is_wrapper(&program) => {
            run_wrapper(&program, &Home::at(Path::new(&home)), arguments)
        }
        _ => run(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let home = Home::at(&arguments.home);
    match arguments.task {
        Task::Kernel { connection_file } => launch::launch(&home, &connection_file),
        Task::Prepare => prepare::prepare(&home),
        Task::Compile => prepare::compile(&home),
        Task::Compare => prepare::compare(&home),
        Task::Try {
            kernelspec,
            expected,
            cell,
        } => smoke_test::run(&home, &kernelspec, &cell, &expected),
        Task::Spare => spare::keeper::run(&home),
        Task::SpareKernel => spare::holder::run(&home),
        Task::Guard {
            directory,
            temporary,
            keep,
        } => guard::run(&directory, &temporary, keep),
    }
}

fn name(program: &Path) -> &str {
    let name = program.file_name().and_then(OsStr::to_str);
    name.unwrap_or_default()
}

fn is_wrapper(program: &Path) -> bool {
    wrappers::NAMES.contains(&name(program))
}

fn run_wrapper(
    program: &Path,
    home: &Home,
    arguments: impl Iterator<Item = OsString>,
) -> Result<ExitCode> {
    let arguments: Vec<String> = arguments
        .map(|argument| argument.into_string().ok())
        .collect::<Option<_>>()
        .context("a path is not text: move it")?;
    // rust-analyzer calls cargo by a link in its sysroot.
    let is_in_sysroot = program
        .parent()
        .is_some_and(|folder| folder != home.wrappers());
    match name(program) {
        wrappers::ANALYZER_CARGO => analyzer::run_cargo(home, &arguments),
        wrappers::CARGO if is_in_sysroot => analyzer::run_cargo(home, &arguments),
        wrappers::CARGO => cargo_wrapper::run(home, &arguments),
        wrappers::RUSTC_RECORDER => rustc_call::record(&arguments),
        wrappers::RUSTC => run_rustc(home, &arguments),
        wrappers::RUSTUP => run_rustup(home, &arguments),
        // The only one that is left: `mold -run cargo …` is `cargo …`.
        _ => Err(
            Command::new(arguments.get(1).context("mold: nothing to run")?)
                .args(&arguments[2..])
                .exec(),
        )
        .context("cannot start what mold is to run"),
    }
}

fn run_rustc(home: &Home, arguments: &[String]) -> Result<ExitCode> {
    let asks_for_sysroot =
        matches!(arguments, [print, what] if print == "--print" && what == "sysroot");
    if asks_for_sysroot
        && !toolchain::is_plain()
        && env::current_dir()?.join("src/lib.rs").exists()
        && let Some(sysroot) = sysroot::for_analyzer(home)
    {
        writeln!(io::stdout(), "{}", sysroot.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    Err(wrapped(RUSTC_PATH)?.args(arguments).exec()).context("cannot start rustc")
}

fn run_rustup(home: &Home, arguments: &[String]) -> Result<ExitCode> {
    if let Some(program) = toolchain::rustup_which(home, arguments) {
        writeln!(io::stdout(), "{}", program.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    Err(wrapped(RUSTUP_PATH)?.args(arguments).exec()).context("cannot start rustup")
}
