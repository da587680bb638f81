//! What is found, what is missing, and what to do about it.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Result, anyhow, bail};
use evcxr_prewarm::template::{NO_LIBRARY, State};
use evcxr_prewarm::{analyzer, spare_offers, start, toolchain};

use crate::process;
use crate::setup::libtorch::{self, Flavour, Source};
use crate::setup::{evcxr, kernelspec, packages, requirements, template, venv};
use crate::workshop::Workshop;

const SETUP: &str = "run `cargo xtask setup`";

/// A line of the table.
struct Finding {
    name: &'static str,
    /// What is there, or what is missing and what to do.
    state: Result<String>,
    /// Whether notebooks cannot run without it.
    needed: bool,
}

/// Prints the table. It succeeds where `lab` would find everything done.
pub(crate) fn doctor(workshop: &Workshop) -> Result<ExitCode> {
    let findings = findings(workshop);
    for finding in &findings {
        let (mark, text) = match &finding.state {
            Ok(text) => ("ok     ", text.clone()),
            Err(error) if finding.needed => ("MISSING", format!("{error:#}")),
            Err(error) => ("note   ", format!("{error:#}")),
        };
        println!("{mark}  {:<17} {text}", finding.name);
    }
    let works = findings
        .iter()
        .all(|finding| finding.state.is_ok() || !finding.needed);
    Ok(if works {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn findings(workshop: &Workshop) -> Vec<Finding> {
    let needed = |name, state| Finding {
        name,
        state,
        needed: true,
    };
    let note = |name, state| Finding {
        name,
        state,
        needed: false,
    };
    vec![
        needed("system", requirements::platform().map(str::to_owned)),
        needed("rustc", requirements::rust()),
        needed("cargo", cargo()),
        note("rust-src", rust_src()),
        needed("C++ compiler", requirements::compiler(workshop)),
        note("git", requirements::git()),
        needed("room", room(workshop)),
        needed("Python", python(workshop)),
        needed(
            "Python packages",
            done(packages::is_done(workshop), "JupyterLab, as locked"),
        ),
        needed("libtorch", libtorch(workshop)),
        note("GPU", gpu()),
        note("CUDA backend", cuda(workshop)),
        needed(
            "evcxr_jupyter",
            done(evcxr::is_done(workshop), evcxr::VERSION),
        ),
        needed(
            "kernelspec",
            done(
                kernelspec::is_done(workshop),
                "Rust, in .venv/share/jupyter",
            ),
        ),
        needed("kernel's template", template(workshop)),
        note("quick cells", quick(workshop)),
        note("kernels", Ok(kernels(workshop))),
        needed("data", data(workshop)),
    ]
}

fn done(is_done: bool, what: &str) -> Result<String> {
    if is_done {
        Ok(what.to_owned())
    } else {
        Err(anyhow!("not installed: {SETUP}"))
    }
}

fn cargo() -> Result<String> {
    match process::ask(Command::new("cargo").arg("--version"))? {
        Some(answer) if answer.success => Ok(answer.stdout.trim().replace("cargo ", "")),
        _ => bail!("no cargo is on PATH: install Rust from https://rustup.rs"),
    }
}

fn rust_src() -> Result<String> {
    let sysroot = toolchain::sysroot(&mut Command::new("rustc"))?;
    if fs::exists(sysroot.join(analyzer::LIBRARY))? {
        return Ok("found".to_owned());
    }
    bail!("not there; completion in notebooks knows more with it: `rustup component add rust-src`")
}

fn room(workshop: &Workshop) -> Result<String> {
    let source = libtorch::choose(workshop)?;
    let missing = requirements::missing_gb(workshop, &source);
    let free = requirements::room(workshop, missing)?;
    Ok(format!("{free:.0} GB free, {missing:.1} GB still needed"))
}

fn python(workshop: &Workshop) -> Result<String> {
    if venv::is_usable(workshop) {
        return Ok(format!("{} in .venv", venv::probe(workshop)?.version));
    }
    let python = requirements::python()?;
    bail!(
        "{} is {}, and .venv is not made of it: {SETUP}",
        python.program,
        python.version
    )
}

fn libtorch(workshop: &Workshop) -> Result<String> {
    let source = libtorch::choose(workshop)?;
    let Some(version) = libtorch::version(&workshop.libtorch()) else {
        bail!("not installed: {SETUP}");
    };
    match (&source, libtorch::installed(workshop)) {
        (Source::Own(path), _) => Ok(format!("{version}, LIBTORCH={}", path.display())),
        (Source::Wheel(wanted), Some(found)) if found >= *wanted => {
            let which = if found == Flavour::Cuda {
                "with CUDA"
            } else {
                "without CUDA"
            };
            Ok(format!("{version}, wheel {which}"))
        }
        _ => bail!("not as it is wanted: {SETUP}"),
    }
}

/// The GPU, and whether its driver is one for this libtorch's CUDA.
fn gpu() -> Result<String> {
    /// The first that CUDA 13 runs with.
    const DRIVER: u32 = 580;
    let Some(gpu) = libtorch::gpu() else {
        return Ok("none".to_owned());
    };
    let query = ["--query-gpu=driver_version", "--format=csv,noheader"];
    let answer = process::ask(Command::new("nvidia-smi").args(query))?;
    let Some(answer) = answer.filter(|answer| answer.success) else {
        bail!("{gpu}, but its driver does not answer: does `nvidia-smi` work?");
    };
    let driver = answer.stdout.lines().next().unwrap_or_default().trim();
    let major = driver
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    if major.is_some_and(|major: u32| major < DRIVER) {
        bail!(
            "{gpu}, but its driver {driver} is too old for CUDA 13: install {DRIVER} or later, until \
             then the CPU trains"
        );
    }
    Ok(format!("{gpu}, driver {driver}"))
}

/// Whether the loader finds all that the backend needs; CUDA itself is not asked.
fn cuda(workshop: &Workshop) -> Result<String> {
    const SCRIPT: &str = "import ctypes, sys; ctypes.CDLL(sys.argv[1])";
    let library = workshop.libtorch().join("lib/libtorch_cuda.so");
    if !library.exists() {
        return Ok("not part of this libtorch".to_owned());
    }
    let own = matches!(libtorch::choose(workshop), Ok(Source::Own(_)));
    if !own && libtorch::installed(workshop) == Some(Flavour::Small) {
        if let Some(gpu) = libtorch::gpu() {
            bail!("not installed, and there is {gpu}: unset GASSHUKU_TORCH and {SETUP}");
        }
        return Ok("CPU libtorch, and no GPU that would want another".to_owned());
    }
    let mut command = workshop.python();
    command.args(["-c", SCRIPT]).arg(&library);
    match process::ask(&mut command)? {
        Some(answer) if answer.success => Ok("loads".to_owned()),
        Some(answer) => bail!(
            "does not load: {}",
            answer.stderr.lines().last().unwrap_or("")
        ),
        None => bail!("cannot be tried without .venv: {SETUP}"),
    }
}

fn template(workshop: &Workshop) -> Result<String> {
    match template::state(workshop)? {
        State::Fresh => Ok("fresh".to_owned()),
        State::Stale => bail!("the crate has changed since it was compiled: {SETUP}"),
        State::Unusable => bail!("not compiled with this Rust and libtorch: {SETUP}"),
    }
}

/// Which of the things are on that make kernels quick.
fn quick(workshop: &Workshop) -> Result<String> {
    let home = workshop.kernel_home();
    let settings = template::settings(workshop)?;
    if let Some(why) = template::without_tricks(&home) {
        bail!("off, for {why}");
    }
    if start::is_plain(&home, &settings) {
        bail!("off: GASSHUKU_PLAIN is 1");
    }
    if let Ok(why) = fs::read_to_string(home.template().join(NO_LIBRARY)) {
        bail!("cargo's calls repeated, types from three libraries; no library for cells: {why}");
    }
    if !home.sysroot().exists() {
        bail!("cargo's calls repeated, one library for cells; no sources of Rust's library");
    }
    Ok("cargo's calls repeated, one library for cells, types from three libraries".to_owned())
}

fn kernels(workshop: &Workshop) -> String {
    let home = workshop.kernel_home();
    let spare = spare_offers::count(&home);
    format!(
        "{} at work, {spare} of them ready beforehand",
        start::running(&home)
    )
}

fn data(workshop: &Workshop) -> Result<String> {
    let folder = workshop.root().join("data/fashion-mnist");
    let names = [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ];
    let missing: Vec<_> = names
        .into_iter()
        .filter(|name| !folder.join(name).exists())
        .collect();
    if missing.is_empty() {
        return Ok("Fashion-MNIST in data/fashion-mnist".to_owned());
    }
    bail!(
        "{} not in data/fashion-mnist: take them from git again",
        missing.join(", ")
    )
}
