//! A cell that runs: what is known of it until its answer may go out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::channel::Display;
use super::errors::{Failure, PanicWords, Place};
use super::streams::{Marker, Name, Output, parse};
use super::wire::Message;

/// How long the words of a cell that has answered are waited for. They are on their way; this is for
/// a process that has closed its output.
const WAIT_FOR_WORDS: Duration = Duration::from_secs(3);

/// What is to be shown now.
#[derive(Debug, PartialEq)]
pub enum Shown {
    /// Text of the cell.
    Text(Name, String),
    /// Text of the cell before.
    Late(Name, String),
    /// A display, at its place.
    Display(Box<Display>),
}

/// How a cell has gone, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// To its end.
    Ok,
    /// It has panicked, or a `?` has failed.
    Failed,
}

/// A cell that runs.
pub struct Execution {
    /// The frontend's request.
    pub request: Message,
    /// The cell's number, as the frontend shows it.
    pub count: u64,
    /// When it was handed to evcxr.
    pub since: Instant,
    /// How often ■ was pressed, and when first.
    pub interrupts: u32,
    /// When ■ was pressed first.
    pub interrupted: Option<Instant>,
    /// Whether the user has been told that the cell does not listen.
    pub is_told: bool,
    /// Whether the user is being asked for input.
    pub asks: bool,
    /// evcxr's reply, and when it came.
    pub reply: Option<(Message, Instant)>,
    /// Whether evcxr has published all of the cell's messages.
    pub is_idle: bool,
    /// What evcxr says of errors: contents of its `error` messages.
    pub errors: Vec<Value>,
    /// Values to show when all words are shown.
    pub results: Vec<Message>,
    /// The number of the cell before, on the markers.
    before: Option<u64>,
    begun: bool,
    ends: [Option<u64>; 2],
    how: How,
    failure: Option<Failure>,
    told: Option<Failure>,
    panic: PanicWords,
    open_error: Option<(Place, Vec<String>)>,
    blank: bool,
    output: Output,
    displays: BTreeMap<u64, Display>,
}

impl Execution {
    /// A cell that is about to be handed on; `before` is the number of the one before it.
    pub fn new(request: Message, count: u64, before: Option<u64>) -> Self {
        Self {
            request,
            count,
            since: Instant::now(),
            interrupts: 0,
            interrupted: None,
            is_told: false,
            asks: false,
            reply: None,
            is_idle: false,
            errors: Vec::new(),
            results: Vec::new(),
            before,
            begun: false,
            ends: [None, None],
            how: How::Ok,
            failure: None,
            told: None,
            panic: PanicWords::default(),
            open_error: None,
            blank: false,
            output: Output::default(),
            displays: BTreeMap::new(),
        }
    }

    /// The cell's own code.
    pub fn code(&self) -> String {
        let code = &self.request.content()["code"];
        code.as_str().unwrap_or_default().to_owned()
    }

    /// The number of the cell on its markers, if it had any, else that of the one before.
    pub fn number(&self) -> Option<u64> {
        self.ends[0].or(self.before)
    }

    /// Whether evcxr runs the cell itself by now.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Takes in what evcxr hands on of a stream. `marked` is the number of the cell that was compiled
    /// last, where that one has markers.
    pub fn hear(&mut self, name: Name, text: &str, marked: Option<u64>) -> Vec<Shown> {
        let mut shown = Vec::new();
        for line in text.split_inclusive('\n') {
            let (text, marker) = parse(line);
            self.hear_text(name, &text, marked, &mut shown);
            if let Some(marker) = marker {
                self.hear_marker(name, marker, &mut shown);
            }
        }
        shown
    }

    fn hear_text(&mut self, name: Name, text: &str, marked: Option<u64>, shown: &mut Vec<Shown>) {
        if text.is_empty() {
            return;
        }
        // The cell has a marker at its beginning, and that has not come by.
        if !self.begun && marked.is_some() {
            shown.push(Shown::Late(name, text.to_owned()));
        } else if name == Name::Stderr {
            self.hear_error(text, shown);
        } else {
            self.add(name, text, shown);
        }
    }

    fn hear_error(&mut self, text: &str, shown: &mut Vec<Shown>) {
        let line = text.trim_end_matches('\n');
        if let Some((_, lines)) = &mut self.open_error {
            lines.push(line.to_owned());
            return;
        }
        // std puts an empty line before a panic's words.
        if line.is_empty() && !self.blank {
            self.blank = true;
            return;
        }
        let blank = std::mem::take(&mut self.blank);
        if self.panic.take(line) {
            return;
        }
        if blank {
            self.add(Name::Stderr, "\n", shown);
        }
        self.add(Name::Stderr, text, shown);
    }

    fn add(&mut self, name: Name, text: &str, shown: &mut Vec<Shown>) {
        if let Some((name, text)) = self.output.add(name, text) {
            shown.push(Shown::Text(name, text));
        }
    }

    fn hear_marker(&mut self, name: Name, marker: Marker, shown: &mut Vec<Shown>) {
        match marker {
            Marker::Begin(_) => self.begun = true,
            Marker::End(number, how) => self.hear_end(name, number, &how),
            Marker::Error(line, column) => {
                let place = Place {
                    file: "src/lib.rs".to_owned(),
                    line,
                    column,
                };
                self.open_error = Some((place, Vec::new()));
            }
            Marker::ErrorEnd => {
                if let Some((place, lines)) = self.open_error.take() {
                    self.failure = Some(Failure {
                        name: "error".to_owned(),
                        message: lines.join("\n"),
                        place: Some(place),
                    });
                }
            }
            Marker::Display(number) => {
                if let Some(display) = self.displays.remove(&number) {
                    shown.extend(self.flush());
                    shown.push(Shown::Display(Box::new(display)));
                }
            }
            Marker::Flush => {}
        }
    }

    fn hear_end(&mut self, name: Name, number: u64, how: &str) {
        self.ends[usize::from(name == Name::Stderr)] = Some(number);
        if name == Name::Stdout && how != "ok" {
            self.how = How::Failed;
        }
    }

    /// A display for a place in the output that has not come by yet.
    pub fn keep(&mut self, number: u64, display: Display) {
        self.displays.insert(number, display);
    }

    /// What the cell's process says it is about to fail with.
    pub fn will_fail(&mut self, failure: Failure) {
        self.told = Some(failure);
    }

    /// The text that was gathered.
    pub fn flush(&mut self) -> Option<Shown> {
        let (name, text) = self.output.flush()?;
        Some(Shown::Text(name, text))
    }

    /// Whether text waits to be shown.
    pub fn is_gathering(&self) -> bool {
        self.output.is_gathering()
    }

    /// Whether all words that were written are here, so that the answer may go out. `marked` is as
    /// for [`hear`](Self::hear).
    pub fn is_done(&self, marked: Option<u64>) -> bool {
        let Some((reply, since)) = &self.reply else {
            return false;
        };
        // The reply has another way, and may overtake a result.
        if !self.is_idle && since.elapsed() <= WAIT_FOR_WORDS {
            return false;
        }
        let is_ok = reply.content()["status"] == "ok";
        match marked {
            Some(number) if is_ok && self.before != Some(number) => {
                self.ends == [Some(number); 2] || since.elapsed() > WAIT_FOR_WORDS
            }
            _ => true,
        }
    }

    /// What is left to show when it is done.
    pub fn rest(&mut self) -> Vec<Shown> {
        let mut shown: Vec<Shown> = self.flush().into_iter().collect();
        let displays = std::mem::take(&mut self.displays);
        shown.extend(
            displays
                .into_values()
                .map(|display| Shown::Display(Box::new(display))),
        );
        shown.extend(
            self.output
                .left_out()
                .map(|line| Shown::Text(Name::Stderr, line)),
        );
        shown
    }

    /// What the cell has failed with, if it has panicked or a `?` has failed.
    pub fn failure(&mut self) -> Option<Failure> {
        if self.how == How::Ok {
            return None;
        }
        let said = self.told.take().or_else(|| self.panic.last());
        let nothing = || Failure::new("panic", "the cell has panicked");
        // A panic after a `?` that has failed somewhere within is what counts.
        Some(said.or_else(|| self.failure.take()).unwrap_or_else(nothing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cell(before: Option<u64>) -> Execution {
        let header = json!({ "msg_id": "1", "msg_type": "execute_request" });
        let request = Message::new("execute_request", &header, &json!({ "code": "cell" }));
        Execution::new(request, 1, before)
    }

    fn reply(execution: &mut Execution, status: &str) {
        let reply = Message::new("execute_reply", &json!({}), &json!({ "status": status }));
        execution.reply = Some((reply, Instant::now()));
        execution.is_idle = true;
    }

    fn text(name: Name, text: &str) -> Shown {
        Shown::Text(name, text.to_owned())
    }

    #[test]
    fn an_answer_waits_for_the_last_words_on_both_streams() {
        let mut cell = cell(Some(4));
        cell.hear(Name::Stdout, "\u{1}front begin 5\n", Some(5));
        reply(&mut cell, "ok");
        assert!(!cell.is_done(Some(5)));
        cell.hear(Name::Stdout, "x\u{1}front end 5 ok\n", Some(5));
        assert!(!cell.is_done(Some(5)));
        cell.hear(Name::Stderr, "\u{1}front end 5\n", Some(5));
        assert!(cell.is_done(Some(5)));
        assert_eq!(cell.rest(), [text(Name::Stdout, "x")]);
        assert_eq!(cell.failure(), None);
        assert_eq!(cell.number(), Some(5));
    }

    #[test]
    fn a_reply_that_overtakes_the_result_waits_for_it() {
        let mut cell = cell(None);
        reply(&mut cell, "ok");
        cell.is_idle = false;
        assert!(!cell.is_done(None));
        cell.is_idle = true;
        assert!(cell.is_done(None));
    }

    #[test]
    fn without_markers_nothing_is_waited_for() {
        let mut plain = cell(None);
        assert!(!plain.is_done(None));
        plain.hear(Name::Stdout, "a\n", None);
        reply(&mut plain, "ok");
        assert!(plain.is_done(None));
        // Only items: nothing was compiled since the cell before.
        let mut items = cell(Some(4));
        reply(&mut items, "ok");
        assert!(items.is_done(Some(4)));
        let mut wrong = cell(Some(4));
        reply(&mut wrong, "error");
        assert!(wrong.is_done(Some(5)));
    }

    #[test]
    fn late_words_belong_to_the_cell_before() {
        let mut cell = cell(Some(4));
        let late = cell.hear(Name::Stdout, "late\n", Some(4));
        assert_eq!(late, [Shown::Late(Name::Stdout, "late\n".into())]);
        let late = cell.hear(Name::Stdout, "half\u{1}front begin 5\n", Some(5));
        assert_eq!(late, [Shown::Late(Name::Stdout, "half".into())]);
        assert!(cell.hear(Name::Stdout, "own\n", Some(5)).is_empty());
        assert_eq!(cell.rest(), [text(Name::Stdout, "own\n")]);
    }

    #[test]
    fn displays_stand_where_they_were_made() {
        let mut cell = cell(None);
        cell.hear(Name::Stdout, "\u{1}front begin 1\nbefore\n", Some(1));
        cell.keep(7, Display::default());
        let shown = cell.hear(Name::Stdout, "half\u{1}front display 7\nafter\n", Some(1));
        assert_eq!(shown[0], text(Name::Stdout, "before\nhalf"));
        assert!(matches!(shown[1], Shown::Display(_)));
        assert_eq!(cell.rest(), [text(Name::Stdout, "after\n")]);
    }

    #[test]
    fn the_error_of_a_question_mark_is_no_output() {
        let mut cell = cell(None);
        cell.hear(Name::Stdout, "\u{1}front begin 1\n", Some(1));
        cell.hear(
            Name::Stderr,
            "\u{1}front error 12 5\nno such file\nframe\n",
            Some(1),
        );
        cell.hear(Name::Stderr, "\u{1}front error-end\na warning\n", Some(1));
        cell.hear(Name::Stdout, "\u{1}front end 1 error\n", Some(1));
        assert_eq!(cell.rest(), [text(Name::Stderr, "a warning\n")]);
        let failure = cell.failure().unwrap();
        assert_eq!(failure.message, "no such file\nframe");
        assert_eq!(failure.place.unwrap().line, 12);
    }

    #[test]
    fn a_panic_is_told_once() {
        let mut cell = cell(None);
        cell.hear(Name::Stdout, "\u{1}front begin 1\n", Some(1));
        let words = "\nthread '<unnamed>' (9) panicked at src/lib.rs:3:1:\nmade to panic\n\
            note: run with `RUST_BACKTRACE=1` environment variable\n";
        cell.hear(Name::Stderr, words, Some(1));
        cell.hear(Name::Stderr, "\u{1}front end 1\n", Some(1));
        cell.hear(Name::Stdout, "\u{1}front end 1 panic\n", Some(1));
        assert!(cell.rest().is_empty());
        assert_eq!(cell.failure().unwrap().message, "made to panic");
        let mut quiet = cell_that_failed();
        quiet.will_fail(Failure::new("panic", "by its own word"));
        assert_eq!(quiet.failure().unwrap().message, "by its own word");
        assert_eq!(
            cell_that_failed().failure().unwrap().message,
            "the cell has panicked"
        );
    }

    fn cell_that_failed() -> Execution {
        let mut cell = cell(None);
        cell.hear(
            Name::Stdout,
            "\u{1}front begin 1\n\u{1}front end 1 panic\n",
            Some(1),
        );
        cell
    }
}
