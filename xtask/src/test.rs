//! Every test of the repository.

mod browser;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::hub;
use crate::notebooks::execute::{self, Exercises, Failure};
use crate::notebooks::{self, ENGLISH, OTHERS, translations};
use crate::process;
use crate::setup;
use crate::setup::libtorch::Variant;
use crate::setup::torch_wheel;
use crate::workshop::Workshop;

/// A part of the tests, as on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Part {
    /// cargo test: the tests of all crates
    Rust,
    /// The English notebooks: committed without outputs, the same in all languages, and executed
    Notebooks,
    /// The notebooks in the other languages, executed with the solutions of the exercises
    Solutions,
    /// Test notebooks that must fail
    Failing,
    /// The kernel as Jupyter uses it: errors, interrupts, displays, spare kernels
    Kernel,
    /// JupyterLab in a headless Chromium, as participants use it; skipped if there is none
    Browser,
    /// JupyterHub with two participants; only as root
    Hub,
    /// The CUDA backend, with all of its libraries installed; no GPU is needed
    Cuda,
}

/// What `cargo xtask test` runs. The tests of the CUDA backend need another 3 GB, so they run only on request.
const DEFAULT: [Part; 7] = [
    Part::Rust,
    Part::Notebooks,
    Part::Solutions,
    Part::Failing,
    Part::Kernel,
    Part::Browser,
    Part::Hub,
];

/// Test notebooks, the number of the cell that must fail, and a part of its message.
const FAILING: [(&str, u64, &str); 4] = [
    ("compile_error", 2, "not_there"),
    (
        "libtorch_panics",
        2,
        "shape '[2, 2]' is invalid for input of size 3",
    ),
    ("panics", 2, "made to panic"),
    ("returns_error", 2, "made to fail"),
];

/// Sets up what is missing, runs all parts or the given one, and prints the results.
pub(crate) fn test(workshop: &Workshop, only: Option<Part>) -> Result<ExitCode> {
    setup::setup(workshop)?;
    let mut results = Vec::new();
    for part in only.as_ref().map_or(&DEFAULT[..], std::slice::from_ref) {
        println!("\n== {}", name(*part));
        let start = Instant::now();
        let good = run_part(workshop, *part).unwrap_or_else(|error| {
            println!("error: {error:#}");
            false
        });
        results.push((*part, good, start.elapsed()));
    }
    println!();
    for (part, good, time) in &results {
        let word = if *good { "ok    " } else { "FAILED" };
        println!(
            "{word}  {} ({})",
            name(*part),
            process::format_duration(*time)
        );
    }
    let good = results.iter().all(|(_, good, _)| *good);
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Rust => "cargo test",
        Part::Notebooks => "notebooks",
        Part::Solutions => "notebooks with solutions",
        Part::Failing => "notebooks made to fail",
        Part::Kernel => "kernel",
        Part::Browser => "browser",
        Part::Hub => "hub",
        Part::Cuda => "CUDA backend",
    }
}

fn run_part(workshop: &Workshop, part: Part) -> Result<bool> {
    match part {
        Part::Rust => cargo_test(workshop, &["--workspace"]),
        Part::Notebooks => {
            let clean = notebooks::check_all(workshop)?;
            let alike = translations::check_all(workshop)?;
            let mut every = notebooks::of_language(workshop, ENGLISH)?;
            every.extend(notebooks::passing(workshop)?);
            Ok(execute::run_all(workshop, &every, Exercises::Unsolved)? && clean && alike)
        }
        Part::Solutions => solutions(workshop),
        Part::Failing => failing(workshop),
        Part::Kernel => kernel(workshop),
        Part::Browser => browser::test(workshop),
        Part::Hub => hub::test(workshop),
        Part::Cuda => cuda(workshop),
    }
}

fn cargo_test(workshop: &Workshop, arguments: &[&str]) -> Result<bool> {
    let mut command = workshop.cargo();
    command.args(["test", "--no-fail-fast"]).args(arguments);
    Ok(process::run(&mut command)?.success())
}

/// Runs `tests/kernel`, which use Jupyter's client, in the Python of .venv.
fn kernel(workshop: &Workshop) -> Result<bool> {
    let mut command = workshop.python();
    command
        .args(["-m", "unittest", "discover", "-v", "-s", "tests/kernel"])
        .current_dir(workshop.root());
    Ok(process::run(&mut command)?.success())
}

/// Executes the other languages with solutions. The cells are the same in all languages, so each cell is
/// executed with and without solutions, and each language once.
fn solutions(workshop: &Workshop) -> Result<bool> {
    let mut good = true;
    for language in OTHERS {
        let notebooks = notebooks::of_language(workshop, language)?;
        good &= execute::run_all(workshop, &notebooks, Exercises::Solved)?;
    }
    Ok(good)
}

fn cuda(workshop: &Workshop) -> Result<bool> {
    if torch_wheel::found(workshop).0 != Some(Variant::Cuda) {
        bail!("the CUDA libraries are not installed: run `GASSHUKU_TORCH=cuda cargo xtask setup`");
    }
    // The whole workspace, as above: for a single package, cargo would choose other features of its
    // dependencies, and compile torch-sys's C++ again.
    let in_rust = cargo_test(workshop, &["--workspace", "--test", "cuda"])?;
    let in_kernel = execute::run_all(workshop, &notebooks::cuda(workshop)?, Exercises::Unsolved)?;
    Ok(in_rust && in_kernel)
}

/// Executes the test notebooks that must fail. With plain evcxr, a panic and an `Err` look like success to
/// Jupyter; with this kernel they must not.
fn failing(workshop: &Workshop) -> Result<bool> {
    let found = notebooks::failing(workshop)?;
    let names: Vec<_> = found
        .iter()
        .filter_map(|path| path.file_stem()?.to_str())
        .collect();
    if names != FAILING.map(|(name, ..)| name) {
        bail!("tests/notebooks holds {names:?}, which xtask/src/test.rs does not expect");
    }
    let mut good = true;
    for (path, (name, cell, message)) in found.iter().zip(FAILING) {
        let failures = execute::run_one(workshop, path, Exercises::Unsolved)?.failures;
        let is_expected = fails_as_expected(&failures, cell, message);
        good &= is_expected;
        if is_expected {
            println!("ok      {name} fails in cell {cell}, as it must");
        } else {
            println!(
                "FAILED  {name} must fail in cell {cell} with `{message}` and no C++ frames: {failures:?}"
            );
        }
    }
    Ok(good)
}

/// Whether only this cell has failed, with this message, and without the C++ frames of libtorch's errors.
fn fails_as_expected(failures: &[Failure], cell: u64, message: &str) -> bool {
    let cells: Vec<u64> = failures.iter().map(|failure| failure.cell).collect();
    let mut messages = failures.iter().map(|failure| &failure.message);
    cells == [cell]
        && messages.clone().any(|found| found.contains(message))
        && messages.all(|found| !found.contains("frame #"))
}
