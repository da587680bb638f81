//! The notebooks' exercises: a cell to fill in, one that checks it, and hints with the solution.
//!
//! An exercise called `lenet` has the cells `lenet-gap` and `lenet-check` (code) and `lenet-help`
//! (text), whose last block of Rust is the solution.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::json::{cell, cells, text};

/// The first character of a report, in every language: see `gasshuku::check`.
const SOLVED: char = '✓';
const NOT_YET: char = '✗';

/// An exercise of a notebook.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exercise {
    pub(crate) name: String,
    /// The code of the gap's cell when it is solved.
    pub(crate) solution: String,
    pub(crate) hints: usize,
}

/// The exercises of a notebook, in their order.
///
/// It is an error if one has no check, hints or solution, or a solution that equals its gap.
pub(crate) fn all(notebook: &Value) -> Result<Vec<Exercise>> {
    let names = cells(notebook)
        .iter()
        .filter_map(|cell| cell["id"].as_str()?.strip_suffix("-gap"));
    names
        .map(|name| parse(notebook, name).with_context(|| format!("exercise {name}")))
        .collect()
}

fn parse(notebook: &Value, name: &str) -> Result<Exercise> {
    let gap = source(notebook, name, "gap", "code")?;
    source(notebook, name, "check", "code")?;
    let help = source(notebook, name, "help", "markdown")?;
    let solution = solution(&help).context("its help has no block of Rust")?;
    if solution.trim() == gap.trim() {
        bail!("its solution is the gap as it stands");
    }
    let hints = help.matches("<details>").count().saturating_sub(1);
    if hints < 2 {
        bail!("its help has {hints} hints, in folded blocks of their own; at least 2 are wanted");
    }
    Ok(Exercise {
        name: name.to_owned(),
        solution,
        hints,
    })
}

fn source(notebook: &Value, name: &str, part: &str, kind: &str) -> Result<String> {
    let id = format!("{name}-{part}");
    let cell = cell(notebook, &id).with_context(|| format!("there is no cell {id}"))?;
    if cell["cell_type"] != kind {
        bail!("cell {id} must be a {kind} cell");
    }
    Ok(text(&cell["source"]))
}

/// The last block of Rust in a text, if it is folded.
fn solution(help: &str) -> Option<String> {
    let (before, rest) = help.rsplit_once("```rust\n")?;
    let (code, after) = rest.split_once("\n```")?;
    let folded = before.matches("<details>").count() > before.matches("</details>").count();
    (folded && after.contains("</details>")).then(|| code.to_owned())
}

/// The notebook with the solutions in place of the gaps.
pub(crate) fn solve(notebook: &Value) -> Result<Value> {
    let mut solved = notebook.clone();
    for exercise in all(notebook)? {
        let id = format!("{}-gap", exercise.name);
        for cell in solved["cells"].as_array_mut().into_iter().flatten() {
            if cell["id"] == *id {
                cell["source"] = json!(exercise.solution);
            }
        }
    }
    Ok(solved)
}

/// The checks of an executed notebook that have the wrong result: solved exercises must pass, and gaps must
/// not.
pub(crate) fn wrong_reports(executed: &Value, solved: bool) -> Vec<String> {
    let expected = if solved { SOLVED } else { NOT_YET };
    let mut wrong = Vec::new();
    for cell in cells(executed) {
        let Some(name) = cell["id"].as_str().and_then(|id| id.strip_suffix("-check")) else {
            continue;
        };
        let outputs = cell["outputs"].as_array().into_iter().flatten();
        let report: String = outputs
            .map(|output| text(&output["data"]["text/plain"]))
            .collect();
        if !report.starts_with(expected) {
            let state = if solved { "the solution" } else { "the gap" };
            wrong.push(format!(
                "exercise {name}: the report on {state} must begin with {expected}: {report}"
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "<details>\n<summary>Hint 1</summary>\n\na\n\n</details>\n\n\
        <details>\n<summary>Hint 2</summary>\n\n```rust\nlet hint = 1;\n```\n\n</details>\n\n\
        <details>\n<summary>Solution</summary>\n\n```rust\nlet a = 2;\n\nlet b = 3;\n```\n\n</details>\n";

    fn cell(id: &str, kind: &str, source: &str) -> Value {
        json!({ "id": id, "cell_type": kind, "source": [source] })
    }

    fn notebook(help: &str) -> Value {
        json!({ "cells": [
            cell("before", "markdown", "text"),
            cell("sum-gap", "code", "let a = 1;"),
            cell("sum-check", "code", "check::sum(a)"),
            cell("sum-help", "markdown", help),
        ] })
    }

    #[test]
    fn an_exercise_is_read_and_solved() {
        let found = all(&notebook(HELP)).unwrap();
        let expected = Exercise {
            name: "sum".into(),
            solution: "let a = 2;\n\nlet b = 3;".into(),
            hints: 2,
        };
        assert_eq!(found, [expected]);
        let solved = solve(&notebook(HELP)).unwrap();
        assert_eq!(
            text(&solved["cells"][1]["source"]),
            "let a = 2;\n\nlet b = 3;"
        );
        assert_eq!(solved["cells"][2], notebook(HELP)["cells"][2]);
    }

    #[test]
    fn what_is_missing_from_an_exercise_is_reported() {
        let error = |notebook: Value| format!("{:#}", all(&notebook).unwrap_err());
        let mut unchecked = notebook(HELP);
        unchecked["cells"].as_array_mut().unwrap().remove(2);
        assert_eq!(error(unchecked), "exercise sum: there is no cell sum-check");
        let mut as_text = notebook(HELP);
        as_text["cells"][2]["cell_type"] = json!("markdown");
        assert_eq!(
            error(as_text),
            "exercise sum: cell sum-check must be a code cell"
        );
        let unfolded = notebook("Solution\n```rust\nlet a = 2;\n```\n");
        assert_eq!(
            error(unfolded),
            "exercise sum: its help has no block of Rust"
        );
        let same = notebook(&HELP.replace("let a = 2;\n\nlet b = 3;", "let a = 1;"));
        assert_eq!(
            error(same),
            "exercise sum: its solution is the gap as it stands"
        );
        let one_hint = HELP.split_once("</details>\n\n").unwrap().1;
        assert!(error(notebook(one_hint)).contains("its help has 1 hints"));
    }

    #[test]
    fn checks_with_the_wrong_result_are_found() {
        let executed = |report: &str| {
            let mut executed = notebook(HELP);
            executed["cells"][2]["outputs"] = json!([{ "data": { "text/plain": report } }]);
            executed
        };
        let good = Vec::<String>::new();
        assert_eq!(wrong_reports(&executed("✓ Solved: sum"), true), good);
        assert_eq!(wrong_reports(&executed("✗ Not yet: sum"), false), good);
        assert_eq!(wrong_reports(&executed("✗ Not yet: sum"), true).len(), 1);
        assert_eq!(wrong_reports(&executed("✓ Solved: sum"), false).len(), 1);
        assert_eq!(wrong_reports(&notebook(HELP), false).len(), 1, "no report");
    }
}
