//! Every test of the repository.

mod browser;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::hub;
use crate::notebooks::execute::{self, Exercises};
use crate::notebooks::{self, ENGLISH, OTHERS, translations};
use crate::process;
use crate::setup;
use crate::setup::libtorch::Variant;
use crate::setup::torch_wheel;
use crate::workshop::Workshop;

/// A part of the tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Part {
    /// cargo test: the crate's, set-up's own, and those of the whole
    Rust,
    /// The workshop's notebooks: committed without outputs, and executed; and some that only test
    Notebooks,
    /// The workshop's notebooks in their other languages, with the exercises solved
    Solutions,
    /// The notebooks made to fail, which must be seen to fail
    Failing,
    /// The kernel as a frontend sees it: errors, ■, displays, spare kernels
    Kernel,
    /// JupyterLab in a headless Chromium, as participants use it; skipped where there is none
    Browser,
    /// Two participants of a JupyterHub, kept apart; as root only
    Hub,
    /// The CUDA backend, where all of its libraries are installed; no GPU is needed
    Cuda,
}

/// What `cargo xtask test` runs. The CUDA backend's tests need 3 GB more, and are asked for.
const ALL: [Part; 7] = [
    Part::Rust,
    Part::Notebooks,
    Part::Solutions,
    Part::Failing,
    Part::Kernel,
    Part::Browser,
    Part::Hub,
];

/// Which cell of which notebook must be found to fail, and a word of the message.
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

/// Sets up, runs all parts or the one that is asked for, and sums up.
pub(crate) fn test(workshop: &Workshop, only: Option<Part>) -> Result<ExitCode> {
    setup::setup(workshop)?;
    let mut results = Vec::new();
    for part in only.as_ref().map_or(&ALL[..], std::slice::from_ref) {
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

/// With Jupyter's own client, in the Python that the workshop runs in.
fn kernel(workshop: &Workshop) -> Result<bool> {
    let mut command = workshop.python();
    command
        .args(["-m", "unittest", "discover", "-v", "-s", "tests/kernel"])
        .current_dir(workshop.root());
    Ok(process::run(&mut command)?.success())
}

/// The cells are the same in every language, so each is executed once with its gaps and once
/// without them, and every language once.
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
    // Of the whole workspace, as above: for one package alone cargo would choose other features of
    // what it depends on, and compile libtorch's C++ again.
    let in_rust = cargo_test(workshop, &["--workspace", "--test", "cuda"])?;
    let in_kernel = execute::run_all(workshop, &notebooks::cuda(workshop)?, Exercises::Unsolved)?;
    Ok(in_rust && in_kernel)
}

/// By evcxr itself a panic and an Err look like success to Jupyter: here it is seen that they do not.
fn failing(workshop: &Workshop) -> Result<bool> {
    let found = notebooks::failing(workshop)?;
    let names: Vec<_> = found
        .iter()
        .filter_map(|path| path.file_stem()?.to_str())
        .collect();
    if names != FAILING.map(|(name, ..)| name) {
        bail!("tests/notebooks holds {names:?}, which test.rs does not expect");
    }
    let mut good = true;
    for (path, (name, cell, word)) in found.iter().zip(FAILING) {
        let report = execute::run_one(workshop, path, Exercises::Unsolved)?;
        let seen: Vec<u64> = report.failures.iter().map(|failure| failure.cell).collect();
        let told = report
            .failures
            .iter()
            .any(|failure| failure.message.contains(word));
        let plain = report
            .failures
            .iter()
            .all(|failure| !failure.message.contains("frame #"));
        let right = seen == [cell] && told && plain;
        good &= right;
        if right {
            println!("ok      {name} fails in cell {cell}, as it must");
        } else {
            println!(
                "FAILED  {name} must fail in cell {cell} with `{word}` and no C++ frames: {:?}",
                report.failures
            );
        }
    }
    Ok(good)
}
