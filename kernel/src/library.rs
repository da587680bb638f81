//! All compiled crates as one shared library, which set-up links once, and cells are linked with.
//!
//! A cell with a hundred crates behind it is linked with a hundred archives; their symbols are read
//! each time, and what a cell uses of them is copied into it. Linked with one library instead, a
//! cell takes 0.6 of the time, its own library is a twentieth as large, and all cells share the
//! crates' statics. Rust's symbols in an rlib have default visibility, so that the library can
//! export them all, those of C code within rlibs, too; a `dylib` crate does not give the latter.
//!
//! Only for linkers that understand GNU ld's options, on Linux. Elsewhere, or where making the
//! library has failed, cells are linked with the archives.

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

use crate::cell::Call;
use crate::program::{self, cannot_start};
use crate::settings::Home;

/// Below a kernel's directory.
pub(crate) const FOLDER: &str = "target/library";
const LIBRARY: &str = "libcrates.so";
/// The archives that are in the library, a line each.
const ARCHIVES: &str = "archives";
/// Other libraries that the library is linked with, a line each.
const LIBRARIES: &str = "libraries";

/// The name by which this program is a linker.
pub const LINKER: &str = "cell-linker";

/// Tells the linker of a cell where the library is.
const USED: &str = "EVCXR_PREWARM_LIBRARY";
/// Tells the linker to write its words down instead.
const WORDS: &str = "EVCXR_PREWARM_WORDS";

/// Libraries of the system, which every program is linked with.
const SYSTEM: [&str; 8] = [
    "-lc",
    "-lm",
    "-ldl",
    "-lrt",
    "-lutil",
    "-lpthread",
    "-lgcc_s",
    "-lstdc++",
];

/// Has a cell linked with the library that is in its kernel's directory, if there is one.
pub(crate) fn use_it(home: &Home, arguments: &[String], rustc: &mut Command) -> Result<()> {
    let folder = env::current_dir()?.join(FOLDER);
    let other_linker = arguments.iter().any(|word| word.starts_with("linker="));
    if other_linker || !folder.join(ARCHIVES).exists() {
        return Ok(());
    }
    rustc
        .arg(linker(home))
        // Optimising a cell together with nothing else takes 0.04 s.
        .arg("-Clto=off")
        .env(USED, folder);
    Ok(())
}

fn linker(home: &Home) -> OsString {
    let mut word = OsString::from("-Clinker=");
    word.push(home.programs().join(LINKER));
    word
}

/// Makes the library in a kernel's directory, from a call that has compiled a cell there.
///
/// # Errors
///
/// The system's linker does not do what GNU ld does; cells are then linked with the archives.
pub fn make(home: &Home, directory: &Path, call: &Call, crate_name: &str) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("only on Linux");
    }
    let folder = directory.join(FOLDER);
    program::remove(&folder)?;
    fs::create_dir_all(&folder)?;
    let words = words_for_a_cell(home, directory, call, crate_name, &folder)?;
    let parts = Parts::of(&words, directory);
    if parts.archives.is_empty() {
        bail!("the compiler hands no archives to the linker");
    }
    let library = folder.join(LIBRARY);
    let mut cc = Command::new("cc");
    cc.current_dir(directory)
        .args(parts.to_link_library())
        .arg("-o")
        .arg(&library);
    match program::ask(&mut cc)? {
        Some(answer) if answer.success => {}
        Some(answer) => bail!("the linker cannot make it: {}", last_line(&answer.stderr)),
        None => bail!(cannot_start(&cc)),
    }
    let mut archives = String::new();
    for archive in &parts.archives {
        archives += &identity(&directory.join(archive))?;
        archives.push('\n');
    }
    fs::write(folder.join(LIBRARIES), parts.libraries.join("\n"))?;
    // Last: with it the library counts as made.
    fs::write(folder.join(ARCHIVES), archives)?;
    Ok(())
}

/// What rustc hands to the linker for a cell that uses the crate.
fn words_for_a_cell(
    home: &Home,
    directory: &Path,
    call: &Call,
    crate_name: &str,
    folder: &Path,
) -> Result<Vec<String>> {
    let source = directory.join("src/lib.rs");
    fs::write(&source, format!("extern crate {crate_name} as _;\n"))?;
    let words = folder.join("words");
    let mut rustc = call.rustc(call.arguments());
    rustc
        .current_dir(directory)
        .arg(linker(home))
        .env(WORDS, &words);
    match program::ask(&mut rustc)? {
        Some(answer) if answer.success => {}
        Some(answer) => bail!("a cell is not linked: {}", last_line(&answer.stderr)),
        None => bail!(cannot_start(&rustc)),
    }
    let text = fs::read_to_string(&words).context("the compiler has not called the linker")?;
    fs::remove_file(&words)?;
    Ok(text.split('\0').map(str::to_owned).collect())
}

fn last_line(text: &str) -> &str {
    text.trim_end()
        .lines()
        .last()
        .unwrap_or("it does not say why")
}

/// The linker's words for a cell, by what they are.
#[derive(Default)]
struct Parts {
    archives: Vec<String>,
    /// Folders to look in, the kind of linker, shared libraries of Rust.
    others: Vec<String>,
    libraries: Vec<String>,
}

impl Parts {
    fn of(words: &[String], directory: &Path) -> Self {
        let mut parts = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if is_archive(word) {
                parts.archives.push(word.clone());
            } else if word == "-L" {
                let folder = words.next().cloned().unwrap_or_default();
                // rustc removes its own folder when it ends.
                if directory.join(&folder).exists() {
                    parts.others.extend([word.clone(), folder]);
                }
            } else if word == "-o" {
                words.next();
            } else if word.starts_with("-l") {
                parts.libraries.push(word.clone());
            } else if word.ends_with(".so")
                || word.ends_with(".rlib")
                || word.starts_with("-fuse-ld=")
                || word.starts_with("-B")
                || word == "-m64"
            {
                parts.others.push(word.clone());
            }
        }
        parts
    }

    fn to_link_library(&self) -> Vec<String> {
        let mut words: Vec<String> = ["-shared", "-Wl,--whole-archive"].map(str::to_owned).into();
        words.extend(self.archives.iter().cloned());
        words.extend(["-Wl,--no-whole-archive", "-Wl,--as-needed"].map(str::to_owned));
        words.extend(self.others.iter().cloned());
        words.extend(self.libraries.iter().cloned());
        // A crate's C code may want what only a program with a `main` has.
        let last = [
            "-Wl,--eh-frame-hdr",
            "-Wl,-z,noexecstack",
            "-Wl,--export-dynamic",
            "-Wl,--unresolved-symbols=ignore-all",
            "-Wl,--strip-debug",
        ];
        words.extend(last.map(str::to_owned));
        words
    }
}

/// A crate's archive. The compiler's own helpers stay with each cell.
fn is_archive(word: &str) -> bool {
    word.ends_with(".rlib") && !word.contains("libcompiler_builtins-")
}

/// An archive is in the library if its name, size and time are those of one that it was made of.
/// Another version of a crate has another name; a crate that was compiled anew, another time.
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

/// Links a cell: what rustc calls instead of `cc`.
///
/// # Errors
///
/// There is no `cc`.
pub fn link(words: &[OsString]) -> Result<ExitCode> {
    let mut cc = Command::new("cc");
    if let Some(path) = env::var_os(WORDS) {
        let text = words.join(OsStr::new("\0"));
        fs::write(path, text.as_encoded_bytes())?;
    }
    match env::var_os(USED).map(PathBuf::from) {
        Some(folder) => cc.args(with_library(words, &folder)?),
        None => cc.args(words),
    };
    Err(cc.exec()).context("cannot start cc")
}

/// The words with the library in the place of the archives that it is made of.
fn with_library(words: &[OsString], folder: &Path) -> io::Result<Vec<OsString>> {
    let read = |name| fs::read_to_string(folder.join(name));
    let (archives, libraries) = (read(ARCHIVES)?, read(LIBRARIES)?);
    let archives: HashSet<&str> = archives.lines().collect();
    let libraries: HashSet<&str> = libraries.lines().collect();
    let is_in_it = |word: &OsStr| {
        let path = Path::new(word);
        word.to_str().is_some_and(is_archive)
            && fs::metadata(path)
                .is_ok_and(|file| archives.contains(identity_of(path, &file).as_str()))
    };
    let others = words
        .iter()
        .any(|word| word.to_str().is_some_and(is_archive) && !is_in_it(word));
    let mut changed: Vec<OsString> = Vec::new();
    let mut is_there = false;
    for word in words {
        let text = word.to_str().unwrap_or_default();
        if is_in_it(word) {
            if !is_there {
                changed.extend(["-Wl,-Bdynamic".into(), folder.join(LIBRARY).into()]);
                changed.push("-Wl,-Bstatic".into());
            }
            is_there = true;
        } else if text == "-Wl,--no-undefined-version" {
            // The list of exported symbols names some of C code that is in the library now.
            changed.push("-Wl,--undefined-version".into());
        } else if !others && libraries.contains(text) && !SYSTEM.contains(&text) {
            // The library itself is linked with it: its names need not be read for each cell.
        } else {
            changed.push(word.clone());
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

    fn library(folder: &Path) {
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
        library(folder.path());
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
    fn another_crate_and_one_that_was_compiled_anew_are_linked_themselves() {
        let folder = tempfile::tempdir().unwrap();
        library(folder.path());
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
        let link = Parts::of(&words, Path::new("/t"))
            .to_link_library()
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
