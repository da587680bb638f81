//! What frontends send.

use std::time::Instant;

use serde_json::json;

use super::{End, Session};
use crate::front::channels::Channel;
use crate::front::message::Message;
use crate::front::replies;

impl Session {
    pub(super) fn handle_request(&mut self, message: Message) {
        let reply = match message.kind() {
            "execute_request" if self.startup_error.is_some() => return self.refuse(&message),
            "execute_request" => {
                self.queue.push_back(message);
                return self.start_next();
            }
            "comm_open" => return self.close_comm(&message),
            "comm_msg" | "comm_close" => return,
            "shutdown_request" => return self.shut_down(Channel::Shell, &message),
            "complete_request" if !self.is_free() => replies::no_completions(&message.content()),
            "inspect_request" if !self.is_free() => replies::no_inspection(),
            "kernel_info_request" => replies::kernel_info(),
            "is_complete_request" => {
                replies::is_complete(message.content()["code"].as_str().unwrap_or_default())
            }
            "comm_info_request" => json!({ "status": "ok", "comms": {} }),
            "history_request" => json!({ "status": "ok", "history": [] }),
            _ => return self.forward(Channel::Shell, message),
        };
        self.frontend.reply(Channel::Shell, &message, &reply);
    }

    pub(super) fn handle_control_request(&mut self, message: Message) {
        match message.kind() {
            "kernel_info_request" => {
                let reply = replies::kernel_info();
                self.frontend.reply(Channel::Control, &message, &reply);
            }
            "interrupt_request" => {
                let reply = json!({ "status": "ok" });
                self.frontend.reply(Channel::Control, &message, &reply);
                self.interrupt();
            }
            "shutdown_request" => self.shut_down(Channel::Control, &message),
            _ => self.forward(Channel::Control, message),
        }
    }

    /// Whether evcxr can reply at once.
    fn is_free(&self) -> bool {
        self.running.is_none() && self.queue.is_empty() && self.is_ready()
    }

    /// Sends a request to evcxr, which replies.
    fn forward(&mut self, channel: Channel, message: Message) {
        let Some(kernel) = &self.kernel else { return };
        let requester = message.identities.clone();
        if let Some(message) = message.for_evcxr() {
            self.requesters.insert(message.id().to_owned(), requester);
            kernel.send(channel, message);
        }
    }

    /// There are no comms: each one is closed at once.
    fn close_comm(&self, message: &Message) {
        let content = json!({ "comm_id": message.content()["comm_id"], "data": {} });
        self.frontend.publish_status("busy", &message.header);
        self.frontend
            .publish("comm_close", &message.header, &content);
        self.frontend.publish_status("idle", &message.header);
    }

    fn shut_down(&mut self, channel: Channel, request: &Message) {
        let restart = request.content()["restart"] == true;
        let content = json!({ "status": "ok", "restart": restart });
        self.frontend.reply(channel, request, &content);
        if let Some(kernel) = &self.kernel {
            kernel.request(Channel::Control, "shutdown_request", &content);
        }
        self.end = Some(End::Shutdown);
    }

    /// The first ■ asks the cell to stop, the second one ends the process that runs it.
    fn interrupt(&mut self) {
        self.abort_queue();
        let Some(running) = &mut self.running else {
            return;
        };
        running.interrupts += 1;
        running.interrupted_at.get_or_insert_with(Instant::now);
        let awaits_input = std::mem::take(&mut running.awaits_input);
        let Some(kernel) = &self.kernel else { return };
        match running.interrupts {
            1 => kernel.set_interrupt(),
            2 => kernel.request(Channel::Control, "interrupt_request", &json!({})),
            // It would end the new process that evcxr starts.
            _ => {}
        }
        // evcxr waits for an answer, even if the process that asks has ended.
        if awaits_input {
            kernel.send_empty_input(&running.request.header);
        }
    }

    /// Forwards an answer, but only to a question: evcxr would use a stray answer for its next question.
    pub(super) fn forward_input(&mut self, message: Message) {
        let Some(running) = self.running.as_mut().filter(|running| running.awaits_input) else {
            return;
        };
        if message.kind() != "input_reply" || message.identities != running.request.identities {
            return;
        }
        if let Some(message) = message.for_evcxr()
            && let Some(kernel) = &self.kernel
        {
            running.awaits_input = false;
            kernel.send(Channel::Stdin, message);
        }
    }
}
