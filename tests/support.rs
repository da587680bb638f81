//! What the tests share.

pub mod animals;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use tch::Tensor;

/// A file of `reference/`.
pub fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("reference")
        .join(name)
}

/// The tensors of a file of `reference/`.
pub fn tensors(name: &str) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(reference(name))
        .unwrap()
        .into_iter()
        .collect()
}

/// The folder that holds the data sets.
pub fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data")
}

/// Panics unless both tensors have the same shape and no two numbers differ by more than `tolerance`.
#[track_caller]
pub fn assert_near(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.size(), expected.size(), "shape of {what}");
    let difference = (found - expected).abs().max().double_value(&[]);
    println!("{what} differs by {difference:.2e}");
    assert!(difference <= tolerance, "{what} differs by {difference}");
}

/// Runs a test in a process of its own, because memory and libtorch's random numbers belong to a process, and
/// other tests use them, too.
///
/// Returns true in that process: the test goes on. Elsewhere it starts the process, panics if it fails, and
/// returns false: the test ends.
pub fn alone(test: &str) -> bool {
    const ALONE: &str = "GASSHUKU_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    println!("{printed}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("1 passed"), "no test is called {test}");
    false
}
