//! A cell that runs: what is known of it until its answer may go out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::channel::Display;
use super::errors::{Failure, PanicWords, Place};
use super::streams::{Marker, Name, Output, parse};
use super::wire::Message;

/// How long the next words of a cell that has answered are waited for. They are on their way, on a busy
/// machine for seconds; this is for a process that has closed its output.
const WAIT_FOR_WORDS: Duration = Duration::from_secs(3);

/// A panic that ends its cell has done so by then.
const PANICS_FOR: Duration = Duration::from_secs(1);

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

/// How a cell has failed, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Panic,
    Error,
}

/// Whose a piece of text is.
enum Whose {
    TheCells,
    TheOneBefore,
    /// It may turn out that the cell has no markers.
    NotKnownYet,
}

/// evcxr's reply to a cell.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// Whether the cell was compiled and its process lives.
    pub is_ok: bool,
    /// When it came, or the last words after it.
    pub since: Instant,
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
    /// Since when the process reads its standard input.
    pub reads_since: Option<Instant>,
    /// evcxr's reply.
    pub reply: Option<Reply>,
    /// Whether evcxr has published all of the cell's messages.
    pub is_idle: bool,
    /// What evcxr says of errors: contents of its `error` messages.
    pub errors: Vec<Value>,
    /// Values to show when all words are shown.
    pub results: Vec<Message>,
    expects_markers: bool,
    begun: Option<Instant>,
    early: Vec<(Name, String)>,
    ends: [Option<u64>; 2],
    how: Option<How>,
    failure: Option<Failure>,
    told: Option<Failure>,
    panic: PanicWords,
    open_error: Option<(Place, Vec<String>)>,
    blank: bool,
    output: Output,
    displays: BTreeMap<u64, Display>,
}

impl Execution {
    /// A cell that is about to be handed on. Whether markers are expected: other cells had some.
    pub fn new(request: Message, count: u64, expects_markers: bool) -> Self {
        Self {
            request,
            count,
            since: Instant::now(),
            interrupts: 0,
            interrupted: None,
            is_told: false,
            asks: false,
            reads_since: None,
            reply: None,
            is_idle: false,
            errors: Vec::new(),
            results: Vec::new(),
            expects_markers,
            begun: None,
            early: Vec::new(),
            ends: [None, None],
            how: None,
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

    /// Whether evcxr runs the cell itself by now, as its markers say.
    pub fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Since when the cell could have seen that it is asked to stop. While it is compiled it cannot.
    pub fn could_listen_since(&self) -> Option<Instant> {
        let asked = self.interrupted?;
        match self.begun {
            Some(begun) => Some(begun.max(asked)),
            None => (!self.expects_markers).then_some(asked),
        }
    }

    /// Whether the cell's own code runs: its markers have come by, and not its end.
    pub fn is_at_work(&self) -> bool {
        self.has_begun() && self.ends[0].is_none()
    }

    /// Takes in what evcxr hands on of a stream. `marked` is the number of the cell if it has been
    /// compiled by now, and has markers.
    pub fn hear(&mut self, name: Name, text: &str, marked: Option<u64>) -> Vec<Shown> {
        let mut shown = Vec::new();
        for line in text.split_inclusive('\n') {
            let (text, marker) = parse(line);
            self.hear_text(name, &text, marked, &mut shown);
            if let Some(marker) = marker {
                self.hear_marker(name, marker, &mut shown);
            }
        }
        if let Some(reply) = &mut self.reply {
            reply.since = Instant::now();
        }
        shown
    }

    fn hear_text(&mut self, name: Name, text: &str, marked: Option<u64>, shown: &mut Vec<Shown>) {
        if text.is_empty() {
            return;
        }
        if self.has_begun() || marked.is_some() {
            shown.extend(
                self.early
                    .drain(..)
                    .map(|(name, text)| Shown::Late(name, text)),
            );
        }
        match self.whose(name, marked) {
            Whose::TheCells => self.hear_own(name, text, shown),
            Whose::TheOneBefore => shown.push(Shown::Late(name, text.to_owned())),
            Whose::NotKnownYet => self.early.push((name, text.to_owned())),
        }
    }

    fn whose(&self, name: Name, marked: Option<u64>) -> Whose {
        match (marked, name) {
            _ if self.has_begun() => Whose::TheCells,
            // The beginning is marked on standard output only, and the streams come in any order.
            (Some(_), Name::Stderr) => Whose::TheCells,
            (Some(_), Name::Stdout) => Whose::TheOneBefore,
            (None, _) if self.expects_markers => Whose::NotKnownYet,
            (None, _) => Whose::TheCells,
        }
    }

    fn hear_own(&mut self, name: Name, text: &str, shown: &mut Vec<Shown>) {
        match name {
            Name::Stderr => self.hear_error(text, shown),
            Name::Stdout => self.add(name, text, shown),
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
            Marker::Begin(_) => {
                self.begun.get_or_insert_with(Instant::now);
                shown.extend(
                    self.early
                        .drain(..)
                        .map(|(name, text)| Shown::Late(name, text)),
                );
            }
            Marker::End(number, how) => self.hear_end(name, number, &how),
            Marker::Error(line, column) => {
                let place = Place {
                    file: "src/lib.rs".to_owned(),
                    line,
                    column,
                };
                self.open_error = Some((place, Vec::new()));
            }
            Marker::ErrorEnd => self.close_error(),
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
        // The first failure counts: evcxr may run several pieces of a cell.
        self.how = self.how.or(match how {
            "panic" => Some(How::Panic),
            "error" => Some(How::Error),
            _ => None,
        });
    }

    fn close_error(&mut self) {
        if let Some((place, lines)) = self.open_error.take() {
            self.failure = Some(Failure {
                name: "error".to_owned(),
                message: lines.join("\n"),
                place: Some(place),
            });
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

    /// What is to be shown while the cell goes on.
    pub fn look(&mut self) -> Vec<Shown> {
        let mut shown = Vec::new();
        if let Some(words) = self.panic.overdue(PANICS_FOR) {
            self.add(Name::Stderr, &words, &mut shown);
        }
        shown.extend(self.flush());
        shown
    }

    /// Whether all words that were written are here, so that the answer may go out. `marked` is as
    /// for [`hear`](Self::hear).
    pub fn is_done(&self, marked: Option<u64>) -> bool {
        let Some(reply) = self.reply else {
            return false;
        };
        // The reply has another way, and may overtake a result.
        let all = self.is_idle
            && match marked {
                Some(number) if reply.is_ok => self.ends == [Some(number); 2],
                _ => true,
            };
        all || reply.since.elapsed() > WAIT_FOR_WORDS
    }

    /// What is left to show when it is done.
    pub fn rest(&mut self) -> Vec<Shown> {
        let mut shown = Vec::new();
        for (name, text) in std::mem::take(&mut self.early) {
            self.hear_own(name, &text, &mut shown);
        }
        // Only the panic that the cell has failed with is told elsewhere.
        let words = self.panic.give_back(self.how != Some(How::Panic));
        self.add(Name::Stderr, &words, &mut shown);
        shown.extend(self.flush());
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
        // An error whose text does not end.
        self.close_error();
        let (failure, words) = match self.how? {
            How::Panic => (
                self.told.take().or_else(|| self.panic.last()),
                ("panic", "the cell has panicked"),
            ),
            How::Error => (self.failure.take(), ("error", "the cell has failed")),
        };
        Some(failure.unwrap_or_else(|| Failure::new(words.0, words.1)))
    }

    /// What it has printed, counted, for the words that come when it is over.
    pub fn into_output(self) -> Output {
        self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cell(expects_markers: bool) -> Execution {
        let header = json!({ "msg_id": "1", "msg_type": "execute_request" });
        let request = Message::new("execute_request", &header, &json!({ "code": "cell" }));
        Execution::new(request, 1, expects_markers)
    }

    fn reply(execution: &mut Execution, is_ok: bool) {
        execution.reply = Some(Reply {
            is_ok,
            since: Instant::now(),
        });
        execution.is_idle = true;
    }

    fn text(name: Name, text: &str) -> Shown {
        Shown::Text(name, text.to_owned())
    }

    fn late(name: Name, text: &str) -> Shown {
        Shown::Late(name, text.to_owned())
    }

    #[test]
    fn an_answer_waits_for_the_last_words_on_both_streams() {
        let mut cell = cell(true);
        cell.hear(Name::Stdout, "\u{1}front begin 5\n", Some(5));
        assert!(cell.is_at_work());
        reply(&mut cell, true);
        assert!(!cell.is_done(Some(5)));
        cell.hear(Name::Stdout, "x\u{1}front end 5 ok\n", None);
        assert!(!cell.is_at_work());
        assert!(!cell.is_done(Some(5)));
        cell.hear(Name::Stderr, "\u{1}front end 5\n", None);
        assert!(cell.is_done(Some(5)));
        assert_eq!(cell.rest(), [text(Name::Stdout, "x")]);
        assert_eq!(cell.failure(), None);
    }

    /// On a busy machine, a flood of words takes longer to take in than the last ones are waited for.
    #[test]
    fn words_on_their_way_are_waited_for_as_long_as_some_come() {
        let mut cell = cell(true);
        cell.hear(Name::Stdout, "\u{1}front begin 5\n", Some(5));
        reply(&mut cell, true);
        let long_ago = Instant::now().checked_sub(2 * WAIT_FOR_WORDS).unwrap();
        cell.reply.as_mut().unwrap().since = long_ago;
        assert!(
            cell.is_done(Some(5)),
            "a process that has closed its output"
        );
        cell.hear(Name::Stdout, "words\n", None);
        assert!(!cell.is_done(Some(5)));
    }

    #[test]
    fn a_reply_that_overtakes_the_result_waits_for_it() {
        let mut cell = cell(false);
        reply(&mut cell, true);
        cell.is_idle = false;
        assert!(!cell.is_done(None));
        cell.is_idle = true;
        assert!(cell.is_done(None));
    }

    #[test]
    fn without_markers_nothing_is_waited_for() {
        let mut plain = cell(false);
        assert!(!plain.is_done(None));
        plain.hear(Name::Stdout, "a\n", None);
        reply(&mut plain, true);
        assert!(plain.is_done(None));
        let mut wrong = cell(true);
        reply(&mut wrong, false);
        assert!(wrong.is_done(Some(5)));
    }

    #[test]
    fn late_words_belong_to_the_cell_before() {
        let mut cell = cell(true);
        assert!(
            cell.hear(Name::Stdout, "while it is compiled\n", None)
                .is_empty()
        );
        let shown = cell.hear(Name::Stdout, "late\n", Some(5));
        let early = late(Name::Stdout, "while it is compiled\n");
        assert_eq!(shown, [early, late(Name::Stdout, "late\n")]);
        let shown = cell.hear(Name::Stdout, "half\u{1}front begin 5\n", Some(5));
        assert_eq!(shown, [late(Name::Stdout, "half")]);
        assert!(cell.hear(Name::Stdout, "own\n", None).is_empty());
        assert_eq!(cell.rest(), [text(Name::Stdout, "own\n")]);
    }

    #[test]
    fn standard_error_that_overtakes_the_beginning_is_the_cells_own() {
        let mut cell = cell(true);
        assert!(cell.hear(Name::Stderr, "own\n", Some(5)).is_empty());
        let shown = cell.hear(Name::Stdout, "\u{1}front begin 5\n", Some(5));
        assert!(shown.is_empty());
        assert_eq!(cell.rest(), [text(Name::Stderr, "own\n")]);
    }

    #[test]
    fn a_cell_that_has_no_markers_after_all_keeps_its_words() {
        let mut cell = cell(true);
        cell.hear(Name::Stdout, "a\n", None);
        cell.hear(Name::Stderr, "b\n", None);
        reply(&mut cell, true);
        assert!(cell.is_done(None));
        assert_eq!(
            cell.rest(),
            [text(Name::Stdout, "a\n"), text(Name::Stderr, "b\n")]
        );
    }

    #[test]
    fn displays_stand_where_they_were_made() {
        let mut cell = cell(false);
        cell.hear(Name::Stdout, "\u{1}front begin 1\nbefore\n", Some(1));
        cell.keep(7, Display::default());
        let shown = cell.hear(Name::Stdout, "half\u{1}front display 7\nafter\n", Some(1));
        assert_eq!(shown[0], text(Name::Stdout, "before\nhalf"));
        assert!(matches!(shown[1], Shown::Display(_)));
        assert_eq!(cell.rest(), [text(Name::Stdout, "after\n")]);
    }

    #[test]
    fn the_error_of_a_question_mark_is_no_output() {
        let mut cell = cell(false);
        cell.hear(Name::Stdout, "\u{1}front begin 1\n", Some(1));
        cell.hear(
            Name::Stderr,
            "\u{1}front error 12 5\nno such file\nframe\n",
            Some(1),
        );
        cell.hear(Name::Stderr, "\u{1}front error-end\na warning\n", Some(1));
        cell.hear(Name::Stdout, "\u{1}front end 1 error\n", Some(1));
        // Caught before: it is not what the cell has failed with.
        cell.will_fail(Failure::new("panic", "caught"));
        assert_eq!(cell.rest(), [text(Name::Stderr, "a warning\n")]);
        let failure = cell.failure().unwrap();
        assert_eq!(failure.message, "no such file\nframe");
        assert_eq!(failure.place.unwrap().line, 12);
    }

    const WORDS: &str = "\nthread '<unnamed>' (9) panicked at src/lib.rs:3:1:\nmade to panic\n\
        note: run with `RUST_BACKTRACE=1` environment variable\n";

    #[test]
    fn a_panic_is_told_once() {
        let mut cell = cell(false);
        cell.hear(Name::Stdout, "\u{1}front begin 1\n", Some(1));
        cell.hear(Name::Stderr, WORDS, Some(1));
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
        let mut cell = cell(false);
        cell.hear(
            Name::Stdout,
            "\u{1}front begin 1\n\u{1}front end 1 panic\n",
            Some(1),
        );
        cell
    }

    #[test]
    fn a_panic_that_was_caught_is_standard_error() {
        let mut cell = cell(false);
        cell.hear(Name::Stdout, "\u{1}front begin 1\n", Some(1));
        cell.hear(Name::Stderr, WORDS, Some(1));
        cell.hear(Name::Stdout, "\u{1}front end 1 ok\n", Some(1));
        let words = "thread '<unnamed>' (9) panicked at src/lib.rs:3:1:\nmade to panic\n";
        assert_eq!(cell.rest(), [text(Name::Stderr, words)]);
        assert_eq!(cell.failure(), None);
    }
}
