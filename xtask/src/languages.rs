//! The languages of the notebooks: the same cells, each with prose of its own.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::exercises;
use crate::notebooks::{self, cells, text};
use crate::workshop::Workshop;

/// The folders of the languages, English first.
pub(crate) const LANGUAGES: [&str; 2] = ["en", "ja"];

/// Compares every notebook with its English sibling, and says where they differ.
pub(crate) fn check_all(workshop: &Workshop) -> Result<bool> {
    let [english, others @ ..] = LANGUAGES;
    let mut good = true;
    for other in others {
        let ours = notebooks::of_language(workshop, english)?;
        let theirs = notebooks::of_language(workshop, other)?;
        let names = |paths: &[std::path::PathBuf]| -> Vec<_> {
            let names = paths.iter().filter_map(|path| path.file_name());
            names.map(ToOwned::to_owned).collect()
        };
        if names(&ours) != names(&theirs) {
            good = false;
            println!("notebooks/{other} has other notebooks than notebooks/{english}");
            continue;
        }
        for (ours, theirs) in ours.iter().zip(&theirs) {
            for sentence in differences(&read(ours)?, &read(theirs)?)? {
                good = false;
                println!("{}: {sentence}", workshop.relative(theirs));
            }
        }
    }
    Ok(good)
}

fn read(path: &Path) -> Result<Value> {
    notebooks::read(path)
}

/// Where the second notebook does something else than the first.
fn differences(ours: &Value, theirs: &Value) -> Result<Vec<String>> {
    let ids = |notebook| -> Vec<(Value, Value)> {
        let cells = cells(notebook).iter();
        cells
            .map(|cell| (cell["id"].clone(), cell["cell_type"].clone()))
            .collect()
    };
    if ids(ours) != ids(theirs) {
        return Ok(vec!["its cells are others, or in another order".into()]);
    }
    let mut found = Vec::new();
    for (ours, theirs) in cells(ours).iter().zip(cells(theirs)) {
        let (one, other) = (text(&ours["source"]), text(&theirs["source"]));
        let id = ours["id"].as_str().unwrap_or_default();
        if ours["cell_type"] == "code" && code(&one) != code(&other) {
            found.push(format!("cell {id} has other code"));
        }
        if ours["cell_type"] == "markdown" && one == other {
            found.push(format!("cell {id} is not translated"));
        }
    }
    let exercises = |notebook| exercises::all(notebook).context("in an exercise");
    for (one, other) in exercises(ours)?.iter().zip(exercises(theirs)?) {
        if code(&one.solution) != code(&other.solution) {
            found.push(format!("exercise {} has another solution", one.name));
        }
        if one.hints != other.hints {
            found.push(format!("exercise {} has other hints", one.name));
        }
    }
    Ok(found)
}

/// The code of a cell: what stands in comments is prose.
fn code(source: &str) -> Vec<&str> {
    let lines = source.lines().map(|line| {
        let beginning = line.trim_start();
        match beginning.starts_with("//") {
            true => "//",
            false => line,
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notebook(prose: &str, code: &str) -> Value {
        json!({ "cells": [
            { "id": "a", "cell_type": "markdown", "source": prose },
            { "id": "b", "cell_type": "code", "source": code },
        ] })
    }

    #[test]
    fn prose_and_comments_may_differ_and_nothing_else() {
        let english = notebook("One.", "let a = 1;\n    // yours\n");
        let found = |other: Value| differences(&english, &other).unwrap();
        let none: [&str; 0] = [];
        assert_eq!(
            found(notebook("一。", "let a = 1;\n    // あなたの番\n")),
            none
        );
        assert_eq!(
            found(notebook("一。", "let a = 2;\n    // yours\n")),
            ["cell b has other code"]
        );
        assert_eq!(
            found(notebook("一。", "let a = 1;\n")),
            ["cell b has other code"]
        );
        assert_eq!(
            found(notebook("One.", "let a = 1;\n    // yours\n")),
            ["cell a is not translated"]
        );
        let mut moved = notebook("一。", "let a = 1;\n    // yours\n");
        moved["cells"].as_array_mut().unwrap().reverse();
        assert_eq!(found(moved), ["its cells are others, or in another order"]);
    }
}
