//! Links all compiled crates into one shared library, once in set-up. Cells are linked with it.
//!
//! A cell that depends on a hundred crates is linked with a hundred archives (rlibs). The linker reads
//! their symbols each time, and copies what the cell uses into the cell's library. With one shared
//! library instead, rustc and the linker take 0.12 s instead of 0.19 s for a small cell, its library has
//! 43 kB instead of 824 kB, and all cells share the statics of the crates. Symbols in rlibs have default
//! visibility, so the library can export all of them, also those of C code. A `dylib` crate would not
//! export those of C code (tried with Rust 1.95).
//!
//! It needs Linux and a linker that understands the options of GNU ld. Otherwise, or if linking the
//! library fails, cells are linked with the archives.

use std::collections::HashSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::program::{self, cannot_start};
use crate::rustc_call::RustcCall;
use crate::settings::Home;
use crate::wrappers;

/// The folder of the library, in a kernel's directory.
pub const FOLDER: &str = "target/library";
const LIBRARY: &str = "libcrates.so";
/// A list of the archives in the library, a line each.
const ARCHIVES: &str = "archives";
/// A list of other libraries that the library is linked with, a line each.
const LIBRARIES: &str = "libraries";

/// Tells the linker of a cell the folder of the library.
const USE_FOLDER: &str = "EVCXR_PREWARM_LIBRARY";
/// Tells the linker of a cell a file to which it writes its arguments.
const RECORD_TO: &str = "EVCXR_PREWARM_WORDS";

/// Libraries of the system that every program is linked with.
const SYSTEM_LIBRARIES: [&str; 8] = [
    "-lc",
    "-lm",
    "-ldl",
    "-lrt",
    "-lutil",
    "-lpthread",
    "-lgcc_s",
    "-lstdc++",
];

/// Makes rustc link a cell with the library in the kernel's directory, the current folder, if there is
/// one.
///
/// # Errors
///
/// The current folder does not exist.
pub fn link_with_it(home: &Home, arguments: &[String], rustc: &mut Command) -> Result<()> {
    let folder = env::current_dir()?.join(FOLDER);
    let other_linker = arguments.iter().any(|word| word.starts_with("linker="));
    if other_linker || !folder.join(ARCHIVES).exists() {
        return Ok(());
    }
    rustc
        .arg(linker_argument(home))
        // With nothing else to optimize, link-time optimization of a cell only costs 0.04 s.
        .arg("-Clto=off")
        .env(USE_FOLDER, folder);
    Ok(())
}

fn linker_argument(home: &Home) -> OsString {
    let mut argument = OsString::from("-Clinker=");
    argument.push(home.wrappers().join(wrappers::LINKER));
    argument
}

/// Links the library in a kernel's directory. `call` has compiled a cell there.
///
/// # Errors
///
/// This is not Linux, or the linker does not understand the options of GNU ld. Cells are then linked
/// with the archives.
pub fn link(home: &Home, directory: &Path, call: &RustcCall, crate_name: &str) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("only on Linux");
    }
    let folder = directory.join(FOLDER);
    program::remove_if_exists(&folder)?;
    fs::create_dir_all(&folder)?;
    let arguments = linker_arguments_of_cell(home, directory, call, crate_name, &folder)?;
    let inputs = LinkerInputs::of_cell(&arguments, directory);
    if inputs.archives.is_empty() {
        bail!("the compiler hands no archives to the linker");
    }
    let library = folder.join(LIBRARY);
    let mut cc = Command::new("cc");
    cc.current_dir(directory)
        .args(inputs.library_arguments())
        .arg("-o")
        .arg(&library);
    match program::output(&mut cc)? {
        Some(output) if output.success => {}
        Some(output) => bail!("the linker cannot make it: {}", last_line(&output.stderr)),
        None => bail!(cannot_start(&cc)),
    }
    let mut archives = String::new();
    for archive in &inputs.archives {
        archives += &identity(&directory.join(archive))?;
        archives.push('\n');
    }
    fs::write(folder.join(LIBRARIES), inputs.libraries.join("\n"))?;
    // Written last: without this file, the library is not used.
    fs::write(folder.join(ARCHIVES), archives)?;
    Ok(())
}

/// The arguments with which rustc calls the linker for a cell that uses the crate.
fn linker_arguments_of_cell(
    home: &Home,
    directory: &Path,
    call: &RustcCall,
    crate_name: &str,
    folder: &Path,
) -> Result<Vec<String>> {
    let source = directory.join("src/lib.rs");
    fs::write(&source, format!("extern crate {crate_name} as _;\n"))?;
    let record = folder.join("arguments");
    let mut rustc = call.command();
    rustc
        .current_dir(directory)
        .arg(linker_argument(home))
        .env(RECORD_TO, &record);
    match program::output(&mut rustc)? {
        Some(output) if output.success => {}
        Some(output) => bail!("a cell cannot be linked: {}", last_line(&output.stderr)),
        None => bail!(cannot_start(&rustc)),
    }
    let text = fs::read_to_string(&record).context("the compiler has not called the linker")?;
    fs::remove_file(&record)?;
    Ok(text.split('\0').map(str::to_owned).collect())
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or("no message")
}

/// What a cell is linked with.
#[derive(Default)]
struct LinkerInputs {
    archives: Vec<String>,
    /// Arguments that name libraries: `-lNAME`.
    libraries: Vec<String>,
    /// Other arguments: library folders, the linker to use, Rust's shared libraries.
    others: Vec<String>,
}

impl LinkerInputs {
    fn of_cell(arguments: &[String], directory: &Path) -> Self {
        let mut inputs = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if is_archive(argument) {
                inputs.archives.push(argument.clone());
            } else if argument == "-L" {
                let folder = arguments.next().cloned().unwrap_or_default();
                // rustc's temporary folder is gone.
                if directory.join(&folder).exists() {
                    inputs.others.extend([argument.clone(), folder]);
                }
            } else if argument == "-o" {
                arguments.next();
            } else if argument.starts_with("-l") {
                inputs.libraries.push(argument.clone());
            } else if argument.ends_with(".so")
                || argument.ends_with(".rlib")
                || argument.starts_with("-fuse-ld=")
                || argument.starts_with("-B")
                || argument == "-m64"
            {
                inputs.others.push(argument.clone());
            }
        }
        inputs
    }

    /// The arguments that link the shared library.
    fn library_arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["-shared", "-Wl,--whole-archive"].map(str::to_owned).into();
        arguments.extend(self.archives.iter().cloned());
        arguments.extend(["-Wl,--no-whole-archive", "-Wl,--as-needed"].map(str::to_owned));
        arguments.extend(self.others.iter().cloned());
        arguments.extend(self.libraries.iter().cloned());
        // C code in a crate may use symbols that only a program with a `main` has.
        let last = [
            "-Wl,--eh-frame-hdr",
            "-Wl,-z,noexecstack",
            "-Wl,--export-dynamic",
            "-Wl,--unresolved-symbols=ignore-all",
            "-Wl,--strip-debug",
        ];
        arguments.extend(last.map(str::to_owned));
        arguments
    }
}

/// Whether the argument is the archive of a crate. The compiler's helper functions (compiler_builtins)
/// are linked into each cell.
fn is_archive(argument: &str) -> bool {
    argument.ends_with(".rlib") && !argument.contains("libcompiler_builtins-")
}

/// The name, size and time of an archive. If they are those of an archive in the library, it is the same
/// one: another version of a crate has another name, and a crate that was compiled again another time.
fn identity(archive: &Path) -> Result<String> {
    let file =
        fs::metadata(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    Ok(identity_of(archive, &file))
}

fn identity_of(archive: &Path, file: &Metadata) -> String {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "{name} {} {}.{:09}",
        file.size(),
        file.mtime(),
        file.mtime_nsec()
    )
}

/// Links a cell: rustc calls this instead of `cc`, with the arguments for `cc`.
///
/// # Errors
///
/// There is no `cc`.
pub fn link_cell(arguments: &[OsString]) -> Result<ExitCode> {
    let mut cc = Command::new("cc");
    if let Some(path) = env::var_os(RECORD_TO) {
        let text = arguments.join(OsStr::new("\0"));
        fs::write(path, text.as_encoded_bytes())?;
    }
    match env::var_os(USE_FOLDER).map(PathBuf::from) {
        Some(folder) => cc.args(with_library(arguments, &folder)?),
        None => cc.args(arguments),
    };
    Err(cc.exec()).context("cannot start cc")
}

/// The arguments, with the library in place of the archives that it contains.
fn with_library(arguments: &[OsString], folder: &Path) -> io::Result<Vec<OsString>> {
    let read = |name| fs::read_to_string(folder.join(name));
    let (archives, libraries) = (read(ARCHIVES)?, read(LIBRARIES)?);
    let archives: HashSet<&str> = archives.lines().collect();
    let libraries: HashSet<&str> = libraries.lines().collect();
    let is_in_library = |argument: &OsStr| {
        let path = Path::new(argument);
        argument.to_str().is_some_and(is_archive)
            && fs::metadata(path)
                .is_ok_and(|file| archives.contains(identity_of(path, &file).as_str()))
    };
    let has_others = arguments
        .iter()
        .any(|argument| argument.to_str().is_some_and(is_archive) && !is_in_library(argument));
    let mut changed: Vec<OsString> = Vec::new();
    let mut has_library = false;
    for argument in arguments {
        let text = argument.to_str().unwrap_or_default();
        if is_in_library(argument) {
            if !has_library {
                changed.extend(["-Wl,-Bdynamic".into(), folder.join(LIBRARY).into()]);
                changed.push("-Wl,-Bstatic".into());
            }
            has_library = true;
        } else if text == "-Wl,--no-undefined-version" {
            // The version script names symbols of C code that are in the shared library now.
            changed.push("-Wl,--undefined-version".into());
        } else if !has_others && libraries.contains(text) && !SYSTEM_LIBRARIES.contains(&text) {
            // The shared library is linked with it already: its symbols need not be read for each cell.
        } else {
            changed.push(argument.clone());
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    fn write_lists(folder: &Path) {
        fs::write(folder.join("liba-1.rlib"), "a").unwrap();
        fs::write(folder.join("libb-2.rlib"), "bb").unwrap();
        let archives = ["liba-1.rlib", "libb-2.rlib"]
            .map(|name| identity(&folder.join(name)).unwrap())
            .join("\n");
        fs::write(folder.join(ARCHIVES), archives).unwrap();
        fs::write(folder.join(LIBRARIES), "-ltorch_cpu\n-lc").unwrap();
    }

    fn changed(text: &str, folder: &Path) -> String {
        let text = text.replace('@', folder.to_str().unwrap());
        let changed = with_library(&words(&text), folder).unwrap();
        let changed = changed.join(OsStr::new(" ")).into_string().unwrap();
        changed.replace(folder.to_str().unwrap(), "@")
    }

    #[test]
    fn archives_are_replaced_by_the_library_once() {
        let folder = tempfile::tempdir().unwrap();
        write_lists(folder.path());
        assert_eq!(
            changed(
                "-Wl,--no-undefined-version x.o @/liba-1.rlib @/libb-2.rlib -ltorch_cpu -lc",
                folder.path()
            ),
            "-Wl,--undefined-version x.o -Wl,-Bdynamic @/libcrates.so -Wl,-Bstatic -lc"
        );
        let helpers = "x.o @/libcompiler_builtins-3.rlib";
        assert_eq!(changed(helpers, folder.path()), helpers);
    }

    #[test]
    fn other_archives_and_those_that_were_compiled_again_are_linked_themselves() {
        let folder = tempfile::tempdir().unwrap();
        write_lists(folder.path());
        fs::write(folder.path().join("libc-3.rlib"), "ccc").unwrap();
        assert_eq!(
            changed("x.o @/libc-3.rlib @/liba-1.rlib -ltorch_cpu", folder.path()),
            "x.o @/libc-3.rlib -Wl,-Bdynamic @/libcrates.so -Wl,-Bstatic -ltorch_cpu"
        );
        fs::write(folder.path().join("liba-1.rlib"), "changed").unwrap();
        assert_eq!(
            changed("x.o @/liba-1.rlib", folder.path()),
            "x.o @/liba-1.rlib"
        );
    }

    #[test]
    fn the_library_is_linked_as_a_cell_would_be() {
        let words: Vec<String> = "-Wl,--version-script=/gone/list -m64 ctx.o /t/liba.rlib \
            -Wl,-Bdynamic /rust/libstd.so /rust/libcompiler_builtins-1.rlib -ltorch -L /gone -L / \
            -B/rust/gcc-ld -fuse-ld=lld -o /t/libctx.so -shared -Wl,--gc-sections"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let link = LinkerInputs::of_cell(&words, Path::new("/t"))
            .library_arguments()
            .join(" ");
        assert_eq!(
            link,
            "-shared -Wl,--whole-archive /t/liba.rlib -Wl,--no-whole-archive -Wl,--as-needed -m64 \
             /rust/libstd.so /rust/libcompiler_builtins-1.rlib -L / -B/rust/gcc-ld -fuse-ld=lld \
             -ltorch -Wl,--eh-frame-hdr -Wl,-z,noexecstack -Wl,--export-dynamic \
             -Wl,--unresolved-symbols=ignore-all -Wl,--strip-debug"
        );
    }
}
