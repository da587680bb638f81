//! The messages of panics in the standard error of a cell.

use std::time::{Duration, Instant};

use super::errors::{Failure, Place};

/// Filters the messages of panics out of what a cell writes to its standard error. Only at the end of the
/// cell it is known with which panic the cell has failed, and which ones were caught or belong to another
/// thread. The messages of those are returned.
#[derive(Debug, Default)]
pub struct PanicFilter {
    panics: Vec<Panic>,
    /// Whether the next line belongs to the last panic.
    is_open: bool,
    is_last_returned: bool,
}

#[derive(Debug)]
struct Panic {
    first_line: String,
    place: Place,
    lines: Vec<String>,
    since: Instant,
}

impl PanicFilter {
    /// Takes a line, if it belongs to the message of a panic. Returns whether it does.
    pub fn take(&mut self, line: &str) -> bool {
        if let Some((is_cells_thread, place)) = parse_first_line(line) {
            self.is_open = is_cells_thread;
            if is_cells_thread {
                self.is_last_returned = false;
                self.panics.push(Panic {
                    first_line: line.to_owned(),
                    place,
                    lines: Vec::new(),
                    since: Instant::now(),
                });
            }
            return is_cells_thread;
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

    /// The failure that the last panic describes.
    pub fn last_failure(&self) -> Option<Failure> {
        let panic = self.panics.last()?;
        Some(Failure {
            name: "panic".to_owned(),
            message: panic.message().join("\n"),
            place: Some(panic.place.clone()),
        })
    }

    /// The messages of all panics, without the last one unless `with_last`. Each is returned only once.
    pub fn take_messages(&mut self, with_last: bool) -> String {
        let last = self.panics.len().saturating_sub(1);
        let mut text = String::new();
        for (number, panic) in self.panics.iter().enumerate() {
            if number < last || with_last && !self.is_last_returned {
                text += &format!("{}\n{}\n", panic.first_line, panic.message().join("\n"));
            }
        }
        self.panics.drain(..last);
        self.is_last_returned |= with_last;
        text
    }

    /// The messages, if the last panic is older than `age` and has not ended its cell: then it was caught.
    pub fn take_caught(&mut self, age: Duration) -> Option<String> {
        let is_caught = self.panics.last()?.since.elapsed() >= age && !self.is_last_returned;
        is_caught.then(|| {
            self.is_open = false;
            self.take_messages(true)
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

/// The message of a panic ends with one of these lines. std prints them only for the first panic of a
/// process.
const LAST_LINES: [&str; 2] = [
    "note: run with `RUST_BACKTRACE",
    "note: Some details are omitted, run with `RUST_BACKTRACE",
];

/// Parses a line such as "thread '<unnamed>' (123) panicked at src/lib.rs:12:5:". Returns whether it is the
/// thread that runs the cell, and the place.
fn parse_first_line(line: &str) -> Option<(bool, Place)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_panic_is_recognized() {
        let mut filter = PanicFilter::default();
        assert!(!filter.take("a warning"));
        assert!(filter.take("thread '<unnamed>' (123) panicked at src/lib.rs:12:5:"));
        assert!(filter.take("index out of bounds:"));
        assert!(filter.take("the len is 3"));
        assert!(filter.take("note: run with `RUST_BACKTRACE=1` environment variable to display"));
        assert!(!filter.take("another line"));
        let failure = filter.last_failure().unwrap();
        assert_eq!(failure.message, "index out of bounds:\nthe len is 3");
        assert_eq!(failure.place.unwrap().line, 12);
    }

    #[test]
    fn the_message_of_a_caught_panic_is_returned_once() {
        let mut filter = PanicFilter::default();
        let first_line = "thread '<unnamed>' (7) panicked at src/lib.rs:3:5:";
        for line in [
            first_line,
            "first",
            "stack backtrace:",
            "  0: std",
            first_line,
            "second",
        ] {
            assert!(filter.take(line));
        }
        assert_eq!(
            filter.take_messages(false),
            format!("{first_line}\nfirst\n")
        );
        assert_eq!(filter.last_failure().unwrap().message, "second");
        assert_eq!(filter.take_caught(Duration::from_secs(3_600)), None);
        assert_eq!(
            filter.take_caught(Duration::ZERO).unwrap(),
            format!("{first_line}\nsecond\n")
        );
        assert_eq!(filter.take_caught(Duration::ZERO), None);
        assert!(!filter.take("the cell goes on"));
        assert_eq!(filter.take_messages(true), "", "once");
        assert_eq!(
            filter.last_failure().unwrap().message,
            "second",
            "should it be the end after all"
        );
    }

    #[test]
    fn panics_of_other_threads_are_not_filtered() {
        let mut filter = PanicFilter::default();
        assert!(!filter.take("thread 'worker' (7) panicked at src/lib.rs:3:5:"));
        assert!(!filter.take("its message"));
        assert_eq!(filter.last_failure(), None);
    }
}
