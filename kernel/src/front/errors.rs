//! What went wrong in a cell, as Jupyter tells it: a name, a sentence, and lines to show.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

const RED: &str = "\u{1b}[31m";
const BOLD: &str = "\u{1b}[1m";
const GREY: &str = "\u{1b}[90m";
const END: &str = "\u{1b}[0m";

/// A place in the source that a cell was compiled from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, as the compiler names it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
}

/// An error that a cell has ended with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// What kind of error.
    pub name: String,
    /// All of its words.
    pub message: String,
    /// Where, if it is known.
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

    /// `ename`, `evalue` and `traceback`. `compiled` is the source in which the place is, `cell` is
    /// the cell's own code. The message ends where one of `ends` begins.
    pub fn content(&self, compiled: &str, cell: &str, ends: &[String]) -> Value {
        let message = shortened(&self.message, ends);
        let value = message
            .lines()
            .next()
            .unwrap_or("it does not say why")
            .to_owned();
        let mut traceback = vec![format!("{BOLD}{RED}{}{END}: {value}", self.name)];
        traceback.extend(message.lines().skip(1).map(str::to_owned));
        if let Some(line) = self
            .place
            .as_ref()
            .and_then(|place| told(place, compiled, cell))
        {
            traceback.push(format!("{GREY}{line}{END}"));
        }
        json!({ "ename": self.name, "evalue": value, "traceback": traceback })
    }
}

/// The words of an error, without what a library adds of its own stack.
fn shortened(message: &str, ends: &[String]) -> String {
    let end = ends
        .iter()
        .filter_map(|end| message.find(end.as_str()))
        .min()
        .unwrap_or(message.len());
    message[..end].trim().to_owned()
}

/// "line 3: `tensor.f_view([7])?`". The compiled source has more before the cell's own lines, and
/// items of earlier cells: the line is found again by its text.
fn told(place: &Place, compiled: &str, cell: &str) -> Option<String> {
    // Libraries' files are named by their whole paths.
    if place.file != "src/lib.rs" {
        return None;
    }
    let lines: Vec<&str> = compiled.lines().map(str::trim).collect();
    let mut number = place.line.checked_sub(1)?;
    // evcxr shows a cell's last value by a call in the line before it.
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
    // Counted from the end: evcxr puts the cell's statements last, after items of all cells.
    match in_cell.iter().rev().nth(after).or(in_cell.first()) {
        Some(number) => Some(format!("cell line {number}: {text}")),
        None => Some(format!("in code of an earlier cell: {text}")),
    }
}

/// Takes panics' words, as std prints them, out of what a cell writes to its standard error. Only at
/// the cell's end is it known which panic it has failed with, and which one was caught or another
/// thread's: those words are given back.
#[derive(Debug, Default)]
pub struct PanicWords {
    panics: Vec<Panic>,
    is_open: bool,
    is_last_given_back: bool,
}

#[derive(Debug)]
struct Panic {
    head: String,
    place: Place,
    lines: Vec<String>,
    since: Instant,
}

impl PanicWords {
    /// Whether a line belongs to a panic's words.
    pub fn take(&mut self, line: &str) -> bool {
        if let Some((is_cells, place)) = begins(line) {
            self.is_open = is_cells;
            if is_cells {
                self.is_last_given_back = false;
                self.panics.push(Panic {
                    head: line.to_owned(),
                    place,
                    lines: Vec::new(),
                    since: Instant::now(),
                });
            }
            return is_cells;
        }
        let Some(panic) = self.panics.last_mut().filter(|_| self.is_open) else {
            return false;
        };
        if LAST_LINES.iter().any(|last| line.starts_with(last)) {
            self.is_open = false;
        } else {
            panic.lines.push(line.to_owned());
        }
        true
    }

    /// The last panic.
    pub fn last(&self) -> Option<Failure> {
        let panic = self.panics.last()?;
        Some(Failure {
            name: "panic".to_owned(),
            message: panic.message().join("\n"),
            place: Some(panic.place.clone()),
        })
    }

    /// The words of all panics, but perhaps the last.
    pub fn give_back(&mut self, with_last: bool) -> String {
        let last = self.panics.len().saturating_sub(1);
        let mut text = String::new();
        for (number, panic) in self.panics.iter().enumerate() {
            if number < last || with_last && !self.is_last_given_back {
                text += &format!("{}\n{}\n", panic.head, panic.message().join("\n"));
            }
        }
        self.panics.drain(..last);
        self.is_last_given_back |= with_last;
        text
    }

    /// The words of a panic that has not ended its cell for so long that it will not.
    pub fn overdue(&mut self, age: Duration) -> Option<String> {
        let is_overdue = self.panics.last()?.since.elapsed() >= age && !self.is_last_given_back;
        is_overdue.then(|| {
            self.is_open = false;
            self.give_back(true)
        })
    }
}

impl Panic {
    fn message(&self) -> &[String] {
        let end = self
            .lines
            .iter()
            .position(|line| line == "stack backtrace:");
        &self.lines[..end.unwrap_or(self.lines.len())]
    }
}

/// With one of these a panic's words end, but std prints none after a process's first panic.
const LAST_LINES: [&str; 2] = [
    "note: run with `RUST_BACKTRACE",
    "note: Some details are omitted, run with `RUST_BACKTRACE",
];

/// "thread '<unnamed>' (123) panicked at src/lib.rs:12:5:", and whether that is a cell's own thread.
fn begins(line: &str) -> Option<(bool, Place)> {
    let rest = line.strip_prefix("thread '")?;
    let (_, place) = rest.split_once("panicked at ")?;
    let place = place.strip_suffix(':')?;
    let mut parts = place.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let place = Place {
        file: parts.next()?.to_owned(),
        line,
        column,
    };
    Some((
        rest.starts_with("<unnamed>'") || rest.starts_with("main'"),
        place,
    ))
}

/// evcxr's words for a process that has ended.
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

/// The contents of evcxr's `error` messages, as they are shown: each error of the compiler comes with
/// its place, drawn, in the traceback; of the others the sentence is all there is.
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
    fn a_place_in_a_library_is_not_told() {
        let mut failure = at(5);
        failure.place = Some(Place {
            file: "/rustc/1/library/core/src/option.rs".into(),
            line: 5,
            column: 5,
        });
        assert_eq!(content(&failure, "a\nb\nc\nd\ne\n", "e").1.len(), 1);
    }

    #[test]
    fn stds_words_for_a_panic_are_understood() {
        let mut words = PanicWords::default();
        assert!(!words.take("a warning"));
        assert!(words.take("thread '<unnamed>' (123) panicked at src/lib.rs:12:5:"));
        assert!(words.take("index out of bounds:"));
        assert!(words.take("the len is 3"));
        assert!(words.take("note: run with `RUST_BACKTRACE=1` environment variable to display"));
        assert!(!words.take("another line"));
        let failure = words.last().unwrap();
        assert_eq!(failure.message, "index out of bounds:\nthe len is 3");
        assert_eq!(failure.place.unwrap().line, 12);
    }

    #[test]
    fn a_panic_that_was_not_the_cells_end_is_shown() {
        let mut words = PanicWords::default();
        let head = "thread '<unnamed>' (7) panicked at src/lib.rs:3:5:";
        for line in [
            head,
            "first",
            "stack backtrace:",
            "  0: std",
            head,
            "second",
        ] {
            assert!(words.take(line));
        }
        assert_eq!(words.give_back(false), format!("{head}\nfirst\n"));
        assert_eq!(words.last().unwrap().message, "second");
        assert_eq!(words.overdue(Duration::from_secs(3_600)), None);
        assert_eq!(
            words.overdue(Duration::ZERO).unwrap(),
            format!("{head}\nsecond\n")
        );
        assert_eq!(words.overdue(Duration::ZERO), None);
        assert!(!words.take("the cell goes on"));
        assert_eq!(words.give_back(true), "", "once");
        assert_eq!(
            words.last().unwrap().message,
            "second",
            "should it be the end after all"
        );
    }

    #[test]
    fn another_threads_panic_is_its_own_business() {
        let mut words = PanicWords::default();
        assert!(!words.take("thread 'worker' (7) panicked at src/lib.rs:3:5:"));
        assert!(!words.take("its message"));
        assert_eq!(words.last(), None);
    }

    #[test]
    fn a_process_that_has_ended_is_told_in_words() {
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
    fn the_compilers_errors_are_told_from_evcxrs_own() {
        let compilers =
            json!({ "ename": "Error", "evalue": "mismatched types", "traceback": ["a", "b"] });
        assert_eq!(of_evcxr(&compilers, false)["ename"], "compile error");
        assert_eq!(of_evcxr(&compilers, false)["traceback"], json!(["a", "b"]));
        let own =
            json!({ "ename": "Error", "evalue": "no such crate", "traceback": ["no such crate"] });
        assert_eq!(of_evcxr(&own, false), own);
        let died = json!({ "evalue": "Subprocess terminated with status: exit status: 99", "traceback": [] });
        assert_eq!(of_evcxr(&died, false)["ename"], "kernel process ended");
        assert_eq!(of_evcxr(&json!([]), false), json!([]), "no object, no end");
    }
}
