//! Wraps cargo for rust-analyzer, which evcxr asks for the types of a cell's variables.
//!
//! By itself, rust-analyzer reads the sources of all two hundred crates that the notebooks' crate depends
//! on, and asks cargo the same questions again and again. But a cell can name only what the crate
//! re-exports. So `cargo metadata` leaves out the other crates, and its output is cached. Together with the
//! smaller sysroot (`sysroot.rs`), that saves 9 s at the start of a kernel. It rests on evcxr 0.22, whose
//! rust-analyzer calls `cargo metadata`. Without it, types are found all the same.

use std::collections::{HashMap, HashSet};
use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo_output;
use crate::settings::Home;
use crate::toolchain::{CARGO_PATH, RUSTC_PATH, wrapped};

/// Answers a call of rust-analyzer.
///
/// # Errors
///
/// The wrapped program does not start.
pub fn run_cargo(home: &Home, arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["locate-project", "--workspace", "--manifest-path", manifest]
        | ["locate-project", "--manifest-path", manifest, "--workspace"] => {
            writeln!(io::stdout(), "{}", serde_json::json!({ "root": manifest }))?;
            Ok(ExitCode::SUCCESS)
        }
        ["rustc", ..] => {
            let error = wrapped(RUSTC_PATH)?.args(rustc_arguments(&words)).exec();
            Err(error).context("cannot start rustc")
        }
        ["metadata", ..] if !words.contains(&"--no-deps") => metadata(home, arguments),
        _ => {
            let error = wrapped(CARGO_PATH)?.args(arguments).exec();
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
    let mut cargo = wrapped(CARGO_PATH)?;
    // evcxr's cargo has other settings. Each would overwrite what the other one has cached about rustc.
    cargo
        .env("CARGO_CACHE_RUSTC_INFO", "0")
        .env("RUSTC", env::var_os(RUSTC_PATH).unwrap_or_default());
    let settings = home.settings()?;
    let reduce = |output: String| match serde_json::from_str(&output) {
        Ok(metadata) => without_hidden_crates(metadata).to_string(),
        Err(_) => output,
    };
    cargo_output::cached_or_run(home, &settings, "analyzer", arguments, cargo, &reduce)
}

/// Removes the packages that only the notebooks' crate depends on, except those that it re-exports:
/// `[package.metadata.notebook]` in its Cargo.toml names them. Everything else that a notebook depends on
/// stays.
fn without_hidden_crates(mut metadata: Value) -> Value {
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

/// The packages and their dependencies.
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

    /// The packages to keep, each with its dependencies to keep.
    fn kept(&self) -> HashMap<String, HashSet<String>> {
        let (reduced, complete): (Vec<_>, Vec<_>) = self
            .dependencies_of(self.root)
            .partition(|package| self.re_exports(package).is_some());
        let mut kept = HashMap::new();
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let mut open = complete.clone();
        while let Some(package) = open.pop() {
            if !kept.contains_key(package) {
                let dependencies: Vec<_> = self.dependencies_of(package).collect();
                kept.insert(package.to_owned(), owned(&dependencies));
                open.extend(dependencies);
            }
        }
        kept.insert(
            self.root.to_owned(),
            owned(&[complete, reduced.clone()].concat()),
        );
        for package in reduced {
            let names = self.re_exports(package).unwrap_or_default();
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

    /// The dependencies that the package re-exports to notebooks, if it says so.
    fn re_exports(&self, package: &str) -> Option<&'metadata [Value]> {
        let notebook = &self.packages.get(package)?["metadata"]["notebook"];
        notebook["re-exports"].as_array().map(Vec::as_slice)
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
                "gasshuku" => json!({ "notebook": { "re-exports": ["tch"] } }),
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
    fn only_what_the_crate_re_exports_is_left() {
        assert_eq!(
            left(&without_hidden_crates(metadata(&["gasshuku"]))),
            expected(&[("ctx", &["gasshuku"]), ("gasshuku", &["tch"]), ("tch", &[])])
        );
    }

    #[test]
    fn other_dependencies_of_a_notebook_stay_complete() {
        assert_eq!(
            left(&without_hidden_crates(metadata(&["gasshuku", "image"]))),
            expected(&[
                ("ctx", &["gasshuku", "image"]),
                ("gasshuku", &["tch"]),
                ("tch", &[]),
                ("image", &["png"]),
                ("png", &[]),
            ])
        );
        let with_tch = left(&without_hidden_crates(metadata(&["gasshuku", "tch"])));
        assert!(with_tch.contains(&("tch".to_owned(), vec!["half".to_owned(), "zip".to_owned()])));
    }

    #[test]
    fn the_dependencies_of_a_crate_that_names_no_re_exports_stay() {
        assert_eq!(
            left(&without_hidden_crates(metadata(&["image"]))),
            expected(&[("ctx", &["image"]), ("image", &["png"]), ("png", &[]),])
        );
        assert_eq!(
            without_hidden_crates(json!({})),
            json!({ "packages": null, "resolve": { "nodes": null } })
        );
    }

    #[test]
    fn calls_of_cargo_rustc_become_calls_of_rustc() {
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
}
