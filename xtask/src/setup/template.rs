//! The kernel's crate, compiled once, so that each kernel starts from a copy of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use evcxr_prewarm::settings::{Home, Settings};
use evcxr_prewarm::template::{self, State};
use evcxr_prewarm::toolchain::Toolchain;
use evcxr_prewarm::{configuration, sysroot, wrappers};

use super::step::{Runner, TEMPLATE};
use super::{evcxr, torch_wheel};
use crate::workshop::{LIBRARY_PATH, Workshop};

/// What the compilation needs on the disk while it runs.
const DISK_GB: f64 = 1.5;

/// Compiles the template, or compiles it again, by running a notebook's first cells in a kernel. Returns
/// whether anything has changed.
pub(crate) fn build(workshop: &Workshop, runner: &Runner) -> Result<bool> {
    let home = workshop.kernel_home();
    let settings = settings(workshop)?;
    let mut changed = home.write_settings(&settings)?;
    changed |= configuration::write(&home, &settings)?;
    changed |= wrappers::write(&home, &workshop.launcher())?;
    if !home.sysroot().exists() {
        let toolchain = Toolchain::find(&home, &settings.crate_folder)?;
        sysroot::create(&home, &toolchain.sysroot)?;
    }
    if template::state(&home, &settings)? == State::Fresh {
        return Ok(changed);
    }
    let building = template::build::begin(&home, &settings, &|text| TEMPLATE.print(text))?;
    let launcher = |task: &str| {
        let mut command = Command::new(workshop.launcher());
        command.arg("--home").arg(home.path()).arg(task);
        command
    };
    runner.run(TEMPLATE, &mut launcher("compile"), &progress)?;
    template::build::finish(&home, &settings, building)?;
    TEMPLATE.print("comparing what a kernel answers with what evcxr answers by itself");
    runner.run(TEMPLATE, &mut launcher("compare"), &progress)?;
    if let Some(why) = why_plain(&home) {
        TEMPLATE.print(&format!(
            "kernels will run without the tricks that make them fast: {why}"
        ));
    }
    TEMPLATE.print("done");
    Ok(true)
}

/// The settings of kernels: what they need to know about the workshop.
pub(crate) fn settings(workshop: &Workshop) -> Result<Settings> {
    let root = workshop.root();
    let libtorch = fs::canonicalize(workshop.libtorch()).unwrap_or_default();
    let text = |path: &dyn AsRef<std::ffi::OsStr>| path.as_ref().to_string_lossy().into_owned();
    Ok(Settings {
        lock_file: root.join("Cargo.lock"),
        sources: ["Cargo.toml", ".cargo/config.toml"]
            .map(|file| root.join(file))
            .into(),
        evcxr: workshop.program("evcxr_jupyter"),
        environment: [
            ("LIBTORCH", text(&workshop.libtorch())),
            (LIBRARY_PATH, text(&workshop.libtorch().join("lib"))),
            // libtorch's threads wait for each other in a loop. By default the loop is so long that a
            // training gets ten times slower as soon as another program, such as a browser, needs a
            // processor. Without the loop it takes twice as long on a machine that does nothing else.
            ("GOMP_SPINCOUNT", "1000".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        files: files(workshop),
        made_by: format!(
            "evcxr {}\n{}\n{}",
            evcxr::VERSION,
            libtorch.display(),
            root.display()
        ),
        threads: vec!["OMP_NUM_THREADS".to_owned()],
        prefix: "GASSHUKU".to_owned(),
        advice: "run `cargo xtask setup`".to_owned(),
        ..Settings::of_crate(&root.join("crate"))?
    })
}

/// The files that kernels check before they start, with their sizes. The earlier steps have checked that they
/// are intact.
fn files(workshop: &Workshop) -> BTreeMap<PathBuf, u64> {
    let mut paths = torch_wheel::libraries(workshop).unwrap_or_default();
    paths.push(workshop.program("evcxr_jupyter"));
    let sizes = paths.into_iter().filter_map(|path| {
        let size = fs::metadata(&path).ok()?.len();
        Some((path, size))
    });
    sizes.collect()
}

/// Whether the settings and the small programs are as set-up would write them now.
pub(crate) fn is_written(workshop: &Workshop) -> Result<bool> {
    let home = workshop.kernel_home();
    let settings = settings(workshop)?;
    let written = home.settings().map(|found| Settings {
        files: settings.files.clone(),
        ..found
    });
    Ok(written.is_ok_and(|found| found == settings)
        && configuration::is_written(&home, &settings)
        && wrappers::first_missing(&home).is_none())
}

/// Whether the template is there and up to date.
pub(crate) fn state(workshop: &Workshop) -> Result<State> {
    template::state(&workshop.kernel_home(), &settings(workshop)?)
}

/// Why kernels run without tricks, if they do.
pub(crate) fn why_plain(home: &Home) -> Option<String> {
    fs::read_to_string(home.plain()).ok()
}

pub(crate) fn needed_gb(workshop: &Workshop) -> f64 {
    match state(workshop) {
        Ok(State::Fresh) => 0.0,
        _ => DISK_GB,
    }
}

fn progress(output: &str) -> String {
    let compiling = output
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Compiling "));
    match compiling.enumerate().last() {
        Some((position, name)) => format!("crate {}, {name}", position + 1),
        None => "starting the kernel".to_owned(),
    }
}
