//! What is committed of a notebook: its sources, without outputs, execution counts and foreign metadata.

use std::path::Path;

use anyhow::Result;
use evcxr_prewarm::stamp::replace_file;
use serde_json::{Value, json};

use super::exercises;
use super::json::{cells, read, to_bytes};
use super::list::{all, failing};
use crate::workshop::Workshop;

/// What must not be committed, or is wrong with an exercise: one sentence each.
pub(crate) fn check(path: &Path) -> Result<Vec<String>> {
    let notebook = read(path)?;
    let mut found = Vec::new();
    if notebook["metadata"] != metadata() {
        found.push("metadata other than the Rust kernel's".to_owned());
    }
    if let Err(error) = exercises::all(&notebook) {
        found.push(format!("{error:#}"));
    }
    for (position, cell) in cells(&notebook).iter().enumerate() {
        let number = position + 1;
        if cell["outputs"]
            .as_array()
            .is_some_and(|outputs| !outputs.is_empty())
        {
            found.push(format!("outputs in cell {number}"));
        }
        if !cell["execution_count"].is_null() {
            found.push(format!("an execution count in cell {number}"));
        }
        if cell["metadata"] != json!({}) {
            found.push(format!("metadata in cell {number}"));
        }
        if cell.get("attachments").is_some() {
            found.push(format!("an attachment in cell {number}"));
        }
    }
    Ok(found)
}

/// Checks all notebooks, and prints what is wrong.
pub(crate) fn check_all(workshop: &Workshop) -> Result<bool> {
    let mut good = true;
    for path in all(workshop)?.into_iter().chain(failing(workshop)?) {
        for sentence in check(&path)? {
            good = false;
            println!("{}: {sentence}", workshop.relative(&path));
        }
    }
    if !good {
        println!("`cargo xtask clean --notebooks` takes these away");
    }
    Ok(good)
}

/// Removes what must not be committed. Returns whether there was any.
pub(crate) fn strip(path: &Path) -> Result<bool> {
    if check(path)?.is_empty() {
        return Ok(false);
    }
    let mut notebook = read(path)?;
    notebook["metadata"] = metadata();
    for cell in notebook["cells"].as_array_mut().into_iter().flatten() {
        cell["metadata"] = json!({});
        if cell["cell_type"] == "code" {
            cell["outputs"] = json!([]);
            cell["execution_count"] = Value::Null;
        }
        if let Some(cell) = cell.as_object_mut() {
            cell.remove("attachments");
        }
    }
    replace_file(path, &to_bytes(&notebook)?)?;
    Ok(true)
}

/// What JupyterLab writes for the kernel, so that saving a notebook changes no metadata.
fn metadata() -> Value {
    json!({
        "kernelspec": { "display_name": "Rust", "language": "rust", "name": "rust" },
        "language_info": {
            "codemirror_mode": "rust",
            "file_extension": ".rs",
            "mimetype": "text/rust",
            "name": "Rust",
            "pygment_lexer": "rust",
            "version": "",
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn notebook(cell: Value, metadata: Value) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ipynb");
        let notebook = json!({
            "cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5,
        });
        fs::write(&path, to_bytes(&notebook).unwrap()).unwrap();
        (folder, path)
    }

    fn clean_cell() -> Value {
        json!({
            "cell_type": "code", "id": "a", "metadata": {}, "source": ["let a = 1;"],
            "outputs": [], "execution_count": null,
        })
    }

    #[test]
    fn a_clean_notebook_passes_and_is_left_alone() {
        let (_folder, path) = notebook(clean_cell(), metadata());
        assert_eq!(check(&path).unwrap(), Vec::<String>::new());
        let before = fs::read(&path).unwrap();
        assert!(!strip(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn each_fault_is_found_and_stripped() {
        let faults = [
            (
                "outputs",
                json!([{ "output_type": "stream", "name": "stdout", "text": "1" }]),
                "outputs in cell 1",
            ),
            ("execution_count", json!(2), "an execution count in cell 1"),
            (
                "metadata",
                json!({ "scrolled": true }),
                "metadata in cell 1",
            ),
            ("attachments", json!({}), "an attachment in cell 1"),
        ];
        for (key, value, sentence) in faults {
            let mut cell = clean_cell();
            cell[key] = value;
            let (_folder, path) = notebook(cell, metadata());
            assert_eq!(check(&path).unwrap(), [sentence]);
            assert!(strip(&path).unwrap());
            assert_eq!(check(&path).unwrap(), Vec::<String>::new());
            assert_eq!(
                cells(&read(&path).unwrap())[0]["source"],
                json!(["let a = 1;"])
            );
        }
    }

    #[test]
    fn an_exercise_without_its_check_is_found() {
        let mut gap = clean_cell();
        gap["id"] = json!("sum-gap");
        let (_folder, path) = notebook(gap, metadata());
        assert_eq!(
            check(&path).unwrap(),
            ["exercise sum: there is no cell sum-check"]
        );
    }

    #[test]
    fn foreign_metadata_is_found() {
        let (_folder, path) =
            notebook(clean_cell(), json!({ "kernelspec": { "name": "python3" } }));
        assert_eq!(
            check(&path).unwrap(),
            ["metadata other than the Rust kernel's"]
        );
        assert!(strip(&path).unwrap());
        assert_eq!(read(&path).unwrap()["metadata"], metadata());
    }

    #[test]
    fn what_is_no_notebook_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ipynb");
        fs::write(&path, "<html>").unwrap();
        assert!(
            check(&path)
                .unwrap_err()
                .to_string()
                .contains("not a notebook")
        );
    }
}
