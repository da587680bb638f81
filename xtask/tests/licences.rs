//! Every crate has a licence that `deny.toml` allows, and comes from crates.io: what `cargo deny` says, without
//! cargo-deny, which takes minutes to compile.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What cargo knows of all packages that `Cargo.lock` names, from what was fetched when they were compiled.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn allowed() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deny.toml");
    let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let list = table["licenses"]["allow"].as_array().unwrap();
    list.iter()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect()
}

/// Whether one of the allowed licences does for each that must be met.
fn is_allowed(licence: &str, allowed: &[String]) -> bool {
    // Old crates write `MIT/Apache-2.0`.
    let expression = Expression::parse_mode(licence, ParseMode::LAX).unwrap();
    expression.evaluate(|wanted| {
        let name = wanted.license.id().map(|id| id.name);
        name.is_some_and(|name| allowed.iter().any(|it| it == name))
    })
}

#[test]
fn every_crate_has_an_allowed_licence_and_comes_from_crates_io() {
    let (allowed, packages) = (allowed(), packages());
    let mut refused = Vec::new();
    let mut looked_at = 0;
    for package in &packages {
        let name = format!("{} {}", package["name"], package["version"]);
        let Some(source) = package["source"].as_str() else {
            // A crate of this workspace.
            continue;
        };
        looked_at += 1;
        if source != CRATES_IO {
            refused.push(format!("{name} comes from {source}"));
        }
        match package["license"].as_str() {
            Some(licence) if is_allowed(licence, &allowed) => {}
            licence => refused.push(format!("{name} has the licence {licence:?}")),
        }
    }
    assert_eq!(refused, [""; 0]);
    assert!(
        looked_at > 200,
        "{looked_at} of {} packages",
        packages.len()
    );
}

#[test]
fn expressions_are_read_as_cargo_deny_reads_them() {
    let allowed = ["MIT", "Zlib"].map(String::from);
    for (licence, expected) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only AND MIT", false),
        ("MIT/Apache-2.0", true),
        ("(Apache-2.0 OR MIT) AND Zlib", true),
        ("(Apache-2.0 OR MIT) AND ISC", false),
    ] {
        assert_eq!(is_allowed(licence, &allowed), expected, "{licence}");
    }
}
