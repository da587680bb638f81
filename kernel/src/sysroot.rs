//! The sysroot that rust-analyzer uses. evcxr asks rust-analyzer for the types of a cell's variables.
//!
//! With the real sysroot, rust-analyzer reads the whole standard library, with its tests and its tables of
//! processor instructions, and its dependencies. This one has three libraries. Together with the smaller
//! answer of `cargo metadata` (`analyzer.rs`), that saves 9 s at the start of a kernel. It rests on evcxr
//! 0.22, whose rust-analyzer asks `rustc --print sysroot`. Without the sysroot, types are found all the same.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::program;
use crate::settings::Home;
use crate::wrappers;

/// The sources of the standard library, in a sysroot.
pub const LIBRARY_SOURCES: &str = "lib/rustlib/src/rust/library";

/// The libraries in the sysroot. The standard library's own Cargo.toml is left out. So rust-analyzer
/// needs no metadata of it, for which cargo might want to download crates.
const LIBRARIES: [&str; 3] = ["core", "alloc", "std"];

/// Replacements in the sources of std: a file, a line in it, and the new line. std's maps and sets are
/// built on the crate hashbrown, which is not among its sources. But rust-analyzer cannot infer a type that
/// contains an unknown one: `let ages: HashMap<_, _> = …` would fail with "couldn't automatically determine
/// type". If a line is not found, as in another Rust than 1.95, nothing is replaced.
const STAND_INS: [(&str, &str, &str); 2] = [
    (
        "collections/hash/map.rs",
        "use hashbrown::hash_map as base;",
        "mod base { pub struct HashMap<K, V, S, A>(K, V, S, A); }",
    ),
    (
        "collections/hash/set.rs",
        "use hashbrown::hash_set as base;",
        "mod base { pub struct HashSet<T, S, A>(T, S, A); }",
    ),
];

/// A file in the directory of a kernel that loads the crate before its first cell. It exists until
/// rust-analyzer has asked for the sysroot once. The first answer is an empty sysroot: rust-analyzer
/// forgets the standard library when a crate is added, and reads it again, and what evcxr compiles before
/// that has no variables. That saves 1 s at the start of a kernel. It rests on evcxr 0.22, whose
/// rust-analyzer asks again after the crate is added. If it did not, no types would be found, and set-up's
/// own check would turn the tricks off.
pub const FIRST_REQUEST: &str = "analyzer-first";

/// Creates the sysroot from the real one. Creates none if the sources of the standard library are not
/// installed: then rust-analyzer asks rustup to install them.
///
/// # Errors
///
/// The home cannot be written.
pub fn create(home: &Home, real: &Path) -> Result<()> {
    program::remove_if_exists(&home.sysroot())?;
    program::remove_if_exists(&empty(home))?;
    if !LIBRARIES.iter().all(|name| source(real, name).is_dir()) {
        return Ok(());
    }
    create_links(home, real).with_context(|| format!("cannot write to {}", home.path().display()))
}

fn create_links(home: &Home, real: &Path) -> io::Result<()> {
    let sysroot = home.sysroot();
    for name in LIBRARIES {
        let link = source(&sysroot, name);
        fs::create_dir_all(link.parent().unwrap_or(&sysroot))?;
        symlink(source(real, name), link)?;
    }
    add_stand_ins(&source(real, "std"), &source(&sysroot, "std"))?;
    fs::create_dir_all(sysroot.join("bin"))?;
    symlink(real.join("bin/rustc"), sysroot.join("bin/rustc"))?;
    let cargo = home.wrappers().join(wrappers::ANALYZER_CARGO);
    symlink(cargo, sysroot.join("bin/cargo"))?;
    fs::create_dir_all(empty(home).join(LIBRARY_SOURCES))?;
    symlink(sysroot.join("bin"), empty(home).join("bin"))
}

fn empty(home: &Home) -> PathBuf {
    home.path().join("sysroot-empty")
}

fn source(sysroot: &Path, library: &str) -> PathBuf {
    sysroot.join(LIBRARY_SOURCES).join(library).join("src")
}

/// Writes the files with [`STAND_INS`]. For that, `link`, a link to the folder `real`, becomes a folder of
/// links.
fn add_stand_ins(real: &Path, link: &Path) -> io::Result<()> {
    for (file, line, stand_in) in STAND_INS {
        let text = fs::read_to_string(real.join(file)).unwrap_or_default();
        if !text.contains(line) {
            continue;
        }
        let mut folder = PathBuf::new();
        expand_link(real, link)?;
        for name in Path::new(file).parent().into_iter().flatten() {
            folder.push(name);
            expand_link(&real.join(&folder), &link.join(&folder))?;
        }
        fs::remove_file(link.join(file))?;
        fs::write(link.join(file), text.replace(line, stand_in))?;
    }
    Ok(())
}

/// Replaces a link to a folder by a folder with a link for each entry.
fn expand_link(real: &Path, link: &Path) -> io::Result<()> {
    if !link.is_symlink() {
        return Ok(());
    }
    fs::remove_file(link)?;
    fs::create_dir(link)?;
    for entry in fs::read_dir(real)? {
        let name = entry?.file_name();
        symlink(real.join(&name), link.join(&name))?;
    }
    Ok(())
}

/// The sysroot that rustc prints in a kernel's directory, the current folder. `None` if rustc itself has to
/// answer.
pub fn for_analyzer(home: &Home) -> Option<PathBuf> {
    let sysroot = home.sysroot();
    if !sysroot.is_dir() {
        return None;
    }
    match fs::remove_file(FIRST_REQUEST) {
        Ok(()) => Some(empty(home)),
        Err(_) => Some(sysroot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sysroot_needs_the_sources_of_the_standard_library() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        let home = Home::at(&folder.path().join("home"));
        create(&home, &real).unwrap();
        assert!(for_analyzer(&home).is_none());
        for name in LIBRARIES {
            fs::create_dir_all(source(&real, name)).unwrap();
            fs::write(source(&real, name).join("lib.rs"), name).unwrap();
        }
        // Twice: each set-up creates it again.
        for _ in 0..2 {
            create(&home, &real).unwrap();
            let std = source(&home.sysroot(), "std").join("lib.rs");
            assert_eq!(fs::read_to_string(std).unwrap(), "std");
        }
        assert_eq!(for_analyzer(&home), Some(home.sysroot()));
    }

    #[test]
    fn hashbrown_in_the_sources_of_std_has_a_stand_in() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        let home = Home::at(&folder.path().join("home"));
        for name in LIBRARIES {
            fs::create_dir_all(source(&real, name).join("collections/hash")).unwrap();
        }
        let [(map, line, stand_in), (set, ..)] = STAND_INS;
        let std = source(&real, "std");
        fs::write(std.join(map), format!("{line}\npub struct HashMap;\n")).unwrap();
        fs::write(std.join(set), "another std\n").unwrap();
        fs::write(std.join("collections/mod.rs"), "mod hash;\n").unwrap();
        create(&home, &real).unwrap();
        let ours = source(&home.sysroot(), "std");
        let read = |file: &str| fs::read_to_string(ours.join(file)).unwrap();
        assert_eq!(read(map), format!("{stand_in}\npub struct HashMap;\n"));
        assert_eq!(read(set), "another std\n");
        assert_eq!(read("collections/mod.rs"), "mod hash;\n");
        assert_eq!(
            fs::read_to_string(std.join(map)).unwrap(),
            format!("{line}\npub struct HashMap;\n"),
            "the real one has not changed"
        );
    }
}
