//! Cells, one after the other: their beginning, their output and their replies.

use serde_json::{Value, json};

use super::{PreviousCell, Session};
use crate::front::cell_output::OutputItem;
use crate::front::channels::Channel;
use crate::front::errors::{Failure, of_evcxr};
use crate::front::execution::Execution;
use crate::front::message::Message;
use crate::front::streams::Stream;
use crate::front::{advice, replies};

impl Session {
    /// Sends the next cell to evcxr, if none runs.
    pub(super) fn start_next(&mut self) {
        if self.running.is_some() || !self.is_ready() {
            return;
        }
        let Some(request) = self.queue.pop_front() else {
            return;
        };
        if let Some(kernel) = &self.kernel {
            kernel.clear_interrupt();
            kernel.clear_marked_cell();
        }
        let Some(for_kernel) = request.clone().for_evcxr() else {
            // Signed, but not valid JSON: no frontend waits for a reply.
            return self.start_next();
        };
        self.announce(&request);
        self.running = Some(Execution::new(request, self.count, self.has_markers));
        if let Some(kernel) = &self.kernel {
            kernel.send(Channel::Shell, for_kernel);
        }
    }

    /// Publishes that a cell begins.
    fn announce(&mut self, request: &Message) {
        let content = request.content();
        let silent = content["silent"] == true;
        if !silent && content["store_history"] != false {
            self.count += 1;
        }
        self.frontend.publish_status("busy", &request.header);
        if silent {
            return;
        }
        let input = json!({ "code": content["code"], "execution_count": self.count });
        self.frontend
            .publish("execute_input", &request.header, &input);
        if let Some(notice) = self.kernel.as_mut().and_then(|kernel| kernel.take_notice()) {
            self.frontend
                .publish_text(Stream::Stderr, &notice, &request.header);
        }
    }

    /// Replies to all cells that wait: they do not run.
    pub(super) fn abort_queue(&mut self) {
        let aborted = json!({ "status": "aborted" });
        for request in std::mem::take(&mut self.queue) {
            self.frontend.reply(Channel::Shell, &request, &aborted);
        }
    }

    /// Does what is not the reaction to an event: shows buffered text, and gives advice.
    pub(super) fn tick(&mut self) {
        if let Some(kernel) = &mut self.kernel
            && !kernel.is_ready()
        {
            kernel.request_info();
        }
        self.flush_late();
        let process = self.kernel.as_ref().and_then(|kernel| kernel.process());
        let Some(running) = &mut self.running else {
            return;
        };
        let items = running.output.tick();
        let advice = advice::next(running, process);
        let parent = running.request.header.clone();
        self.show(items, &parent);
        if let Some(advice) = advice {
            self.frontend.publish_text(Stream::Stderr, advice, &parent);
        }
        self.finish_if_done();
    }

    /// Shows output of the cell with that header.
    pub(super) fn show(&mut self, items: impl IntoIterator<Item = OutputItem>, parent: &Value) {
        for item in items {
            match item {
                OutputItem::Text(stream, text) => {
                    self.frontend.publish_text(stream, &text, parent);
                }
                OutputItem::LateText(stream, text) => self.show_late(stream, &text),
                OutputItem::Display(display) => self.frontend.publish_display(&display, parent),
            }
        }
    }

    /// Shows text of the previous cell: of a thread that has outlived it.
    pub(super) fn show_late(&mut self, stream: Stream, text: &str) {
        if let Some((stream, text)) = self.previous.output.add(stream, text) {
            self.frontend
                .publish_text(stream, &text, &self.previous.header);
        }
    }

    fn flush_late(&mut self) {
        if let Some((stream, text)) = self.previous.output.flush() {
            self.frontend
                .publish_text(stream, &text, &self.previous.header);
        }
    }

    /// Shows the buffered text of the running cell, or of the previous one if none runs. Returns the header of
    /// that cell's request.
    pub(super) fn show_buffered(&mut self) -> Value {
        let Some(running) = &mut self.running else {
            self.flush_late();
            return self.previous.header.clone();
        };
        let parent = running.request.header.clone();
        let items = running.output.flush();
        self.show(items, &parent);
        parent
    }

    /// The number of the running cell, if it has been compiled with markers by now.
    pub(super) fn marked_cell(&self) -> Option<u64> {
        self.kernel.as_ref()?.marked_cell()
    }

    /// Sends the reply to the running cell, if all of its output has arrived, and starts the next one.
    pub(super) fn finish_if_done(&mut self) {
        let answered = self.running.take_if(|running| running.reply.is_some());
        let Some(mut running) = answered else {
            return;
        };
        if !running.is_done(self.marked_cell()) {
            self.running = Some(running);
            return;
        }
        let parent = running.request.header.clone();
        let items = running.output.finish();
        self.show(items, &parent);
        self.flush_late();
        let content = self.publish_outcome(&mut running);
        let is_ok = content["status"] == "ok";
        let reply = Message::reply(&running.request, &content);
        self.frontend.send(Channel::Shell, reply);
        self.frontend.publish_status("idle", &parent);
        self.has_markers |= running.output.has_begun();
        if let Some(kernel) = &self.kernel {
            kernel.clear_interrupt();
        }
        if !is_ok && running.request.content()["stop_on_error"] != false {
            self.abort_queue();
        }
        self.previous = PreviousCell {
            header: parent,
            output: running.output.into_buffer(),
        };
        self.start_next();
    }

    /// Publishes the result or the error, and returns the content of the reply.
    fn publish_outcome(&self, running: &mut Execution) -> Value {
        let parent = running.request.header.clone();
        let count = running.count;
        if running.reply.is_some_and(|reply| !reply.is_ok) {
            let by_interrupt = running.interrupts > 1;
            let errors = running.errors.iter();
            let errors: Vec<Value> = errors.map(|error| of_evcxr(error, by_interrupt)).collect();
            for error in &errors {
                self.frontend.publish("error", &parent, error);
            }
            return replies::evcxr_errors(&errors, count);
        }
        if let Some(failure) = running.output.failure() {
            let error = self.error_content(&failure, &running.code());
            self.frontend.publish("error", &parent, &error);
            return replies::error(&error, count);
        }
        for result in std::mem::take(&mut running.results) {
            let result = replies::with_count(result, count);
            self.frontend.send(Channel::IoPub, result);
        }
        replies::ok(count)
    }

    fn error_content(&self, failure: &Failure, code: &str) -> Value {
        let kernel = self.kernel.as_ref();
        let compiled = kernel.map(|kernel| kernel.compiled_source());
        failure.content(
            &compiled.unwrap_or_default(),
            code,
            &self.options.message_end,
        )
    }
}
