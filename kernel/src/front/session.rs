//! The session of one kernel. It reacts to events, one after the other, by sending messages. It never
//! waits.
//!
//! `session/requests.rs` handles what frontends send, `session/kernel_messages.rs` what evcxr and the cells
//! send, and `session/cells.rs` runs cells one after the other.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{self, MissedTickBehavior};

use super::channels::{Channel, Senders};
use super::errors::Failure;
use super::event::{Backend, Ended, Event};
use super::execution::Execution;
use super::frontend::Frontend;
use super::kernel_connection::KernelConnection;
use super::message::Message;
use super::replies;
use super::streams::OutputBuffer;

mod cells;
mod kernel_messages;
mod requests;

/// How often buffered text is shown, in one message each time.
const TICK: Duration = Duration::from_millis(40);

/// The settings of a session.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// An error message is cut where one of these texts begins: a library's own stack frames.
    pub message_end: Vec<String>,
    /// What the user can do if there is no kernel, such as "run `…`".
    pub advice: String,
}

/// How a session has ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// A frontend has requested it.
    Shutdown,
    /// evcxr has ended by itself, after it was ready.
    Kernel(Ended),
}

/// The cell that ran last: output of it may still arrive.
struct PreviousCell {
    header: Value,
    output: OutputBuffer,
}

/// The state of a session.
pub struct Session {
    frontend: Frontend,
    kernel: Option<KernelConnection>,
    /// Why there is no kernel, and will be none.
    startup_error: Option<String>,
    options: Options,
    /// Cells that wait.
    queue: VecDeque<Message>,
    running: Option<Execution>,
    /// The identities of the clients that have sent forwarded requests, by the ids of these.
    requesters: HashMap<String, Vec<Bytes>>,
    previous: PreviousCell,
    /// Whether cells have markers.
    has_markers: bool,
    /// The number of the last cell, as frontends show it.
    count: u64,
    end: Option<End>,
}

impl Session {
    /// A session whose kernel is not connected yet.
    pub fn new(frontend: Senders, options: Options) -> Self {
        Self {
            frontend: Frontend::new(frontend),
            kernel: None,
            startup_error: None,
            options,
            queue: VecDeque::new(),
            running: None,
            requesters: HashMap::new(),
            previous: PreviousCell {
                header: json!({}),
                output: OutputBuffer::default(),
            },
            has_markers: false,
            count: 0,
            end: None,
        }
    }

    /// Handles events until the session ends.
    pub async fn run(mut self, mut events: mpsc::UnboundedReceiver<Event>) -> End {
        let mut ticks = time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(end) = self.end.take() {
                return end;
            }
            let needs_ticks = self.needs_ticks();
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.handle(event),
                    None => return End::Shutdown,
                },
                _ = ticks.tick(), if needs_ticks => self.tick(),
            }
        }
    }

    /// Whether there is something to do without an event.
    fn needs_ticks(&self) -> bool {
        let connects = self.startup_error.is_none() && self.kernel.is_some() && !self.is_ready();
        self.running.is_some() || self.previous.output.has_text() || connects
    }

    /// Handles one event.
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::FromFrontend(Channel::Shell, message) => self.handle_request(message),
            Event::FromFrontend(Channel::Control, message) => self.handle_control_request(message),
            Event::FromFrontend(_, message) => self.forward_input(message),
            Event::FromKernel(Channel::IoPub, message) => self.handle_published(message),
            Event::FromKernel(Channel::Stdin, message) => self.forward_input_request(message),
            Event::FromKernel(channel, message) => self.handle_reply(channel, message),
            Event::Started(Ok((backend, senders))) => self.connect(backend, senders),
            Event::Started(Err(error)) => self.fail_startup(format!("{error:#}")),
            Event::Ended(ended) => self.handle_end(ended),
            Event::FromCell(message, handled) => {
                self.handle_cell_message(message);
                let _ = handled.send(());
            }
        }
    }

    fn connect(&mut self, backend: Backend, senders: Senders) {
        let mut kernel = KernelConnection::new(backend, senders);
        kernel.request_info();
        self.kernel = Some(kernel);
    }

    /// Whether evcxr can take requests.
    fn is_ready(&self) -> bool {
        self.kernel.as_ref().is_some_and(KernelConnection::is_ready)
    }

    fn handle_end(&mut self, ended: Ended) {
        if self.startup_error.is_some() {
            return;
        }
        if self.is_ready() {
            self.end = Some(End::Kernel(ended));
        } else {
            self.fail_startup(format!(
                "the kernel has ended before it could answer (exit status {}). {}; then restart the kernel",
                ended.code,
                capitalize(&self.options.advice),
            ));
        }
    }

    fn fail_startup(&mut self, why: String) {
        if self.startup_error.is_some() {
            return;
        }
        self.startup_error = Some(why);
        for request in std::mem::take(&mut self.queue) {
            self.refuse(&request);
        }
    }

    /// Replies to a cell with the reason why there is no kernel.
    fn refuse(&mut self, request: &Message) {
        let why = self.startup_error.as_deref().unwrap_or_default();
        self.frontend.publish_status("busy", &request.header);
        let error = Failure::new("no kernel", why).content("", "", &[]);
        self.frontend.publish("error", &request.header, &error);
        let reply = Message::reply(request, &replies::error(&error, self.count));
        self.frontend.send(Channel::Shell, reply);
        self.frontend.publish_status("idle", &request.header);
    }
}

fn capitalize(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
