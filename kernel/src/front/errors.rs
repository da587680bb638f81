//! The errors of cells as contents of Jupyter's `error` messages: a name, a sentence, and lines to show.

use serde_json::{Value, json};

const RED: &str = "\u{1b}[31m";
const BOLD: &str = "\u{1b}[1m";
const GREY: &str = "\u{1b}[90m";
const END: &str = "\u{1b}[0m";

/// A place in the source from which a cell was compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The path of the file, as the compiler prints it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
}

/// The error with which a cell has failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The kind of error.
    pub name: String,
    /// The whole message.
    pub message: String,
    /// Where it has occurred, if that is known.
    pub place: Option<Place>,
}

impl Failure {
    /// An error without a place.
    pub fn new(name: &str, message: &str) -> Self {
        Self {
            name: name.to_owned(),
            message: message.to_owned(),
            place: None,
        }
    }

    /// The content of an `error` message: `ename`, `evalue` and `traceback`. `compiled` is the source to which
    /// the place refers, `cell` the cell's own code. The message is cut where one of `ends` begins.
    pub fn content(&self, compiled: &str, cell: &str, ends: &[String]) -> Value {
        let message = shorten(&self.message, ends);
        let value = message.lines().next().unwrap_or("no message").to_owned();
        let mut traceback = vec![format!("{BOLD}{RED}{}{END}: {value}", self.name)];
        traceback.extend(message.lines().skip(1).map(str::to_owned));
        if let Some(line) = self
            .place
            .as_ref()
            .and_then(|place| describe(place, compiled, cell))
        {
            traceback.push(format!("{GREY}{line}{END}"));
        }
        json!({ "ename": self.name, "evalue": value, "traceback": traceback })
    }
}

/// The message without the stack frames that a library adds.
fn shorten(message: &str, ends: &[String]) -> String {
    let end = ends
        .iter()
        .filter_map(|end| message.find(end.as_str()))
        .min()
        .unwrap_or(message.len());
    message[..end].trim().to_owned()
}

/// Describes a place, such as "cell line 3: tensor.f_view([7])?". The compiled source has other lines before
/// the cell's own ones, and items of earlier cells, so the line is found by its text.
fn describe(place: &Place, compiled: &str, cell: &str) -> Option<String> {
    // Files of libraries have absolute paths.
    if place.file != "src/lib.rs" {
        return None;
    }
    let lines: Vec<&str> = compiled.lines().map(str::trim).collect();
    let mut number = place.line.checked_sub(1)?;
    // evcxr shows the last value of a cell by a call that begins in the line before it.
    if lines.get(number)?.starts_with("evcxr_send_text_plain(") {
        number += 1;
    }
    let text = *lines.get(number)?;
    if text.is_empty() {
        return None;
    }
    let after = lines[number + 1..]
        .iter()
        .filter(|line| **line == text)
        .count();
    let in_cell: Vec<usize> = cell
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim() == text)
        .map(|(number, _)| number + 1)
        .collect();
    // Counted from the end: evcxr puts the statements of the cell last, after the items of all cells.
    match in_cell.iter().rev().nth(after).or(in_cell.first()) {
        Some(number) => Some(format!("cell line {number}: {text}")),
        None => Some(format!("in code of an earlier cell: {text}")),
    }
}

/// The failure of a cell whose process has ended, from evcxr's message. `None` for another message.
pub fn of_ended_process(message: &str, by_interrupt: bool) -> Option<Failure> {
    let (_, how) = message.split_once("Subprocess terminated with status: ")?;
    let how = how.trim();
    let sentence = if by_interrupt {
        "the second ■ has ended the process that ran the cells, and all variables are gone"
            .to_owned()
    } else {
        format!("the process that runs the cells has ended ({how}), and all variables are gone")
    };
    Some(Failure::new(
        "kernel process ended",
        &format!("{sentence}: run the cells above again, from the first one that is needed"),
    ))
}

/// Changes the content of an `error` message of evcxr. Errors of the compiler get the name "compile error":
/// their tracebacks contain more than their message. `by_interrupt` says whether the user has pressed ■
/// twice.
pub fn of_evcxr(content: &Value, by_interrupt: bool) -> Value {
    let value = content["evalue"].as_str().unwrap_or_default();
    if let Some(failure) = of_ended_process(value, by_interrupt) {
        return failure.content("", "", &[]);
    }
    let lines = content["traceback"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut shown = content.clone();
    if shown.is_object() && lines != [content["evalue"].clone()] {
        shown["ename"] = json!("compile error");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(failure: &Failure, compiled: &str, cell: &str) -> (String, Vec<String>) {
        let ends = ["\nException raised from ".to_owned()];
        let content = failure.content(compiled, cell, &ends);
        let lines = content["traceback"].as_array().unwrap().iter();
        let plain = |line: &Value| {
            let mut text = line.as_str().unwrap().to_owned();
            for colour in [RED, BOLD, GREY, END] {
                text = text.replace(colour, "");
            }
            text
        };
        (
            content["evalue"].as_str().unwrap().to_owned(),
            lines.map(plain).collect(),
        )
    }

    fn at(line: usize) -> Failure {
        Failure {
            name: "error".to_owned(),
            message: "shape '[7]' is invalid\nException raised from view at x.h:99\nframe #0"
                .into(),
            place: Some(Place {
                file: "src/lib.rs".into(),
                line,
                column: 5,
            }),
        }
    }

    #[test]
    fn an_error_is_a_sentence_and_its_line_in_the_cell() {
        let cell = "let a = 1;\n  t.f_view([7])?;\nlet b = 2;\n  t.f_view([7])?;";
        let compiled = format!("mod x {{\n}}\nfn run() {{\n{cell}\n}}\n");
        let (value, lines) = content(&at(5), &compiled, cell);
        assert_eq!(value, "shape '[7]' is invalid");
        assert_eq!(
            lines,
            [
                "error: shape '[7]' is invalid",
                "cell line 2: t.f_view([7])?;"
            ]
        );
        let (_, lines) = content(&at(7), &compiled, cell);
        assert_eq!(lines[1], "cell line 4: t.f_view([7])?;");
        let (_, lines) = content(&at(7), &compiled, "let c = 3;");
        assert_eq!(lines[1], "in code of an earlier cell: t.f_view([7])?;");
        assert_eq!(content(&at(100), &compiled, cell).1.len(), 1);
        assert_eq!(content(&at(0), &compiled, cell).1.len(), 1);
    }

    #[test]
    fn a_last_value_is_in_the_line_after_evcxrs_call() {
        let cell = "let a = [1];\na[5]";
        let compiled = "let a = [1];\nevcxr_send_text_plain(&format!(\"{:?}\",&(\na[5]\n)));\n";
        let (_, lines) = content(&at(2), compiled, cell);
        assert_eq!(lines[1], "cell line 2: a[5]");
    }

    #[test]
    fn a_place_in_a_library_is_not_shown() {
        let mut failure = at(5);
        failure.place = Some(Place {
            file: "/rustc/1/library/core/src/option.rs".into(),
            line: 5,
            column: 5,
        });
        assert_eq!(content(&failure, "a\nb\nc\nd\ne\n", "e").1.len(), 1);
    }

    #[test]
    fn the_end_of_the_process_gets_a_plain_message() {
        let died = "Subprocess terminated with status: signal: 9 (SIGKILL)";
        let failure = of_ended_process(died, false).unwrap();
        assert!(failure.message.contains("has ended (signal: 9 (SIGKILL))"));
        assert!(
            of_ended_process(died, true)
                .unwrap()
                .message
                .contains("second ■")
        );
        assert_eq!(of_ended_process("cannot find value", false), None);
    }

    #[test]
    fn errors_of_the_compiler_are_distinguished_from_those_of_evcxr() {
        let compilers =
            json!({ "ename": "Error", "evalue": "mismatched types", "traceback": ["a", "b"] });
        assert_eq!(of_evcxr(&compilers, false)["ename"], "compile error");
        assert_eq!(of_evcxr(&compilers, false)["traceback"], json!(["a", "b"]));
        let own =
            json!({ "ename": "Error", "evalue": "no such crate", "traceback": ["no such crate"] });
        assert_eq!(of_evcxr(&own, false), own);
        let died = json!({ "evalue": "Subprocess terminated with status: exit status: 99", "traceback": [] });
        assert_eq!(of_evcxr(&died, false)["ename"], "kernel process ended");
        assert_eq!(of_evcxr(&json!([]), false), json!([]), "not an object");
    }
}
