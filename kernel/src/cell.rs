//! Compiles a cell.
//!
//! A cell changes one file, `src/lib.rs`. But cargo looks at hundreds of crates before it calls rustc,
//! which takes 0.15 s, a third of the time of a small cell. So cargo is called only once: its call of
//! rustc is recorded, and repeated for each cell until anything but that file has changed. The same
//! call checks a cell that does not compile, in 0.1 s; `cargo check` takes 22 to 47 s for the first
//! such cell of a kernel, since it checks all crates again.
//!
//! It rests on evcxr 0.22, which calls `cargo build` and `cargo check`, and on the layout of cargo's
//! target folder (1.95).

use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::cached_call::CachedCall;
use crate::cell_protocol::{LISTENING, MARKED, SIDE_CHANNEL};
use crate::cell_source;
use crate::program::cannot_start;
use crate::rustc_call::{CELL_CRATE, RECORD_TO, RustcCall};
use crate::settings::{Home, Settings};
use crate::toolchain::{self, CARGO_PATH, wrapped};
use crate::{cargo_output, shared_library, template, wrappers};

/// cargo's exit code if rustc has failed.
const RUSTC_FAILED: u8 = 101;

/// Does what `cargo build` would. The current folder is the kernel's directory.
///
/// # Errors
///
/// The kernel's directory is damaged, or a compiler does not start.
pub fn build(home: &Home, settings: &Settings, arguments: &[String]) -> Result<ExitCode> {
    let _ = fs::remove_file(MARKED);
    let with_markers = has_front();
    let source = fs::read_to_string("src/lib.rs").context("there is no cell")?;
    let with_store = with_kernels_store(&source)?;
    let source = with_store.as_ref().unwrap_or(&source);
    let changed = cell_source::change(source, with_markers);
    if let Some(text) = changed
        .as_ref()
        .map(|changed| &changed.text)
        .or(with_store.as_ref())
    {
        fs::write("src/lib.rs", text).context("cannot write the cell")?;
    }
    if let Some(changed) = changed.filter(|_| with_markers) {
        fs::write(MARKED, changed.number.to_string()).context("cannot write the cell's number")?;
    }
    let code = compile(home, settings, arguments)?;
    if code != ExitCode::SUCCESS {
        let _ = fs::remove_file(MARKED);
    }
    Ok(code)
}

/// The cell with the store that this kernel uses. All cells of a kernel share one store, so the start
/// of the kernel decides which one it is.
fn with_kernels_store(source: &str) -> Result<Option<String>> {
    match env::var(toolchain::STORE) {
        Ok(format) if format == cell_source::STORE_FORMAT => {
            Ok(cell_source::with_small_store(source))
        }
        Ok(_) => bail!("set-up has replaced this kernel's programs: restart the kernel"),
        Err(_) => Ok(None),
    }
}

/// Whether a front reads the output of the cells.
fn has_front() -> bool {
    env::var_os(SIDE_CHANNEL).is_some_and(|folder| Path::new(&folder).join(LISTENING).exists())
}

fn compile(home: &Home, settings: &Settings, arguments: &[String]) -> Result<ExitCode> {
    let cache = CachedCall::of(home, settings, arguments)?;
    if let Some(call) = cache.as_ref().and_then(CachedCall::read::<RustcCall>)
        && call.is_possible()
    {
        return repeat(home, &call);
    }
    template::copy_rest_to_current(home)?;
    let mut cargo = wrapped(CARGO_PATH)?;
    cargo.args(arguments);
    match cache {
        Some(cache) => compile_and_record(home, cargo, &cache),
        None => cargo_output::run(cargo),
    }
}

fn compile_and_record(home: &Home, mut cargo: Command, cache: &CachedCall) -> Result<ExitCode> {
    let record = cache.path().with_extension("call");
    cargo
        .env(
            "RUSTC_WORKSPACE_WRAPPER",
            home.wrappers().join(wrappers::RUSTC_RECORDER),
        )
        .env(RECORD_TO, &record);
    let code = cargo_output::run(cargo)?;
    // There is no record if cargo had compiled the same cell before.
    if let Ok(text) = fs::read(&record) {
        let mut call: RustcCall = serde_json::from_slice(&text)?;
        call.keep_only_cargos_variables();
        cache.write(call)?;
        fs::remove_file(&record)?;
    }
    Ok(code)
}

/// Reports the errors of a cell, as `cargo check` would. It uses the call of `cargo build`.
///
/// # Errors
///
/// The kernel's directory is damaged, or a compiler does not start.
pub fn check(home: &Home, settings: &Settings, arguments: &[String]) -> Result<ExitCode> {
    let as_build: Vec<String> = arguments
        .iter()
        .map(|word| {
            if word == "check" {
                "build".to_owned()
            } else {
                word.clone()
            }
        })
        .collect();
    let cache = CachedCall::of(home, settings, &as_build)?;
    match cache.as_ref().and_then(CachedCall::read::<RustcCall>) {
        Some(call) if call.is_possible() => {
            let success = run_with_messages_on_stdout(&mut call.check_command())?;
            Ok(cargos_code(success))
        }
        _ => compile(home, settings, &as_build),
    }
}

/// Repeats a call, and prints what cargo would: evcxr reads rustc's messages and the path of the
/// library from standard output.
fn repeat(home: &Home, call: &RustcCall) -> Result<ExitCode> {
    let Some(library) = call.library() else {
        return Ok(cargos_code(false));
    };
    let folder = library.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).context("cannot write to the kernel's directory")?;
    remove_loaded_libraries(folder.parent().unwrap_or(folder));
    let mut rustc = call.command();
    rustc.args(lower_optimization(call.arguments()));
    shared_library::link_with_it(home, call.arguments(), &mut rustc)?;
    if !run_with_messages_on_stdout(&mut rustc)? {
        return Ok(cargos_code(false));
    }
    let artifact = json!({
        "reason": "compiler-artifact",
        "target": { "name": CELL_CRATE },
        "filenames": [link_where_cargo_does(&library)?],
    });
    let line = cargo_output::with_evcxr_path(&artifact.to_string())?;
    writeln!(io::stdout(), "{line}")?;
    Ok(cargos_code(true))
}

fn run_with_messages_on_stdout(rustc: &mut Command) -> Result<bool> {
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    let status = rustc
        .stderr(Stdio::from(stdout))
        .status()
        .with_context(|| cannot_start(rustc))?;
    Ok(status.success())
}

fn cargos_code(success: bool) -> ExitCode {
    ExitCode::from(if success { 0 } else { RUSTC_FAILED })
}

/// A cell is compiled at level 1 if evcxr asks for 2, its default: 0.01 s of 0.2 less. Loops over
/// 47 million pixels, a sort or a handwritten product of matrices are as fast (within a tenth; a histogram
/// takes 28 ms instead of 21). Level 0 would save 0.03 s, and make them 5 to 30 times slower. A level
/// that the user has set with `:opt_level` is kept.
fn lower_optimization(arguments: &[String]) -> Option<&'static str> {
    let is_default = arguments.iter().any(|word| word == "opt-level=2");
    is_default.then_some("-Copt-level=1")
}

/// evcxr 0.22 keeps the library of every cell, 1.3 MB of files a cell. Once a library is loaded, its
/// file is not needed.
fn remove_loaded_libraries(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("libcode_") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Links the library from `debug/deps` to `debug`: evcxr moves it away from there.
fn link_where_cargo_does(library: &Path) -> Result<PathBuf> {
    let name = library.file_name().unwrap_or_default();
    let folder = library.parent().and_then(Path::parent);
    let target = folder.unwrap_or(Path::new(".")).join(name);
    let _ = fs::remove_file(&target);
    fs::hard_link(library, &target)
        .or_else(|_| fs::copy(library, &target).map(|_| ()))
        .with_context(|| format!("cannot write {}", target.display()))?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_evcxrs_default_level_of_optimization_is_changed() {
        let call = |level: &str| ["-C".to_owned(), format!("opt-level={level}")];
        assert_eq!(lower_optimization(&call("2")), Some("-Copt-level=1"));
        assert_eq!(lower_optimization(&call("3")), None);
        assert_eq!(lower_optimization(&call("0")), None);
    }
}
