//! Whether everything that notebooks need is there and works, and what to do if not.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow, bail};
use evcxr_prewarm::template::{NO_LIBRARY, State};
use evcxr_prewarm::{directory, inventory, spare_registry, sysroot, toolchain};

use crate::process;
use crate::setup::condition::Condition;
use crate::setup::libtorch::{self, Source, Variant};
use crate::setup::{
    disk_space, evcxr, gpu, kernelspec, launcher, packages, python, requirements, template,
    torch_wheel, venv,
};
use crate::workshop::Workshop;

const SETUP: &str = "run `cargo xtask setup`";

/// A line of the table.
struct Finding {
    name: &'static str,
    /// What was found, or what is missing and what to do.
    state: Result<String>,
    /// Whether notebooks need it.
    needed: bool,
}

impl Finding {
    fn is_good(&self) -> bool {
        self.state.is_ok() || !self.needed
    }
}

/// Prints the table. It succeeds if set-up has nothing to do and a cell works.
pub(crate) fn doctor(workshop: &Workshop) -> Result<ExitCode> {
    let mut findings = findings(workshop);
    let works = findings.iter().all(Finding::is_good);
    findings.push(Finding {
        name: "a cell",
        state: if works {
            try_cell(workshop)
        } else {
            Err(anyhow!("not tried, because something above is missing"))
        },
        needed: works,
    });
    for finding in &findings {
        let (mark, text) = match &finding.state {
            Ok(text) => ("ok     ", text.clone()),
            Err(error) if finding.needed => ("MISSING", format!("{error:#}")),
            Err(error) => ("note   ", format!("{error:#}")),
        };
        println!("{mark}  {:<17} {text}", finding.name);
    }
    Ok(if works && findings.iter().all(Finding::is_good) {
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
        needed("disk space", disk_space(workshop)),
        needed("Python", python(workshop)),
        needed(
            "Python packages",
            found_if_intact(&packages::condition(workshop), "JupyterLab, as locked"),
        ),
        needed("libtorch", libtorch(workshop)),
        note("GPU", gpu()),
        note("CUDA backend", cuda(workshop)),
        needed(
            "evcxr_jupyter",
            found_if_intact(&evcxr::condition(workshop), evcxr::VERSION),
        ),
        needed("launcher", launcher(workshop)),
        needed("kernelspec", kernelspec(workshop)),
        needed("kernel's template", template(workshop)),
        note("quick cells", quick_cells(workshop)),
        note("kernels", Ok(kernels(workshop))),
        needed("data", data(workshop)),
    ]
}

fn found_if_intact(condition: &Condition, what: &str) -> Result<String> {
    condition.check(SETUP).map(|()| what.to_owned())
}

fn launcher(workshop: &Workshop) -> Result<String> {
    let condition = launcher::condition(workshop);
    if condition == Condition::NotInstalled {
        bail!("not compiled from the current sources: {SETUP}");
    }
    found_if_intact(&condition, "compiled from kernel/")
}

fn kernelspec(workshop: &Workshop) -> Result<String> {
    if kernelspec::is_current(workshop) && template::is_written(workshop)? {
        return Ok("Rust, in .venv/share/jupyter".to_owned());
    }
    bail!("not as set-up writes it: {SETUP}")
}

fn cargo() -> Result<String> {
    match process::output(Command::new("cargo").arg("--version"))? {
        Some(output) if output.success => Ok(output.stdout.trim().replace("cargo ", "")),
        _ => bail!("no cargo is on PATH: install Rust from https://rustup.rs"),
    }
}

fn rust_src() -> Result<String> {
    let sysroot = toolchain::sysroot(&mut Command::new("rustc"))?;
    if fs::exists(sysroot.join(sysroot::LIBRARY_SOURCES))? {
        return Ok("found".to_owned());
    }
    bail!("not there; completion in notebooks knows more with it: `rustup component add rust-src`")
}

fn disk_space(workshop: &Workshop) -> Result<String> {
    let source = libtorch::choose(workshop)?;
    let needed = disk_space::needed_gb(workshop, &source);
    let free = disk_space::free_gb(workshop, needed)?;
    Ok(format!("{free:.0} GB free, {needed:.1} GB still needed"))
}

fn python(workshop: &Workshop) -> Result<String> {
    if venv::is_usable(workshop) {
        return Ok(format!("{} in .venv", venv::probe(workshop)?.version));
    }
    let python = python::find()?;
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
    let (found, condition) = torch_wheel::found(workshop);
    match (&source, found) {
        (Source::Named(path), _) => Ok(format!("{version}, LIBTORCH={}", path.display())),
        (Source::Wheel(wanted), Some(found)) if found >= *wanted => {
            condition.check(SETUP)?;
            let which = if found == Variant::Cuda {
                "with CUDA"
            } else {
                "without CUDA"
            };
            Ok(format!("{version}, wheel {which}"))
        }
        _ => bail!("not the one that is wanted: {SETUP}"),
    }
}

/// The GPU, and whether its driver is new enough for this libtorch's CUDA.
fn gpu() -> Result<String> {
    /// The oldest that works with CUDA 13.
    const OLDEST_DRIVER: u32 = 580;
    let Some(gpu) = gpu::find() else {
        return Ok("none that libtorch could use (NVIDIA)".to_owned());
    };
    if let Some(why) = gpu.why_too_old() {
        bail!("{why}");
    }
    let gpu = gpu.name;
    let query = ["--query-gpu=driver_version", "--format=csv,noheader"];
    let Some(output) = gpu::nvidia_smi(&query) else {
        bail!("{gpu}, but its driver does not answer: does `nvidia-smi` work?");
    };
    let driver = output.lines().next().unwrap_or_default().trim();
    let major = driver
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    if major.is_some_and(|major: u32| major < OLDEST_DRIVER) {
        bail!(
            "{gpu}, but its driver {driver} is too old for CUDA 13: install {OLDEST_DRIVER} or later, until \
             then the CPU trains"
        );
    }
    Ok(format!("{gpu}, driver {driver}"))
}

/// Whether the CUDA backend can be loaded with all libraries that it needs. No GPU is used.
fn cuda(workshop: &Workshop) -> Result<String> {
    const SCRIPT: &str = "import ctypes, sys; ctypes.CDLL(sys.argv[1])";
    let library = workshop.libtorch().join("lib/libtorch_cuda.so");
    if !library.exists() {
        return Ok("not part of this libtorch".to_owned());
    }
    let is_named = matches!(libtorch::choose(workshop), Ok(Source::Named(_)));
    if !is_named && torch_wheel::found(workshop).0 == Some(Variant::Cpu) {
        if let Some(gpu) = gpu::find()
            && gpu.why_too_old().is_none()
        {
            bail!(
                "not installed, and there is {}: unset GASSHUKU_TORCH and {SETUP}",
                gpu.name
            );
        }
        return Ok("libtorch for the CPU, and no GPU that needs another".to_owned());
    }
    let mut command = workshop.python();
    command.args(["-c", SCRIPT]).arg(&library);
    match process::output(&mut command)? {
        Some(output) if output.success => Ok("loads".to_owned()),
        Some(output) => bail!(
            "does not load: {}",
            output.stderr.lines().last().unwrap_or("")
        ),
        None => bail!("cannot be tried without .venv: {SETUP}"),
    }
}

fn template(workshop: &Workshop) -> Result<String> {
    match template::state(workshop)? {
        State::Fresh => Ok("fresh".to_owned()),
        State::Stale => bail!("the crate has changed since it was compiled: {SETUP}"),
        State::Unusable => bail!("not compiled with this Rust and libtorch: {SETUP}"),
        State::Damaged => {
            let home = workshop.kernel_home();
            let damage = evcxr_prewarm::template::damages(&home).next();
            let damage = damage.map_or_else(String::new, |damage| damage.to_string());
            bail!("damaged, {damage}: {SETUP}")
        }
    }
}

/// Starts a kernel as Jupyter does, and runs a cell with a tensor.
fn try_cell(workshop: &Workshop) -> Result<String> {
    let cell = format!(
        "{}\nuse gasshuku::prelude::*;\n\
         Tensor::from_slice(&[1.0, 2.0, 3.0]).sum(Kind::Double).double_value(&[])",
        template::settings(workshop)?.dependency()
    );
    let mut command = Command::new(workshop.launcher());
    command
        .arg("--home")
        .arg(workshop.kernel())
        .args(["try", "--expected", "6.0", "--kernelspec"])
        .arg(workshop.kernelspec().join("kernel.json"))
        .arg(cell)
        .current_dir(workshop.notebooks());
    let output = process::output(&mut command)?.context("the launcher is missing")?;
    if output.success {
        return Ok(format!("a kernel {}", output.stdout.trim()));
    }
    let why = output.stderr.trim();
    let why = why.strip_prefix("error: ").unwrap_or(why);
    bail!(
        "{why}. Run `cargo xtask setup`; if that changes nothing, `cargo xtask clean --all` and \
         `cargo xtask setup` make everything anew"
    )
}

/// Which of the tricks that make kernels fast are on.
fn quick_cells(workshop: &Workshop) -> Result<String> {
    let home = workshop.kernel_home();
    let settings = template::settings(workshop)?;
    if let Some(why) = template::why_plain(&home) {
        bail!("off: {why}");
    }
    if settings.is_plain(&home) {
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
    let spare = spare_registry::count(&home);
    format!(
        "{} at work, {spare} of them ready beforehand",
        directory::count_in_use(&home)
    )
}

fn data(workshop: &Workshop) -> Result<String> {
    let folder = workshop.root().join("data/fashion-mnist");
    let files = [
        ("train-images-idx3-ubyte.gz", 26_421_856),
        ("train-labels-idx1-ubyte.gz", 29_491),
        ("t10k-images-idx3-ubyte.gz", 4_422_079),
        ("t10k-labels-idx1-ubyte.gz", 5_125),
    ];
    let mut damages = files
        .iter()
        .filter_map(|(name, bytes)| inventory::check(&folder.join(name), Some(*bytes)));
    match damages.next() {
        None => Ok("Fashion-MNIST in data/fashion-mnist".to_owned()),
        Some(damage) => bail!("{damage}: take it from git again"),
    }
}
