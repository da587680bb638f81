//! A cell that runs, until its reply can be sent.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::cell_output::{CellOutput, OutputItem};
use super::message::Message;
use super::streams::Stream;

/// How long the front waits for more output of a cell after evcxr's reply. The output arrives, on a busy
/// machine after seconds; this limit is for a process that has closed its output.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(3);

/// evcxr's reply to a cell.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// Whether the cell was compiled and its process lives.
    pub is_ok: bool,
    /// When the reply or the last output after it has arrived.
    pub since: Instant,
}

/// A cell that runs.
pub struct Execution {
    /// The frontend's request.
    pub request: Message,
    /// The cell's number, as the frontend shows it.
    pub count: u64,
    /// How often the user has pressed ■.
    pub interrupts: u32,
    /// When the user has first pressed ■.
    pub interrupted_at: Option<Instant>,
    /// Whether the user has been advised on a cell that does not stop or that reads its standard input.
    pub is_advised: bool,
    /// Whether the cell waits for an answer of the user.
    pub awaits_input: bool,
    /// Since when the process reads its standard input.
    pub reads_stdin_since: Option<Instant>,
    /// evcxr's reply.
    pub reply: Option<Reply>,
    /// Whether evcxr has published all messages of the cell.
    pub is_idle: bool,
    /// Contents of evcxr's `error` messages.
    pub errors: Vec<Value>,
    /// `execute_result` messages, to be sent after all output.
    pub results: Vec<Message>,
    /// What the cell prints.
    pub output: CellOutput,
}

impl Execution {
    /// A cell that is about to be sent to evcxr. `expects_markers` says whether earlier cells had markers.
    pub fn new(request: Message, count: u64, expects_markers: bool) -> Self {
        Self {
            request,
            count,
            interrupts: 0,
            interrupted_at: None,
            is_advised: false,
            awaits_input: false,
            reads_stdin_since: None,
            reply: None,
            is_idle: false,
            errors: Vec::new(),
            results: Vec::new(),
            output: CellOutput::new(expects_markers),
        }
    }

    /// The cell's own code.
    pub fn code(&self) -> String {
        let code = &self.request.content()["code"];
        code.as_str().unwrap_or_default().to_owned()
    }

    /// Takes text that evcxr has published. See [`CellOutput::receive`].
    pub fn receive(&mut self, stream: Stream, text: &str, marked: Option<u64>) -> Vec<OutputItem> {
        if let Some(reply) = &mut self.reply {
            reply.since = Instant::now();
        }
        self.output.receive(stream, text, marked)
    }

    /// Since when the cell could have noticed that the user has pressed ■. It cannot while it is compiled.
    pub fn could_stop_since(&self) -> Option<Instant> {
        let interrupted = self.interrupted_at?;
        match self.output.begun_at() {
            Some(begun) => Some(begun.max(interrupted)),
            None => (!self.output.expects_markers()).then_some(interrupted),
        }
    }

    /// Whether all output has arrived, so that the reply can be sent. `marked` is as in
    /// [`CellOutput::receive`].
    pub fn is_done(&self, marked: Option<u64>) -> bool {
        let Some(reply) = self.reply else {
            return false;
        };
        // The reply comes over another channel than the results, and may be faster.
        let is_complete = self.is_idle
            && match marked {
                Some(number) if reply.is_ok => self.output.has_ended(number),
                _ => true,
            };
        is_complete || reply.since.elapsed() > OUTPUT_TIMEOUT
    }
}

#[cfg(test)]
mod tests;
