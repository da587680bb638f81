//! What went wrong in a cell, as Jupyter tells it: a name, a sentence, and lines to show.

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
    if !place.file.ends_with("src/lib.rs") {
        return None;
    }
    let lines: Vec<&str> = compiled.lines().map(str::trim).collect();
    let text = *lines.get(place.line.checked_sub(1)?)?;
    if text.is_empty() {
        return None;
    }
    let same = |lines: &[&str]| lines.iter().filter(|line| **line == text).count();
    let before = same(&lines[..place.line - 1]);
    let in_cell: Vec<usize> = cell
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim() == text)
        .map(|(number, _)| number + 1)
        .collect();
    // Lines of the cell that stand first in it are items or statements in the same order.
    match in_cell.get(before).or(in_cell.last()) {
        Some(number) => Some(format!("line {number}: {text}")),
        None => Some(format!("in code of an earlier cell: {text}")),
    }
}

/// Takes a panic's words, as std prints them, out of what a cell writes to its standard error.
#[derive(Debug, Default)]
pub struct PanicWords {
    open: Option<(Place, Vec<String>)>,
    last: Option<Failure>,
}

impl PanicWords {
    /// Whether a line belongs to a panic's words.
    pub fn take(&mut self, line: &str) -> bool {
        if let Some((thread, place)) = begins(line) {
            self.close();
            if thread {
                self.open = Some((place, Vec::new()));
            }
            return thread;
        }
        let Some((_, lines)) = &mut self.open else {
            return false;
        };
        if line.starts_with("note: run with `RUST_BACKTRACE") {
            self.close();
        } else {
            lines.push(line.to_owned());
        }
        true
    }

    fn close(&mut self) {
        if let Some((place, lines)) = self.open.take() {
            let end = lines.iter().position(|line| line == "stack backtrace:");
            let message = lines[..end.unwrap_or(lines.len())].join("\n");
            self.last = Some(Failure {
                name: "panic".to_owned(),
                message,
                place: Some(place),
            });
        }
    }

    /// The last panic of the cell, at its end.
    pub fn last(&mut self) -> Option<Failure> {
        self.close();
        self.last.take()
    }
}

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
        "the cell was ended by the second ■, and with it all variables of the notebook".to_owned()
    } else {
        format!("the process that runs the cells has ended ({how}), and with it all variables")
    };
    Some(Failure::new(
        "kernel",
        &format!("{sentence}\nRun the cells above again, from the first one that is needed."),
    ))
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
            ["error: shape '[7]' is invalid", "line 2: t.f_view([7])?;"]
        );
        let (_, lines) = content(&at(7), &compiled, cell);
        assert_eq!(lines[1], "line 4: t.f_view([7])?;");
        let (_, lines) = content(&at(7), &compiled, "let c = 3;");
        assert_eq!(lines[1], "in code of an earlier cell: t.f_view([7])?;");
        assert_eq!(content(&at(100), &compiled, cell).1.len(), 1);
        assert_eq!(content(&at(0), &compiled, cell).1.len(), 1);
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
        assert!(words.last().is_none());
    }

    #[test]
    fn another_threads_panic_is_its_own_business() {
        let mut words = PanicWords::default();
        assert!(!words.take("thread 'worker' (7) panicked at src/lib.rs:3:5:"));
        assert!(!words.take("its message"));
        assert!(words.last().is_none());
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
}
