//! The output of a cell that runs. Markers in it say where it begins and ends, where displays are shown, and
//! how the cell has failed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::cell_message::Display;
use super::errors::{Failure, Place};
use super::panic_filter::PanicFilter;
use super::streams::{Marker, OutputBuffer, Stream, split_marker};

/// A panic that is to end its cell has done so after this time.
const PANIC_ENDS_CELL_WITHIN: Duration = Duration::from_secs(1);

/// Something to be shown.
#[derive(Debug, PartialEq)]
pub enum OutputItem {
    /// Text of the cell.
    Text(Stream, String),
    /// Text of the cell before.
    LateText(Stream, String),
    /// A display, at its place in the text.
    Display(Box<Display>),
}

/// How a cell has failed, by its last marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailureKind {
    Panic,
    Error,
}

/// Which cell has printed a text.
enum Origin {
    ThisCell,
    PreviousCell,
    /// It is not known yet whether the cell has markers.
    Unknown,
}

/// The output of a cell that runs.
pub struct CellOutput {
    expects_markers: bool,
    /// When the marker of its beginning has arrived.
    begun_at: Option<Instant>,
    /// Text of unknown origin.
    unassigned: Vec<(Stream, String)>,
    /// The numbers in the markers of its end, on standard output and standard error.
    ends: [Option<u64>; 2],
    failure_kind: Option<FailureKind>,
    /// The error of a `?`.
    error: Option<Failure>,
    /// What the cell's process has reported over the side channel.
    reported: Option<Failure>,
    panics: PanicFilter,
    /// The place of a `?` whose error message is not complete, and the lines so far.
    open_error: Option<(Place, Vec<String>)>,
    /// Whether an empty line waits on standard error: it may belong to a panic.
    has_empty_line: bool,
    buffer: OutputBuffer,
    /// Displays whose markers have not arrived.
    displays: BTreeMap<u64, Display>,
}

impl CellOutput {
    /// The output of a cell that is about to be sent to evcxr. `expects_markers` says whether earlier cells
    /// had markers.
    pub fn new(expects_markers: bool) -> Self {
        Self {
            expects_markers,
            begun_at: None,
            unassigned: Vec::new(),
            ends: [None, None],
            failure_kind: None,
            error: None,
            reported: None,
            panics: PanicFilter::default(),
            open_error: None,
            has_empty_line: false,
            buffer: OutputBuffer::default(),
            displays: BTreeMap::new(),
        }
    }

    /// Whether earlier cells had markers.
    pub fn expects_markers(&self) -> bool {
        self.expects_markers
    }

    /// When the cell's own code has begun to run. `None` also if it has no markers.
    pub fn begun_at(&self) -> Option<Instant> {
        self.begun_at
    }

    /// Whether the cell's own code has begun to run, by its markers.
    pub fn has_begun(&self) -> bool {
        self.begun_at.is_some()
    }

    /// Whether the cell's own code runs, by its markers.
    pub fn is_running(&self) -> bool {
        self.has_begun() && self.ends[0].is_none()
    }

    /// Whether both streams of the cell with that number have ended.
    pub fn has_ended(&self, number: u64) -> bool {
        self.ends == [Some(number); 2]
    }

    /// Takes text that evcxr has published, and returns what can be shown now. `marked` is the number of the
    /// cell, if it has been compiled with markers by now.
    pub fn receive(&mut self, stream: Stream, text: &str, marked: Option<u64>) -> Vec<OutputItem> {
        let mut items = Vec::new();
        for line in text.split_inclusive('\n') {
            let (text, marker) = split_marker(line);
            self.receive_text(stream, &text, marked, &mut items);
            if let Some(marker) = marker {
                self.receive_marker(stream, marker, &mut items);
            }
        }
        items
    }

    fn receive_text(
        &mut self,
        stream: Stream,
        text: &str,
        marked: Option<u64>,
        items: &mut Vec<OutputItem>,
    ) {
        if text.is_empty() {
            return;
        }
        if self.has_begun() || marked.is_some() {
            items.extend(self.take_unassigned_as_late());
        }
        match self.origin(stream, marked) {
            Origin::ThisCell => self.add_own(stream, text, items),
            Origin::PreviousCell => items.push(OutputItem::LateText(stream, text.to_owned())),
            Origin::Unknown => self.unassigned.push((stream, text.to_owned())),
        }
    }

    /// The text that has arrived before the cell has begun: it belongs to the cell before.
    fn take_unassigned_as_late(&mut self) -> impl Iterator<Item = OutputItem> {
        let texts = self.unassigned.drain(..);
        texts.map(|(stream, text)| OutputItem::LateText(stream, text))
    }

    fn origin(&self, stream: Stream, marked: Option<u64>) -> Origin {
        match (marked, stream) {
            _ if self.has_begun() => Origin::ThisCell,
            // Only standard output has a marker at the beginning, and the streams come in any order.
            (Some(_), Stream::Stderr) => Origin::ThisCell,
            (Some(_), Stream::Stdout) => Origin::PreviousCell,
            (None, _) if self.expects_markers => Origin::Unknown,
            (None, _) => Origin::ThisCell,
        }
    }

    fn add_own(&mut self, stream: Stream, text: &str, items: &mut Vec<OutputItem>) {
        match stream {
            Stream::Stderr => self.add_stderr(text, items),
            Stream::Stdout => self.add(stream, text, items),
        }
    }

    fn add_stderr(&mut self, text: &str, items: &mut Vec<OutputItem>) {
        let line = text.trim_end_matches('\n');
        if let Some((_, lines)) = &mut self.open_error {
            lines.push(line.to_owned());
            return;
        }
        // std prints an empty line before the message of a panic.
        if line.is_empty() && !self.has_empty_line {
            self.has_empty_line = true;
            return;
        }
        let had_empty_line = std::mem::take(&mut self.has_empty_line);
        if self.panics.take(line) {
            return;
        }
        if had_empty_line {
            self.add(Stream::Stderr, "\n", items);
        }
        self.add(Stream::Stderr, text, items);
    }

    fn add(&mut self, stream: Stream, text: &str, items: &mut Vec<OutputItem>) {
        if let Some((stream, text)) = self.buffer.add(stream, text) {
            items.push(OutputItem::Text(stream, text));
        }
    }

    fn receive_marker(&mut self, stream: Stream, marker: Marker, items: &mut Vec<OutputItem>) {
        match marker {
            Marker::Begin(_) => {
                self.begun_at.get_or_insert_with(Instant::now);
                items.extend(self.take_unassigned_as_late());
            }
            Marker::End(number, how) => self.receive_end(stream, number, &how),
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
                    items.extend(self.flush());
                    items.push(OutputItem::Display(Box::new(display)));
                }
            }
            Marker::Flush => {}
        }
    }

    fn receive_end(&mut self, stream: Stream, number: u64, how: &str) {
        self.ends[usize::from(stream == Stream::Stderr)] = Some(number);
        // The first failure counts: evcxr may run a cell in several parts.
        self.failure_kind = self.failure_kind.or(match how {
            "panic" => Some(FailureKind::Panic),
            "error" => Some(FailureKind::Error),
            _ => None,
        });
    }

    fn close_error(&mut self) {
        if let Some((place, lines)) = self.open_error.take() {
            self.error = Some(Failure {
                name: "error".to_owned(),
                message: lines.join("\n"),
                place: Some(place),
            });
        }
    }

    /// Keeps a display until the marker with that number arrives.
    pub fn keep_display(&mut self, number: u64, display: Display) {
        self.displays.insert(number, display);
    }

    /// Keeps the failure that the cell's process has reported.
    pub fn keep_reported_failure(&mut self, failure: Failure) {
        self.reported = Some(failure);
    }

    /// Takes the text that is buffered.
    pub fn flush(&mut self) -> Option<OutputItem> {
        let (stream, text) = self.buffer.flush()?;
        Some(OutputItem::Text(stream, text))
    }

    /// What is to be shown from time to time while the cell runs.
    pub fn tick(&mut self) -> Vec<OutputItem> {
        let mut items = Vec::new();
        if let Some(messages) = self.panics.take_caught(PANIC_ENDS_CELL_WITHIN) {
            self.add(Stream::Stderr, &messages, &mut items);
        }
        items.extend(self.flush());
        items
    }

    /// What is still to be shown at the end of the cell.
    pub fn finish(&mut self) -> Vec<OutputItem> {
        let mut items = Vec::new();
        for (stream, text) in std::mem::take(&mut self.unassigned) {
            self.add_own(stream, &text, &mut items);
        }
        // The panic with which the cell has failed is shown as its error.
        let with_last = self.failure_kind != Some(FailureKind::Panic);
        let messages = self.panics.take_messages(with_last);
        self.add(Stream::Stderr, &messages, &mut items);
        items.extend(self.flush());
        let displays = std::mem::take(&mut self.displays);
        items.extend(
            displays
                .into_values()
                .map(|display| OutputItem::Display(Box::new(display))),
        );
        items.extend(
            self.buffer
                .note_on_omissions()
                .map(|line| OutputItem::Text(Stream::Stderr, line)),
        );
        items
    }

    /// The failure of the cell, if it has panicked or a `?` has failed.
    pub fn failure(&mut self) -> Option<Failure> {
        // The message of an error may not have ended.
        self.close_error();
        let (failure, default) = match self.failure_kind? {
            FailureKind::Panic => (
                self.reported.take().or_else(|| self.panics.last_failure()),
                ("panic", "the cell has panicked"),
            ),
            FailureKind::Error => (self.error.take(), ("error", "the cell has failed")),
        };
        Some(failure.unwrap_or_else(|| Failure::new(default.0, default.1)))
    }

    /// The buffer with its counts, for text that arrives after the end of the cell.
    pub fn into_buffer(self) -> OutputBuffer {
        self.buffer
    }
}

#[cfg(test)]
mod tests;
