//! Notebooks as they are to be committed: sources only.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::exercises;
use crate::languages::{ENGLISH, LANGUAGES};
use crate::stamp::replace_file;
use crate::workshop::Workshop;

/// The workshop's notebooks in all languages, in their order.
pub(crate) fn all(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    let mut notebooks = Vec::new();
    for language in LANGUAGES {
        notebooks.extend(of_language(workshop, language)?);
    }
    Ok(notebooks)
}

/// Those of one language.
pub(crate) fn of_language(workshop: &Workshop, language: &str) -> Result<Vec<PathBuf>> {
    in_folder(&workshop.notebooks().join(language))
}

/// Notebooks by a path, by a name among the workshop's (`04_train` is the English one,
/// `ja/04_train` the Japanese), or all of a language by its folder: `ja`.
pub(crate) fn find(workshop: &Workshop, named: &Path) -> Result<Vec<PathBuf>> {
    if named.is_file() {
        return Ok(vec![named.to_owned()]);
    }
    if let Some(language) = LANGUAGES.iter().find(|folder| named == Path::new(folder)) {
        return of_language(workshop, language);
    }
    for folder in [workshop.notebooks(), workshop.notebooks().join(ENGLISH)] {
        let ours = folder.join(named).with_extension("ipynb");
        if ours.is_file() {
            return Ok(vec![ours]);
        }
    }
    let names: Vec<_> = of_language(workshop, ENGLISH)?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    bail!(
        "there is no notebook {}; there are {}, in {}",
        named.display(),
        names.join(", "),
        LANGUAGES.join(" and ")
    )
}

/// Those that are made to fail.
pub(crate) fn failing(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    in_folder(&workshop.root().join("tests/notebooks"))
}

/// Those that must succeed and teach nothing.
pub(crate) fn good(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    in_folder(&workshop.root().join("tests/notebooks/good"))
}

/// Those that need NVIDIA's libraries.
pub(crate) fn of_cuda(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    in_folder(&workshop.root().join("tests/notebooks/cuda"))
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut notebooks = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "ipynb")
        {
            notebooks.push(path);
        }
    }
    notebooks.sort();
    Ok(notebooks)
}

/// What of a notebook is not to be committed, one sentence each.
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

/// Checks all that are committed, and says what is wrong.
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

/// Takes away what is not to be committed. Whether there was any.
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
    replace_file(path, &written(&notebook)?)?;
    Ok(true)
}

/// As Jupyter writes it, so that its next save changes nothing.
pub(crate) fn written(notebook: &Value) -> Result<Vec<u8>> {
    use serde::Serialize;
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    notebook.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(crate) fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no notebook", path.display()))
}

/// Text in a notebook is a string or a list of lines.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

pub(crate) fn cells(notebook: &Value) -> &[Value] {
    notebook["cells"].as_array().map_or(&[], Vec::as_slice)
}

/// The cell with an id.
pub(crate) fn cell<'notebook>(notebook: &'notebook Value, id: &str) -> Option<&'notebook Value> {
    cells(notebook).iter().find(|cell| cell["id"] == id)
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
    use super::*;

    fn notebook(cell: Value, metadata: Value) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ipynb");
        let notebook = json!({
            "cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5,
        });
        fs::write(&path, written(&notebook).unwrap()).unwrap();
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
    fn notebooks_are_found_by_path_name_and_language() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["en/04_train", "en/05_save", "ja/04_train"] {
            let path = folder.path().join("notebooks").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path.with_extension("ipynb"), "{}").unwrap();
        }
        let workshop = Workshop::at(Some(folder.path().to_owned())).unwrap();
        let found = |named: &str| find(&workshop, Path::new(named)).unwrap();
        let at = |name: &str| workshop.notebooks().join(name);
        let path = at("ja/04_train.ipynb");
        assert_eq!(found(path.to_str().unwrap()), [at("ja/04_train.ipynb")]);
        for name in ["04_train", "04_train.ipynb", "en/04_train"] {
            assert_eq!(found(name), [at("en/04_train.ipynb")]);
        }
        assert_eq!(found("ja/04_train"), [at("ja/04_train.ipynb")]);
        assert_eq!(found("ja"), [path]);
        assert_eq!(found("en").len(), 2);
        assert_eq!(all(&workshop).unwrap().len(), 3);
        let unknown = find(&workshop, Path::new("04_trian")).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "there is no notebook 04_trian; there are 04_train, 05_save, in en and ja"
        );
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
                .contains("no notebook")
        );
    }
}
