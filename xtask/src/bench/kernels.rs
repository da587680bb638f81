//! Workers that run notebook kernels: ours, Python's, and evcxr as it comes.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::context::Bench;
use super::worker::Worker;

const SCRIPT: &str = "bench_kernel.py";

/// evcxr as it comes compiles for minutes in each run. One run is enough, because the difference is so large.
pub(super) const STOCK_ONCE: &str = "evcxr as it comes was measured once.";

/// A worker for each kernel. They run in the workshop's own Python, which has Jupyter's client.
pub(super) fn workers(bench: &Bench, kernels: &[&str]) -> Result<Vec<Worker>> {
    let start = |kernel: &&str| {
        let mut command = bench.workshop.python();
        command
            .arg(bench.workshop.python_sources().join(SCRIPT))
            .args(["--kernel", kernel])
            .arg("--root")
            .arg(bench.workshop.root())
            .arg("--python")
            .arg(&bench.python)
            .args(["--threads", &bench.threads.to_string()]);
        if kernel.starts_with("stock") {
            set_stock_environment(bench, &mut command);
        }
        Worker::start(command)
    };
    kernels.iter().map(start).collect()
}

/// Gives evcxr as it comes what it needs to find libtorch, and nothing else of the workshop's.
fn set_stock_environment(bench: &Bench, command: &mut Command) {
    bench.workshop.find_libtorch(command);
    command
        .env("JUPYTER_PATH", bench.workshop.kernel())
        .env("EVCXR_CONFIG_DIR", bench.folder.join("no-configuration"));
}

/// The versions of the packages that the other kernels use.
pub(super) fn versions(bench: &Bench) -> Result<Value> {
    bench.versions("bench_train.py")
}

/// A list of numbers of an answer.
pub(super) fn numbers(answer: &Value, key: &str) -> Result<Vec<f64>> {
    let list = answer[key].as_array();
    let list = list.with_context(|| format!("a worker answers without `{key}`: {answer}"))?;
    let numbers = list.iter().map(|entry| entry.as_f64());
    numbers
        .collect::<Option<_>>()
        .with_context(|| format!("`{key}` is not a list of numbers: {answer}"))
}

#[cfg(test)]
mod tests {
    use super::super::worker::number;
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_that_lacks_something_is_an_error() {
        let answer = json!({ "seconds": 1.5, "cells": [0.25, 1.0], "steps": ["a"] });
        assert_eq!(number(&answer, "seconds").unwrap(), 1.5);
        assert_eq!(numbers(&answer, "cells").unwrap(), [0.25, 1.0]);
        assert!(number(&answer, "memory").is_err());
        assert!(numbers(&answer, "steps").is_err());
        assert!(numbers(&answer, "seconds").is_err());
    }
}
