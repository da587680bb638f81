//! The README's pictures, from the executed notebooks.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::notebooks::{cell, text};
use crate::workshop::Workshop;

/// The notebook and the cell that show a picture, and the picture's file in `notebooks/pictures`.
const PICTURES: [(&str, &str, &str); 6] = [
    ("en/02_visualize", "visualize-3", "images.png"),
    ("en/04_train", "train-12", "curves.png"),
    ("en/06_predict", "predict-7", "answers.png"),
    ("en/06_predict", "predict-11", "confusion.png"),
    ("en/07_explain", "explain-13", "explanations.png"),
    ("en/08_own_images", "own-28", "shortcut.png"),
];

/// Writes the pictures of the last `cargo xtask run`.
pub(crate) fn pictures(workshop: &Workshop) -> Result<ExitCode> {
    let folder = workshop.notebooks().join("pictures");
    fs::create_dir_all(&folder)?;
    for (notebook, cell, file) in PICTURES {
        let executed = workshop.executed().join(notebook).with_extension("ipynb");
        let bytes = fs::read(&executed).with_context(|| {
            format!(
                "cannot read {}: run `cargo xtask run` first",
                workshop.relative(&executed)
            )
        })?;
        let bytes = picture(&serde_json::from_slice(&bytes)?, cell)
            .with_context(|| format!("cell {cell} of {notebook}"))?;
        fs::write(folder.join(file), bytes)?;
        println!("notebooks/pictures/{file}, from cell {cell} of {notebook}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The bytes of the PNG file that a cell shows.
fn picture(notebook: &Value, id: &str) -> Result<Vec<u8>> {
    let cell = cell(notebook, id).context("there is no such cell")?;
    let outputs = cell["outputs"].as_array().context("it has no outputs")?;
    let mut pictures = outputs
        .iter()
        .map(|output| text(&output["data"]["image/png"]));
    match pictures.rfind(|picture| !picture.is_empty()) {
        Some(picture) => BASE64
            .decode(picture.replace('\n', ""))
            .context("its picture is damaged"),
        None => bail!("it shows no picture"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notebook(png: Value) -> Value {
        json!({ "cells": [
            { "id": "text", "cell_type": "markdown" },
            { "id": "plot", "outputs": [
                { "data": { "text/html": "<p>" } },
                { "data": { "image/png": png, "text/html": "<img>" } },
            ] },
        ] })
    }

    #[test]
    fn a_picture_is_found_by_its_cell() {
        let found = |png| picture(&notebook(png), "plot").unwrap();
        assert_eq!(found(json!("aGVsbG8=")), b"hello");
        assert_eq!(found(json!(["aGVs\n", "bG8=\n"])), b"hello");
    }

    #[test]
    fn what_is_missing_is_reported() {
        let error = |html, id| picture(&notebook(html), id).unwrap_err().to_string();
        assert_eq!(error(json!(""), "plot"), "it shows no picture");
        assert_eq!(error(json!(""), "text"), "it has no outputs");
        assert_eq!(error(json!(""), "other"), "there is no such cell");
        assert_eq!(error(json!("a"), "plot"), "its picture is damaged");
    }
}
