//! Every crate has a licence that `deny.toml` allows, and comes from crates.io. `cargo deny` checks the same, but takes
//! minutes to compile.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The metadata of all packages in `Cargo.lock`. Cargo has downloaded them to compile the workspace.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn allowed_licences() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deny.toml");
    let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let list = table["licenses"]["allow"].as_array().unwrap();
    list.iter()
        .map(|licence| licence.as_str().unwrap().to_owned())
        .collect()
}

/// Whether the allowed licences satisfy a licence expression.
fn is_allowed(licence: &str, allowed: &[String]) -> bool {
    // Old crates write `MIT/Apache-2.0`.
    let expression = Expression::parse_mode(licence, ParseMode::LAX).unwrap();
    expression.evaluate(|wanted| {
        let name = wanted.license.id().map(|id| id.name);
        name.is_some_and(|name| allowed.iter().any(|licence| licence == name))
    })
}

#[test]
fn every_crate_has_an_allowed_licence_and_comes_from_crates_io() {
    let (allowed, packages) = (allowed_licences(), packages());
    let mut refused = Vec::new();
    let mut checked = 0;
    for package in &packages {
        let name = format!("{} {}", package["name"], package["version"]);
        let Some(source) = package["source"].as_str() else {
            // A crate of this workspace.
            continue;
        };
        checked += 1;
        if source != CRATES_IO {
            refused.push(format!("{name} comes from {source}"));
        }
        match package["license"].as_str() {
            Some(licence) if is_allowed(licence, &allowed) => {}
            licence => refused.push(format!("{name} has the licence {licence:?}")),
        }
    }
    assert_eq!(refused, [""; 0]);
    assert!(checked > 200, "{checked} of {} packages", packages.len());
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
