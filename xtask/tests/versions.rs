//! `VERSIONS.md` says which versions fit together. They must be the versions that the project uses, in every file that
//! names them.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A row of the table: a part, its version, and the files that name the version.
struct Part {
    name: String,
    version: String,
    files: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn parts() -> Vec<Part> {
    let page = read("VERSIONS.md");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let parts: Vec<Part> = rows
        .map(|row| row.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 5 && cells[3].starts_with('`'))
        .map(|cells| Part {
            name: cells[1].into(),
            version: cells[2].into(),
            files: cells[3]
                .split('`')
                .skip(1)
                .step_by(2)
                .map(String::from)
                .collect(),
        })
        .collect();
    assert!(parts.len() >= 6, "{} rows are read", parts.len());
    parts
}

fn version(name: &str) -> String {
    let part = parts().into_iter().find(|part| part.name.starts_with(name));
    part.unwrap_or_else(|| panic!("no row for {name}")).version
}

/// Whether a text contains this version, and not only as a part of a longer one.
fn names(text: &str, version: &str) -> bool {
    text.match_indices(version).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + version.len()..].chars().next();
        let is_digit = |next: Option<char>| next.is_some_and(|next| next.is_ascii_digit());
        !is_digit(before) && before != Some('.') && !is_digit(after)
    })
}

#[test]
fn every_file_names_the_version_of_the_table() {
    let mut others = Vec::new();
    for part in parts() {
        for file in &part.files {
            if !names(&read(file), &part.version) {
                others.push(format!(
                    "{file} does not name {} {}",
                    part.name, part.version
                ));
            }
        }
    }
    assert_eq!(others, [""; 0]);
}

#[test]
fn a_longer_version_is_a_different_one() {
    assert!(names("Rust 1.95 or newer", "1.95"));
    assert!(names("rust:1.95-slim 1.95.0", "1.95"));
    assert!(!names("1.950", "1.95") && !names("11.95", "1.95") && !names("0.1.95", "1.95"));
}

#[test]
fn cargos_lock_file_has_the_crates_of_the_table() {
    let lock = read("Cargo.lock");
    for name in ["tch", "plotters"] {
        let package = format!("name = \"{name}\"\nversion = \"{}\"", version(name));
        assert!(
            lock.contains(&package),
            "Cargo.lock has another {name}: see VERSIONS.md"
        );
    }
}

/// torch-sys accepts only one version of libtorch, and checks it only when it is compiled.
#[test]
fn libtorch_is_the_one_that_torch_sys_accepts() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|it| it["name"] == "torch-sys")
        .unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let build = fs::read_to_string(manifest.with_file_name("build.rs")).unwrap();
    let (_, wanted) = build.split_once("const TORCH_VERSION: &str = \"").unwrap();
    let wanted = wanted.split('"').next().unwrap();
    assert_eq!(
        wanted,
        version("libtorch"),
        "see \"When tch or PyTorch move on\" in VERSIONS.md"
    );
}
