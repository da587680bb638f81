//! What evcxr and the process that runs the cells send.

use std::time::Instant;

use super::Session;
use crate::front::cell_message::CellMessage;
use crate::front::channels::Channel;
use crate::front::execution::Reply;
use crate::front::message::Message;
use crate::front::streams::{Stream, split_marker};

impl Session {
    pub(super) fn handle_reply(&mut self, channel: Channel, mut message: Message) {
        if self.take_own(channel, &message) {
            return;
        }
        if let Some(running) = &mut self.running
            && message.parent_id() == running.request.id()
        {
            running.reply = Some(Reply {
                is_ok: message.content()["status"] == "ok",
                since: Instant::now(),
            });
            self.finish_if_done();
        } else if let Some(requester) = self.requesters.remove(message.parent_id()) {
            message.identities = requester;
            self.frontend.send(channel, message);
        }
    }

    /// Takes a message that belongs to a request of the front's own. Returns whether it does.
    fn take_own(&mut self, channel: Channel, message: &Message) -> bool {
        let Some(kernel) = &mut self.kernel else {
            return false;
        };
        if !kernel.take_own(channel, message) {
            return false;
        }
        if kernel.is_ready() {
            kernel.set_listening();
            self.start_next();
        }
        true
    }

    /// Forwards the question of a cell to the frontend that has sent the cell.
    pub(super) fn forward_input_request(&mut self, mut message: Message) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.awaits_input = true;
        message.identities.clone_from(&running.request.identities);
        self.show_buffered();
        self.frontend.send(Channel::Stdin, message);
    }

    pub(super) fn handle_published(&mut self, message: Message) {
        if self.take_own(Channel::IoPub, &message) {
            return;
        }
        let running = self.running.as_mut();
        let running = running.filter(|running| message.parent_id() == running.request.id());
        match (message.kind(), running) {
            ("stream", _) => self.receive_output(&message),
            ("execute_input", _) => {}
            ("status", Some(running)) => {
                if message.content()["execution_state"] == "idle" {
                    running.is_idle = true;
                    self.finish_if_done();
                }
            }
            ("execute_result", Some(running)) => running.results.push(message),
            ("error", Some(running)) => running.errors.push(message.content()),
            _ => {
                self.show_buffered();
                self.frontend.send(Channel::IoPub, message);
            }
        }
    }

    fn receive_output(&mut self, message: &Message) {
        let content = message.content();
        let stream = if content["name"] == "stderr" {
            Stream::Stderr
        } else {
            Stream::Stdout
        };
        let text = content["text"].as_str().unwrap_or_default();
        let Some(mut running) = self.running.take() else {
            let (text, _) = split_marker(text);
            return self.show_late(stream, &text);
        };
        // This reads a file, and a flood has many lines.
        let marked = if running.output.has_begun() {
            None
        } else {
            self.marked_cell()
        };
        let items = running.receive(stream, text, marked);
        let parent = running.request.header.clone();
        self.running = Some(running);
        self.show(items, &parent);
        self.finish_if_done();
    }

    pub(super) fn handle_cell_message(&mut self, message: CellMessage) {
        match (message, &mut self.running) {
            (CellMessage::Display(display), Some(running)) if display.number.is_some() => {
                let number = display.number.unwrap_or_default();
                running.output.keep_display(number, display);
            }
            (CellMessage::Display(display), _) => {
                let parent = self.show_buffered();
                self.frontend.publish_display(&display, &parent);
            }
            (error @ CellMessage::Error { .. }, Some(running)) => {
                if let Some(failure) = error.into_failure() {
                    running.output.keep_reported_failure(failure);
                }
            }
            (CellMessage::Error { .. }, None) => {}
        }
    }
}
