//! The connection to evcxr_jupyter, and the files that the front shares with the processes below it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::channels::{Channel, Senders};
use super::event::Backend;
use super::message::{Message, header};
use crate::cell_protocol::{INTERRUPT, LISTENING, MARKED};

/// The connection to evcxr_jupyter.
pub(super) struct KernelConnection {
    senders: Senders,
    backend: Backend,
    /// The session id of the front's own requests.
    session: String,
    /// Whether it has replied to the last of these.
    has_replied: bool,
    /// Whether a message that it has published for one of these has arrived.
    has_published: bool,
}

impl KernelConnection {
    pub(super) fn new(backend: Backend, senders: Senders) -> Self {
        Self {
            senders,
            backend,
            session: uuid::Uuid::new_v4().to_string(),
            has_replied: true,
            has_published: false,
        }
    }

    /// Whether evcxr replies, and what it publishes arrives.
    pub(super) fn is_ready(&self) -> bool {
        self.has_replied && self.has_published
    }

    /// Sends a `kernel_info_request`, if the last one has been answered. What evcxr has published before the
    /// front subscribed is lost, so one request may not be enough.
    pub(super) fn request_info(&mut self) {
        if std::mem::take(&mut self.has_replied) {
            self.request(Channel::Shell, "kernel_info_request", &json!({}));
        }
    }

    /// Sends a request of the front's own.
    pub(super) fn request(&self, channel: Channel, kind: &str, content: &Value) {
        let mut message = Message::new(kind, &json!({}), content);
        message.header = header(kind, &self.session);
        self.send(channel, message);
    }

    pub(super) fn send(&self, channel: Channel, message: Message) {
        self.senders.send(channel, message);
    }

    /// Takes a message that belongs to a request of the front's own. Returns whether it does.
    pub(super) fn take_own(&mut self, channel: Channel, message: &Message) -> bool {
        if message.parent["session"] != self.session.as_str() {
            return false;
        }
        self.has_replied |= channel == Channel::Shell;
        self.has_published |= channel == Channel::IoPub;
        true
    }

    /// Answers the question of a cell with an empty line.
    pub(super) fn send_empty_input(&self, request: &Value) {
        let mut reply = Message::new("input_reply", request, &json!({ "value": "" }));
        reply.header["session"] = json!(self.session);
        self.send(Channel::Stdin, reply);
    }

    /// The id of evcxr_jupyter's process.
    pub(super) fn process(&self) -> Option<u32> {
        self.backend.process
    }

    /// The text to show before the output of the first cell, once.
    pub(super) fn take_notice(&mut self) -> Option<String> {
        self.backend.notice.take()
    }

    /// From now on, cells may print: the front reads evcxr's output.
    pub(super) fn set_listening(&self) {
        let _ = fs::write(self.backend.side_channel.join(LISTENING), "");
    }

    /// Asks the running cell to stop.
    pub(super) fn set_interrupt(&self) {
        let _ = fs::write(self.backend.side_channel.join(INTERRUPT), "");
    }

    pub(super) fn clear_interrupt(&self) {
        let _ = fs::remove_file(self.backend.side_channel.join(INTERRUPT));
    }

    fn marked_file(&self) -> PathBuf {
        self.backend.directory.join(MARKED)
    }

    /// The number of the running cell, if it has been compiled with markers by now.
    pub(super) fn marked_cell(&self) -> Option<u64> {
        let text = fs::read_to_string(self.marked_file()).ok()?;
        text.trim().parse().ok()
    }

    /// To be called before a cell is sent.
    pub(super) fn clear_marked_cell(&self) {
        let _ = fs::remove_file(self.marked_file());
    }

    /// The source from which the last cell was compiled.
    pub(super) fn compiled_source(&self) -> String {
        fs::read_to_string(self.backend.directory.join("src/lib.rs")).unwrap_or_default()
    }
}
