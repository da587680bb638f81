//! Whether the notebooks of all languages do the same: their code is equal, and only prose, comments and texts
//! for readers are translated.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::exercises;
use super::json::{cells, read, text};
use super::list::{ENGLISH, OTHERS, of_language};
use crate::workshop::Workshop;

/// Compares every notebook with the English one, and prints where they differ.
pub(crate) fn check_all(workshop: &Workshop) -> Result<bool> {
    let ours = of_language(workshop, ENGLISH)?;
    let mut good = true;
    for other in OTHERS {
        let theirs = of_language(workshop, other)?;
        let names = |paths: &[PathBuf]| -> Vec<_> {
            let names = paths.iter().filter_map(|path| path.file_name());
            names.map(ToOwned::to_owned).collect()
        };
        if names(&ours) != names(&theirs) {
            good = false;
            println!("notebooks/{other} has other notebooks than notebooks/{ENGLISH}");
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

/// The cells in which the second notebook does something else than the first, and those that are not
/// translated.
fn differences(ours: &Value, theirs: &Value) -> Result<Vec<String>> {
    let ids = |notebook| -> Vec<(Value, Value)> {
        let cells = cells(notebook).iter();
        cells
            .map(|cell| (cell["id"].clone(), cell["cell_type"].clone()))
            .collect()
    };
    if ids(ours) != ids(theirs) {
        return Ok(vec!["it has other cells, or another order of cells".into()]);
    }
    let mut found = Vec::new();
    for (ours, theirs) in cells(ours).iter().zip(cells(theirs)) {
        let (one, other) = (text(&ours["source"]), text(&theirs["source"]));
        let id = ours["id"].as_str().unwrap_or_default();
        if ours["cell_type"] == "code" && !same_code(&one, &other) {
            found.push(format!("cell {id} has other code"));
        }
        if ours["cell_type"] == "markdown" && one == other {
            found.push(format!("cell {id} is not translated"));
        }
    }
    let exercises = |notebook| exercises::all(notebook).context("in an exercise");
    for (one, other) in exercises(ours)?.iter().zip(exercises(theirs)?) {
        if !same_code(&one.solution, &other.solution) {
            found.push(format!("exercise {} has another solution", one.name));
        }
        if one.hints != other.hints {
            found.push(format!("exercise {} has other hints", one.name));
        }
    }
    Ok(found)
}

/// Whether two cells do the same: their code is equal, and texts are equal or translated.
fn same_code(ours: &str, theirs: &str) -> bool {
    let (ours, theirs) = (pieces(ours), pieces(theirs));
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(&theirs)
            .all(|(one, other)| match (one, other) {
                (Piece::Text(one), Piece::Text(other)) => {
                    one == other || is_translation(one, other)
                }
                _ => one == other,
            })
}

/// A part of a cell's source.
#[derive(Debug, PartialEq)]
enum Piece {
    /// Code outside string literals. Of a comment, only `//`.
    Code(String),
    /// The content of a string literal.
    Text(String),
}

fn pieces(source: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut code = String::new();
    let mut rest = source;
    while let Some(character) = rest.chars().next() {
        if rest.starts_with("//") {
            code.push_str("//");
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if character == '"' {
            let length = text_length(&rest[1..]);
            pieces.push(Piece::Code(std::mem::take(&mut code)));
            pieces.push(Piece::Text(rest[1..1 + length].to_owned()));
            rest = rest.get(length + 2..).unwrap_or_default();
        } else {
            code.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    pieces.push(Piece::Code(code));
    pieces
}

/// The length in bytes of a literal up to the quotation mark that ends it.
fn text_length(text: &str) -> usize {
    let mut escaped = false;
    for (place, character) in text.char_indices() {
        match character {
            '"' if !escaped => return place,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Whether the second text can be a translation of the first: it contains Japanese, and the same `{…}`. Names
/// of layers and classes contain no Japanese.
fn is_translation(one: &str, other: &str) -> bool {
    let is_japanese =
        |character| matches!(character, '\u{3040}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}');
    other.contains(is_japanese) && placeholders(one) == placeholders(other)
}

/// The placeholders of a format string.
fn placeholders(text: &str) -> Vec<&str> {
    let opened = text.split('{').skip(1);
    opened
        .filter_map(|rest| Some(rest.split_once('}')?.0))
        .collect()
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
        assert_eq!(
            found(moved),
            ["it has other cells, or another order of cells"]
        );
    }

    #[test]
    fn texts_for_readers_may_be_translated_with_their_placeholders() {
        let same = |ours, theirs| same_code(ours, theirs);
        let english = r#"println!("{} images", n); // how many"#;
        assert!(same(english, r#"println!("画像 {} 枚", n); // 枚数"#));
        assert!(
            !same(english, r#"println!("画像", n); // 枚数"#),
            "a placeholder is missing"
        );
        assert!(
            !same(english, r#"println!("{} pictures", n); // 枚数"#),
            "not Japanese"
        );
        assert!(
            !same(english, r#"println!("画像 {} 枚", m); // 枚数"#),
            "other code"
        );
        assert!(
            !same(english, r#"println!("画像 {} 枚", n);"#),
            "a comment is missing"
        );
        assert!(
            !same(r#"at("conv1")"#, r#"at("conv2")"#),
            "a name is not a text"
        );
        assert!(
            !same(r#"f("a", "b")"#, r#"f("a")"#),
            "an argument is missing"
        );
        // A text ends neither at // nor at an escaped quotation mark.
        assert!(!same(r#"f("a//b", x)"#, r#"f("a//c", y)"#));
        assert!(same(r#"f("say \"a\"", x)"#, r#"f("「\"a\"」と言う", x)"#));
        assert!(!same(r#"f("say \"a\"", x)"#, r#"f("「\"a\"」と言う", y)"#));
    }
}
