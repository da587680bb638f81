//! Set-up and chores of the workshop: `cargo xtask help` lists them.
//!
//! Each command is a module of its name, and its parts are modules below it. All commands use `notebooks`
//! (reading and executing notebooks), `process` (starting programs) and `workshop` (the clone and its paths).

mod bench;
mod book;
mod clean;
mod doctor;
mod hub;
mod lab;
mod notebooks;
mod pictures;
mod process;
mod run;
mod setup;
mod test;
mod workshop;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use notebooks::execute::Exercises;
use workshop::Workshop;

/// Set-up and chores of the workshop.
///
/// On a fresh machine, `cargo xtask lab` is all there is to type: it installs what is missing into
/// this folder (.venv and target), and opens the notebooks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    /// The folder of the workshop, if it is not the one that xtask was built in
    #[arg(long, global = true, hide = true)]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up what is missing, then opens JupyterLab on the notebooks
    Lab {
        /// Passed on to JupyterLab, for instance --no-browser --port 8890
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Sets up what is missing, then starts a JupyterHub for a room on this machine (as root)
    ///
    /// Everybody gets an account and a folder of their own: see hub/README.md.
    Hub(hub::Options),
    /// Installs what is missing into .venv and target; does nothing if nothing is missing
    ///
    /// GASSHUKU_TORCH=cpu|cuda chooses the libtorch to install; by default it is cuda if there is an NVIDIA
    /// GPU. LIBTORCH names the folder of a libtorch that is already installed. GASSHUKU_PYTHON names the
    /// Python to use.
    Setup,
    /// Sets up what is missing, then executes notebooks without a browser
    ///
    /// The results are in target/notebooks, as .ipynb and .html.
    Run {
        /// Files, names such as 04_train or ja/04_train, or languages (en, ja); all of the
        /// workshop's notebooks if none is named
        notebooks: Vec<PathBuf>,
        /// Execute them with the solutions of the exercises
        #[arg(long)]
        solved: bool,
    },
    /// Sets up what is missing, then runs every test
    Test {
        /// Only this part
        #[arg(long)]
        only: Option<test::Part>,
    },
    /// Measures speed and memory beside other programs that do the same work
    ///
    /// The first time it downloads about 3 GB into target/bench, and compiles for some minutes.
    Bench {
        /// What is measured; everything, about an hour, if nothing is named
        measures: Vec<bench::Measure>,
        /// How often each program is measured
        #[arg(long, default_value_t = 5)]
        runs: usize,
        /// Threads of each program; the number of processors if nothing is given
        #[arg(long)]
        threads: Option<usize>,
    },
    /// Makes a site of the executed notebooks in target/book/html, and executes those that have changed
    ///
    /// The first time it downloads about 60 MB into target/book.
    Book {
        /// The address of the repository, for the links to Codespaces, Binder and its files:
        /// https://github.com/OWNER/NAME
        #[arg(long, default_value = env!("CARGO_PKG_REPOSITORY"), hide_default_value = true)]
        repository: String,
    },
    /// Shows what is found, what is missing or damaged, and what to do about it
    Doctor,
    /// Removes from target what kernels and executed notebooks have left
    Clean {
        /// Also remove what set-up has installed, .venv included
        #[arg(long)]
        all: bool,
        /// Instead remove outputs, execution counts and foreign metadata from the notebooks
        #[arg(long, conflicts_with = "all")]
        notebooks: bool,
    },
    /// Replaces the README's pictures by those of the last run
    Pictures,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<ExitCode> {
    let workshop = Workshop::at(arguments.root)?;
    match arguments.command {
        Command::Lab { arguments } => lab::lab(&workshop, &arguments),
        Command::Hub(options) => hub::hub(&workshop, &options),
        Command::Setup => setup::setup(&workshop).map(|()| ExitCode::SUCCESS),
        Command::Run { notebooks, solved } => {
            let exercises = if solved {
                Exercises::Solved
            } else {
                Exercises::Unsolved
            };
            run::run(&workshop, &notebooks, exercises)
        }
        Command::Test { only } => test::test(&workshop, only),
        Command::Bench {
            measures,
            runs,
            threads,
        } => bench::bench(&workshop, &measures, bench::Settings { runs, threads }),
        Command::Book { repository } => book::book(&workshop, &repository),
        Command::Doctor => doctor::doctor(&workshop),
        Command::Clean { all, notebooks } => clean::clean(&workshop, all, notebooks),
        Command::Pictures => pictures::pictures(&workshop),
    }
}
