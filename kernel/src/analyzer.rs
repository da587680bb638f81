//! What rust-analyzer gets to see, which evcxr asks for the types of a cell's variables.
//!
//! Left alone it reads the sources of all two hundred crates below the workshop's, the whole
//! standard library with its tests and its tables of processor instructions, and asks cargo the same
//! questions again and again: ten seconds from a notebook's start to its first tensor. A cell can
//! name nothing of all this but what the crate hands on. So rust-analyzer is shown a sysroot with
//! three libraries, and the answer of `cargo metadata` without what lies behind them.

use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cell;
use crate::program;
use crate::settings::Home;
use crate::toolchain::{CARGO, RUSTC, real};

/// The sources of the standard library, below a sysroot.
pub const LIBRARY: &str = "lib/rustlib/src/rust/library";

/// Without the standard library's own Cargo.toml, rust-analyzer takes these as they are, and needs
/// no metadata of theirs, for which cargo may want to download crates.
const LIBRARIES: [&str; 3] = ["core", "alloc", "std"];

/// Where std's maps and sets rest on a crate that is not part of its sources. A type that rests on
/// an unknown one cannot be inferred from `let ages: HashMap<_, _> = …`.
const WITH_STAND_IN: [(&str, &str, &str); 2] = [
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

/// In the directory of a kernel that is loaded with the crate before its first cell, until
/// rust-analyzer has asked for the sysroot. It forgets the standard library when a crate is added,
/// and reads it again; what evcxr compiles before that has no variables, so the first time there is
/// no library to read: 1 s at a kernel's start. Should rust-analyzer ever ask only once, no type is
/// found, which set-up's own check sees.
pub const FIRST: &str = "analyzer-first";

/// Lays out the sysroot that rust-analyzer is shown; none where the sources of the standard library
/// are not installed, for then rust-analyzer asks rustup to install them.
///
/// # Errors
///
/// The home cannot be written.
pub fn lay_out(home: &Home, real: &Path) -> Result<()> {
    program::remove(&home.sysroot())?;
    program::remove(&empty(home))?;
    if !LIBRARIES.iter().all(|name| source(real, name).is_dir()) {
        return Ok(());
    }
    let lay_out = || -> io::Result<()> {
        let sysroot = home.sysroot();
        for name in LIBRARIES {
            let ours = source(&sysroot, name);
            fs::create_dir_all(ours.parent().unwrap_or(&sysroot))?;
            symlink(source(real, name), ours)?;
        }
        with_stand_ins(&source(real, "std"), &source(&sysroot, "std"))?;
        fs::create_dir_all(sysroot.join("bin"))?;
        symlink(real.join("bin/rustc"), sysroot.join("bin/rustc"))?;
        symlink(home.programs().join("analyzer"), sysroot.join("bin/cargo"))?;
        fs::create_dir_all(empty(home).join(LIBRARY))?;
        symlink(sysroot.join("bin"), empty(home).join("bin"))
    };
    lay_out().with_context(|| format!("cannot write to {}", home.path().display()))
}

fn empty(home: &Home) -> PathBuf {
    home.path().join("sysroot-empty")
}

fn source(sysroot: &Path, library: &str) -> PathBuf {
    sysroot.join(LIBRARY).join(library).join("src")
}

/// Makes, of a link to a folder, folders of links, with files of our own where they are needed.
/// Where the source does not read as expected, the link stays.
fn with_stand_ins(real: &Path, ours: &Path) -> io::Result<()> {
    for (file, uses, stand_in) in WITH_STAND_IN {
        let text = fs::read_to_string(real.join(file)).unwrap_or_default();
        if !text.contains(uses) {
            continue;
        }
        let mut folder = PathBuf::new();
        open_link(real, ours)?;
        for name in Path::new(file).parent().into_iter().flatten() {
            folder.push(name);
            open_link(&real.join(&folder), &ours.join(&folder))?;
        }
        fs::remove_file(ours.join(file))?;
        fs::write(ours.join(file), text.replace(uses, stand_in))?;
    }
    Ok(())
}

/// A folder with a link for each entry, in the place of a link to the folder.
fn open_link(real: &Path, ours: &Path) -> io::Result<()> {
    if !ours.is_symlink() {
        return Ok(());
    }
    fs::remove_file(ours)?;
    fs::create_dir(ours)?;
    for entry in fs::read_dir(real)? {
        let name = entry?.file_name();
        symlink(real.join(&name), ours.join(&name))?;
    }
    Ok(())
}

/// What rustc answers in a kernel's directory when it is asked where its libraries are; None where
/// the real one is to answer.
pub fn shown_sysroot(home: &Home) -> Option<PathBuf> {
    let sysroot = home.sysroot();
    if !sysroot.is_dir() {
        return None;
    }
    match fs::remove_file(FIRST) {
        Ok(()) => Some(empty(home)),
        Err(_) => Some(sysroot),
    }
}

/// Answers what rust-analyzer asks of cargo.
///
/// # Errors
///
/// The real program does not start.
pub fn cargo(home: &Home, arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["locate-project", "--workspace", "--manifest-path", manifest]
        | ["locate-project", "--manifest-path", manifest, "--workspace"] => {
            writeln!(io::stdout(), "{}", serde_json::json!({ "root": manifest }))?;
            Ok(ExitCode::SUCCESS)
        }
        ["rustc", ..] => {
            let error = real(RUSTC)?.args(rustc_arguments(&words)).exec();
            Err(error).context("cannot start rustc")
        }
        ["metadata", ..] if !words.contains(&"--no-deps") => metadata(home, arguments),
        _ => {
            let error = real(CARGO)?.args(arguments).exec();
            Err(error).context("cannot start cargo")
        }
    }
}

/// `cargo rustc … --print cfg --target T -- -O` is `rustc --print cfg --target T -O`.
fn rustc_arguments<'word>(words: &[&'word str]) -> Vec<&'word str> {
    let wanted = words.iter().skip(1).filter(|word| **word != "--");
    wanted.copied().collect()
}

fn metadata(home: &Home, arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = real(CARGO)?;
    // evcxr's cargo has other settings, and each would overwrite what the other has noted of rustc.
    cargo
        .env("CARGO_CACHE_RUSTC_INFO", "0")
        .env("RUSTC", env::var_os(RUSTC).unwrap_or_default());
    let settings = home.settings()?;
    cell::answer(home, &settings, "analyzer", arguments, cargo, &|answer| {
        serde_json::from_str(&answer).map_or(answer, |metadata| cut(metadata).to_string())
    })
}

/// Takes away the packages that only the settings' crate leads to, save those that it hands on:
/// `[package.metadata.notebook]` in its Cargo.toml names them. What else a notebook depends on
/// stays, with all that belongs to it.
fn cut(mut metadata: Value) -> Value {
    let kept = {
        let graph = Graph::new(&metadata);
        graph.kept()
    };
    let retain = |list: &mut Value| {
        if let Some(list) = list.as_array_mut() {
            list.retain(|entry| kept.contains_key(entry["id"].as_str().unwrap_or_default()));
        }
    };
    retain(&mut metadata["packages"]);
    retain(&mut metadata["resolve"]["nodes"]);
    for node in metadata["resolve"]["nodes"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        let id = node["id"].as_str().unwrap_or_default().to_owned();
        let dependencies = &kept[&id];
        if let Some(list) = node["deps"].as_array_mut() {
            list.retain(|entry| dependencies.contains(entry["pkg"].as_str().unwrap_or_default()));
        }
        if let Some(list) = node["dependencies"].as_array_mut() {
            list.retain(|entry| dependencies.contains(entry.as_str().unwrap_or_default()));
        }
    }
    metadata
}

/// Packages and what they depend on.
struct Graph<'metadata> {
    root: &'metadata str,
    dependencies: HashMap<&'metadata str, Vec<&'metadata str>>,
    packages: HashMap<&'metadata str, &'metadata Value>,
}

impl<'metadata> Graph<'metadata> {
    fn new(metadata: &'metadata Value) -> Self {
        let id = |entry: &'metadata Value| entry["id"].as_str().unwrap_or_default();
        let list = |list: &'metadata Value| list.as_array().map_or(&[][..], Vec::as_slice).iter();
        Self {
            root: metadata["resolve"]["root"].as_str().unwrap_or_default(),
            dependencies: list(&metadata["resolve"]["nodes"])
                .map(|node| {
                    let dependencies = list(&node["deps"]);
                    let ids = dependencies.filter_map(|entry| entry["pkg"].as_str());
                    (id(node), ids.collect())
                })
                .collect(),
            packages: list(&metadata["packages"])
                .map(|package| (id(package), package))
                .collect(),
        }
    }

    /// The packages to keep, each with the dependencies to keep.
    fn kept(&self) -> HashMap<String, HashSet<String>> {
        let (cut, whole): (Vec<_>, Vec<_>) = self
            .dependencies_of(self.root)
            .partition(|package| self.handed_on(package).is_some());
        let mut kept = HashMap::new();
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let mut open = whole.clone();
        while let Some(package) = open.pop() {
            if !kept.contains_key(package) {
                let dependencies: Vec<_> = self.dependencies_of(package).collect();
                kept.insert(package.to_owned(), owned(&dependencies));
                open.extend(dependencies);
            }
        }
        kept.insert(self.root.to_owned(), owned(&[whole, cut.clone()].concat()));
        for package in cut {
            let names = self.handed_on(package).unwrap_or_default();
            let dependencies: Vec<_> = self
                .dependencies_of(package)
                .filter(|dependency| names.contains(&self.packages[dependency]["name"]))
                .collect();
            kept.insert(package.to_owned(), owned(&dependencies));
            for dependency in dependencies {
                kept.entry(dependency.to_owned()).or_default();
            }
        }
        kept
    }

    fn dependencies_of(&self, package: &str) -> impl Iterator<Item = &'metadata str> {
        self.dependencies
            .get(package)
            .into_iter()
            .flatten()
            .copied()
    }

    /// What the package says that notebooks see of its dependencies, where it says so.
    fn handed_on(&self, package: &str) -> Option<&'metadata [Value]> {
        let notebook = &self.packages.get(package)?["metadata"]["notebook"];
        notebook["hands-on"].as_array().map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(of_root: &[&str]) -> Value {
        let nodes = [
            ("ctx", of_root.to_vec()),
            ("gasshuku", vec!["tch", "image", "ureq"]),
            ("tch", vec!["half", "zip"]),
            ("image", vec!["png"]),
            ("ureq", vec!["rustls"]),
            ("half", vec![]),
            ("zip", vec![]),
            ("png", vec![]),
            ("rustls", vec![]),
        ];
        let package = |name: &str| {
            let metadata = match name {
                "gasshuku" => json!({ "notebook": { "hands-on": ["tch"] } }),
                _ => Value::Null,
            };
            json!({ "id": name, "name": name, "metadata": metadata })
        };
        let node = |(name, dependencies): &(&str, Vec<&str>)| {
            let deps: Vec<_> = dependencies.iter().map(|id| json!({ "pkg": id })).collect();
            json!({ "id": name, "deps": deps, "dependencies": dependencies })
        };
        json!({
            "packages": nodes.iter().map(|(name, _)| package(name)).collect::<Vec<_>>(),
            "resolve": { "root": "ctx", "nodes": nodes.iter().map(node).collect::<Vec<_>>() },
        })
    }

    fn left(metadata: &Value) -> Vec<(String, Vec<String>)> {
        let strings = |list: &Value| -> Vec<String> {
            let list = list.as_array().unwrap().iter();
            list.map(|entry| entry.as_str().unwrap().to_owned())
                .collect()
        };
        let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
        let packages = metadata["packages"].as_array().unwrap();
        assert_eq!(packages.len(), nodes.len());
        let node = |node: &Value| {
            let of_deps: Vec<_> = node["deps"].as_array().unwrap().iter().collect();
            assert_eq!(
                of_deps.len(),
                node["dependencies"].as_array().unwrap().len()
            );
            (
                node["id"].as_str().unwrap().to_owned(),
                strings(&node["dependencies"]),
            )
        };
        nodes.iter().map(node).collect()
    }

    fn expected(nodes: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let own = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        nodes
            .iter()
            .map(|(name, of)| ((*name).to_owned(), own(of)))
            .collect()
    }

    #[test]
    fn only_what_the_crate_hands_on_is_left() {
        assert_eq!(
            left(&cut(metadata(&["gasshuku"]))),
            expected(&[("ctx", &["gasshuku"]), ("gasshuku", &["tch"]), ("tch", &[])])
        );
    }

    #[test]
    fn what_a_notebook_adds_stays_whole() {
        assert_eq!(
            left(&cut(metadata(&["gasshuku", "image"]))),
            expected(&[
                ("ctx", &["gasshuku", "image"]),
                ("gasshuku", &["tch"]),
                ("tch", &[]),
                ("image", &["png"]),
                ("png", &[]),
            ])
        );
        let with_tch = left(&cut(metadata(&["gasshuku", "tch"])));
        assert!(with_tch.contains(&("tch".to_owned(), vec!["half".to_owned(), "zip".to_owned()])));
    }

    #[test]
    fn a_crate_that_names_nothing_is_left_alone() {
        assert_eq!(
            left(&cut(metadata(&["image"]))),
            expected(&[("ctx", &["image"]), ("image", &["png"]), ("png", &[]),])
        );
        assert_eq!(
            cut(json!({})),
            json!({ "packages": null, "resolve": { "nodes": null } })
        );
    }

    #[test]
    fn questions_to_rustc_go_to_rustc() {
        let words = [
            "rustc",
            "-Z",
            "unstable-options",
            "--print",
            "cfg",
            "--",
            "-O",
        ];
        assert_eq!(
            rustc_arguments(&words),
            ["-Z", "unstable-options", "--print", "cfg", "-O"]
        );
    }

    #[test]
    fn the_sysroot_needs_the_sources_of_the_standard_library() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        let home = Home::at(&folder.path().join("home"));
        lay_out(&home, &real).unwrap();
        assert!(shown_sysroot(&home).is_none());
        for name in LIBRARIES {
            fs::create_dir_all(source(&real, name)).unwrap();
            fs::write(source(&real, name).join("lib.rs"), name).unwrap();
        }
        // Twice: each set-up lays it out anew.
        for _ in 0..2 {
            lay_out(&home, &real).unwrap();
            let std = source(&home.sysroot(), "std").join("lib.rs");
            assert_eq!(fs::read_to_string(std).unwrap(), "std");
        }
        assert_eq!(shown_sysroot(&home), Some(home.sysroot()));
    }

    #[test]
    fn maps_rest_on_a_crate_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        let home = Home::at(&folder.path().join("home"));
        for name in LIBRARIES {
            fs::create_dir_all(source(&real, name).join("collections/hash")).unwrap();
        }
        let [(map, uses, stand_in), (set, ..)] = WITH_STAND_IN;
        let std = source(&real, "std");
        fs::write(std.join(map), format!("{uses}\npub struct HashMap;\n")).unwrap();
        fs::write(std.join(set), "another std\n").unwrap();
        fs::write(std.join("collections/mod.rs"), "mod hash;\n").unwrap();
        lay_out(&home, &real).unwrap();
        let ours = source(&home.sysroot(), "std");
        let read = |file: &str| fs::read_to_string(ours.join(file)).unwrap();
        assert_eq!(read(map), format!("{stand_in}\npub struct HashMap;\n"));
        assert_eq!(read(set), "another std\n");
        assert_eq!(read("collections/mod.rs"), "mod hash;\n");
        assert_eq!(
            fs::read_to_string(std.join(map)).unwrap(),
            format!("{uses}\npub struct HashMap;\n"),
            "the real one is as it was"
        );
    }
}
