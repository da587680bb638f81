//! One kernel's session: requests of the frontends, words of evcxr and of the cell's process come
//! in as events, one after the other, and messages go out.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time;

use super::answers;
use super::channel::{Display, Said};
use super::errors::{Failure, of_ended_process};
use super::execution::{Execution, Shown};
use super::ports::{Outlets, Port};
use super::stdin;
use super::streams::Name;
use super::wire::{Message, header};
use super::{Back, LISTENING};
use crate::cell::MARKED;

/// Text is shown this often, in one message each.
const SHOW_EVERY: Duration = Duration::from_millis(40);
/// A cell that has not ended by then does not look at ■.
const LISTENS_WITHIN: Duration = Duration::from_secs(3);
/// A cell may read its input for that long before it is said that there is none.
const READS_FOR: Duration = Duration::from_secs(1);

const DOES_NOT_LISTEN: &str = "This cell does not look at ■. Pressing ■ again ends the process \
    that runs the cells, and with it all variables of this notebook.\n";
const HAS_NO_INPUT: &str = "This cell waits for its standard input, and a notebook has none: ask with \
    input(\"…\") instead. Pressing ■ twice ends it, and with it all variables of this notebook.\n";

/// What happens.
pub enum Event {
    /// A frontend has sent a message.
    FromFrontend(Port, Message),
    /// evcxr has sent a message.
    FromKernel(Port, Message),
    /// evcxr is there, or will never be.
    Back(anyhow::Result<(Back, Outlets)>),
    /// The cell's process has said something, and waits until it is taken in.
    Said(Said, oneshot::Sender<()>),
}

/// How a session has ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// A frontend has asked for it.
    Shutdown,
    /// evcxr could not be started.
    NoKernel(String),
}

struct Kernel {
    outlets: Outlets,
    back: Back,
    /// The question that shows whether it listens: its id, and what has answered.
    greeting: String,
    has_replied: bool,
    has_published: bool,
}

/// The state of a session.
pub struct Session {
    frontend: Outlets,
    kernel: Option<Kernel>,
    ends: Vec<String>,
    queue: VecDeque<Message>,
    running: Option<Execution>,
    /// Of requests that were handed on: whom to answer.
    askers: HashMap<String, Vec<Bytes>>,
    /// The header of the cell that ran last, and its number on the markers.
    last: Value,
    last_number: Option<u64>,
    count: u64,
    end: Option<End>,
}

impl Session {
    /// A session whose kernel is not there yet. An error's words end where one of `ends` begins.
    pub fn new(frontend: Outlets, ends: Vec<String>) -> Self {
        Self {
            frontend,
            kernel: None,
            ends,
            queue: VecDeque::new(),
            running: None,
            askers: HashMap::new(),
            last: json!({}),
            last_number: None,
            count: 0,
            end: None,
        }
    }

    /// Takes events in until the session ends.
    pub async fn run(mut self, mut events: mpsc::UnboundedReceiver<Event>) -> End {
        loop {
            if let Some(end) = self.end.take() {
                return end;
            }
            let waits =
                self.running.is_some() || self.kernel.as_ref().is_some_and(|it| !it.listens());
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => return End::Shutdown,
                },
                () = time::sleep(SHOW_EVERY), if waits => self.look(),
            }
        }
    }

    /// Takes one event in.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::FromFrontend(Port::Shell, message) => self.take_request(message),
            Event::FromFrontend(Port::Control, message) => self.take_control(message),
            Event::FromFrontend(_, message) => self.take_input(message),
            Event::FromKernel(Port::IoPub, message) => self.take_published(message),
            Event::FromKernel(Port::Shell, message) => self.take_reply(message),
            Event::FromKernel(Port::Stdin, message) => self.ask_for_input(message),
            Event::FromKernel(Port::Control, _) => {}
            Event::Back(Ok((back, outlets))) => self.greet(back, outlets),
            Event::Back(Err(error)) => self.give_up(&format!("{error:#}")),
            Event::Said(said, taken) => {
                self.take_said(said);
                let _ = taken.send(());
            }
        }
    }

    fn publish(&self, kind: &str, parent: &Value, content: &Value) {
        let mut message = Message::new(kind, parent, content);
        // A topic, as ipykernel has it.
        message.identities = vec![Bytes::from(kind.to_owned())];
        self.frontend.send(Port::IoPub, message);
    }

    fn say_state(&self, state: &str, parent: &Value) {
        self.publish("status", parent, &json!({ "execution_state": state }));
    }

    fn answer(&self, port: Port, request: &Message, content: &Value) {
        self.say_state("busy", &request.header);
        self.frontend.send(port, Message::reply(request, content));
        self.say_state("idle", &request.header);
    }

    // What frontends ask.

    fn take_request(&mut self, message: Message) {
        match message.kind() {
            "execute_request" => {
                self.queue.push_back(message);
                self.start_next();
            }
            "complete_request" if !self.is_free() => {
                let content = answers::no_completions(&message.content());
                self.answer(Port::Shell, &message, &content);
            }
            "inspect_request" if !self.is_free() => {
                self.answer(Port::Shell, &message, &answers::no_inspection());
            }
            "kernel_info_request" => {
                self.answer(Port::Shell, &message, &answers::kernel_info());
            }
            "is_complete_request" => {
                let content = message.content();
                let code = content["code"].as_str().unwrap_or_default();
                self.answer(Port::Shell, &message, &answers::is_complete(code));
            }
            "comm_info_request" => {
                self.answer(
                    Port::Shell,
                    &message,
                    &json!({ "status": "ok", "comms": {} }),
                );
            }
            "history_request" => {
                self.answer(
                    Port::Shell,
                    &message,
                    &json!({ "status": "ok", "history": [] }),
                );
            }
            "comm_open" => {
                let id = message.content()["comm_id"].clone();
                let content = json!({ "comm_id": id, "data": {} });
                self.publish("comm_close", &message.header, &content);
            }
            "comm_msg" | "comm_close" => {}
            _ => self.hand_on(message),
        }
    }

    /// To evcxr, which answers.
    fn hand_on(&mut self, mut message: Message) {
        let Some(kernel) = &self.kernel else { return };
        let asker = std::mem::take(&mut message.identities);
        self.askers.insert(message.id().to_owned(), asker);
        kernel.outlets.send(Port::Shell, message);
    }

    fn take_control(&mut self, message: Message) {
        match message.kind() {
            "kernel_info_request" => {
                self.answer(Port::Control, &message, &answers::kernel_info());
            }
            "interrupt_request" => {
                self.answer(Port::Control, &message, &json!({ "status": "ok" }));
                self.interrupt();
            }
            "shutdown_request" => {
                let restart = message.content()["restart"].clone();
                self.answer(
                    Port::Control,
                    &message,
                    &json!({ "status": "ok", "restart": restart }),
                );
                if let Some(kernel) = &self.kernel {
                    kernel.ask("shutdown_request", &json!({ "restart": false }));
                }
                self.end = Some(End::Shutdown);
            }
            _ => {}
        }
    }

    fn interrupt(&mut self) {
        self.abort_queue();
        let Some(running) = &mut self.running else {
            return;
        };
        running.interrupts += 1;
        if running.interrupts == 1 {
            running.interrupted = Some(Instant::now());
            if let Some(path) = self.interrupt_file() {
                let _ = fs::write(path, "");
            }
        } else if let Some(kernel) = &self.kernel {
            kernel.ask("interrupt_request", &json!({}));
        }
    }

    /// While it is there, the running cell is asked to stop.
    fn interrupt_file(&self) -> Option<PathBuf> {
        let kernel = self.kernel.as_ref()?;
        Some(kernel.back.channel.join("interrupt"))
    }

    fn take_input(&mut self, mut message: Message) {
        message.identities.clear();
        if let Some(running) = &mut self.running {
            running.asks = false;
        }
        if let Some(kernel) = &self.kernel {
            kernel.outlets.send(Port::Stdin, message);
        }
    }

    fn ask_for_input(&mut self, mut message: Message) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.asks = true;
        message.identities.clone_from(&running.request.identities);
        let shown = running.flush();
        self.show(shown);
        self.frontend.send(Port::Stdin, message);
    }

    // Cells, one after the other.

    fn is_free(&self) -> bool {
        self.running.is_none()
            && self.queue.is_empty()
            && self.kernel.as_ref().is_some_and(Kernel::listens)
    }

    fn start_next(&mut self) {
        if self.running.is_some() || !self.kernel.as_ref().is_some_and(Kernel::listens) {
            return;
        }
        let Some(request) = self.queue.pop_front() else {
            return;
        };
        if let Some(path) = self.interrupt_file() {
            let _ = fs::remove_file(path);
        }
        let content = request.content();
        let silent = content["silent"] == true;
        if !silent {
            self.count += 1;
        }
        self.say_state("busy", &request.header);
        if !silent {
            let input = json!({ "code": content["code"], "execution_count": self.count });
            self.publish("execute_input", &request.header, &input);
        }
        let mut to_kernel = request.clone();
        to_kernel.identities.clear();
        self.running = Some(Execution::new(request, self.count, self.last_number));
        if let Some(kernel) = &self.kernel {
            kernel.outlets.send(Port::Shell, to_kernel);
        }
    }

    fn abort_queue(&mut self) {
        for request in std::mem::take(&mut self.queue) {
            self.answer(Port::Shell, &request, &json!({ "status": "aborted" }));
        }
    }

    /// What comes by itself: text to show, a cell that does not listen, one that reads.
    fn look(&mut self) {
        if let Some(kernel) = &mut self.kernel
            && !kernel.listens()
        {
            // What it published before it knew of us is lost.
            kernel.greet_again();
        }
        let Some(running) = &mut self.running else {
            return;
        };
        let shown = running.flush();
        let is_asked = running
            .interrupted
            .is_some_and(|when| when.elapsed() > LISTENS_WITHIN);
        let mut words = None;
        if is_asked && running.interrupts == 1 && !running.is_told {
            words = Some(DOES_NOT_LISTEN);
        }
        let process = self.kernel.as_ref().and_then(|kernel| kernel.back.process);
        let may_read = running.has_begun() && !running.asks && running.interrupts == 0;
        if !running.is_told
            && may_read
            && running.since.elapsed() > READS_FOR
            && process.is_some_and(stdin::is_read_by_a_cell)
        {
            words = Some(HAS_NO_INPUT);
        }
        running.is_told |= words.is_some();
        let parent = running.request.header.clone();
        self.show(shown);
        if let Some(words) = words {
            self.publish_text(Name::Stderr, words, &parent);
        }
        self.finish_if_done();
    }

    fn show(&self, shown: impl IntoIterator<Item = Shown>) {
        let parent = match &self.running {
            Some(running) => &running.request.header,
            None => &self.last,
        };
        for shown in shown {
            match shown {
                Shown::Text(name, text) => self.publish_text(name, &text, parent),
                Shown::Late(name, text) => self.publish_text(name, &text, &self.last),
                Shown::Display(display) => self.publish_display(&display, parent),
            }
        }
    }

    fn publish_text(&self, name: Name, text: &str, parent: &Value) {
        self.publish(
            "stream",
            parent,
            &json!({ "name": name.text(), "text": text }),
        );
    }

    fn publish_display(&self, display: &Display, parent: &Value) {
        let kind = if display.update {
            "update_display_data"
        } else {
            "display_data"
        };
        let transient = if display.id.is_empty() {
            json!({})
        } else {
            json!({ "display_id": display.id })
        };
        let content = json!({
            "data": display.data, "metadata": display.metadata, "transient": transient,
        });
        self.publish(kind, parent, &content);
    }

    fn finish_if_done(&mut self) {
        let marked = self.marked();
        if !self
            .running
            .as_ref()
            .is_some_and(|running| running.is_done(marked))
        {
            return;
        }
        let Some(mut running) = self.running.take() else {
            return;
        };
        let parent = running.request.header.clone();
        for shown in running.rest() {
            match shown {
                Shown::Text(name, text) | Shown::Late(name, text) => {
                    self.publish_text(name, &text, &parent);
                }
                Shown::Display(display) => self.publish_display(&display, &parent),
            }
        }
        let content = self.outcome(&mut running);
        let is_ok = content["status"] == "ok";
        self.frontend
            .send(Port::Shell, Message::reply(&running.request, &content));
        self.say_state("idle", &parent);
        self.last_number = running.number();
        self.last = parent;
        if let Some(path) = self.interrupt_file() {
            let _ = fs::remove_file(path);
        }
        if !is_ok && running.request.content()["stop_on_error"] != false {
            self.abort_queue();
        }
        self.start_next();
    }

    /// Shows the result or the error, and gives the reply's content.
    fn outcome(&self, running: &mut Execution) -> Value {
        let parent = running.request.header.clone();
        let count = running.count;
        let evcxrs = running.reply.take().map(|(reply, _)| reply.content());
        if evcxrs.is_some_and(|reply| reply["status"] != "ok") {
            return evcxrs_error(&running.errors, count);
        }
        if let Some(failure) = running.failure() {
            let content = self.content(&failure, &running.code());
            self.publish("error", &parent, &content);
            return with_error(&content, count);
        }
        for result in std::mem::take(&mut running.results) {
            self.frontend.send(Port::IoPub, with_count(result, count));
        }
        json!({
            "status": "ok", "execution_count": count, "payload": [], "user_expressions": {},
        })
    }

    fn content(&self, failure: &Failure, code: &str) -> Value {
        let source = self
            .kernel
            .as_ref()
            .map(|kernel| kernel.back.directory.join("src/lib.rs"));
        let compiled = source
            .and_then(|path| fs::read_to_string(path).ok())
            .unwrap_or_default();
        failure.content(&compiled, code, &self.ends)
    }

    /// The number of the cell that was compiled last, if it has markers.
    fn marked(&self) -> Option<u64> {
        let path = self.kernel.as_ref()?.back.directory.join(MARKED);
        fs::read_to_string(path).ok()?.trim().parse().ok()
    }

    // What evcxr says.

    fn greet(&mut self, back: Back, outlets: Outlets) {
        let mut kernel = Kernel {
            outlets,
            back,
            greeting: String::new(),
            has_replied: false,
            has_published: false,
        };
        kernel.greet_again();
        self.kernel = Some(kernel);
    }

    fn take_reply(&mut self, mut message: Message) {
        if let Some(kernel) = &mut self.kernel
            && message.parent_id() == kernel.greeting
        {
            kernel.has_replied = true;
            self.kernel_may_listen();
            return;
        }
        if let Some(running) = &mut self.running
            && message.parent_id() == running.request.id()
        {
            running.reply = Some((message, Instant::now()));
            self.finish_if_done();
        } else if let Some(asker) = self.askers.remove(message.parent_id()) {
            message.identities = asker;
            self.frontend.send(Port::Shell, message);
        }
    }

    fn kernel_may_listen(&mut self) {
        if let Some(kernel) = self.kernel.as_ref().filter(|kernel| kernel.listens()) {
            let _ = fs::write(kernel.back.channel.join(LISTENING), "");
            self.start_next();
        }
    }

    fn take_published(&mut self, message: Message) {
        if let Some(kernel) = &mut self.kernel
            && message.parent_id() == kernel.greeting
        {
            kernel.has_published = true;
            self.kernel_may_listen();
            return;
        }
        let is_of_cell = self
            .running
            .as_ref()
            .is_some_and(|running| message.parent_id() == running.request.id());
        match message.kind() {
            "stream" => self.hear(&message),
            "execute_input" => {}
            "status" if is_of_cell => {
                if message.content()["execution_state"] == "idle"
                    && let Some(running) = &mut self.running
                {
                    running.is_idle = true;
                    self.finish_if_done();
                }
            }
            "execute_result" if is_of_cell => {
                if let Some(running) = &mut self.running {
                    running.results.push(message);
                }
            }
            "error" if is_of_cell => self.take_error(&message),
            _ => {
                let shown = self.running.as_mut().and_then(Execution::flush);
                self.show(shown);
                self.frontend.send(Port::IoPub, message);
            }
        }
    }

    fn hear(&mut self, message: &Message) {
        let content = message.content();
        let name = if content["name"] == "stderr" {
            Name::Stderr
        } else {
            Name::Stdout
        };
        let text = content["text"].as_str().unwrap_or_default();
        let marked = self.marked();
        match &mut self.running {
            Some(running) => {
                let shown = running.hear(name, text, marked);
                self.show(shown);
                self.finish_if_done();
            }
            None => {
                let (text, _) = super::streams::parse(text);
                if !text.is_empty() {
                    self.publish_text(name, &text, &self.last);
                }
            }
        }
    }

    fn take_error(&mut self, message: &Message) {
        let Some(running) = &mut self.running else {
            return;
        };
        let mut content = message.content();
        let value = content["evalue"].as_str().unwrap_or_default();
        if let Some(failure) = of_ended_process(value, running.interrupts > 1) {
            content = failure.content("", "", &[]);
        }
        running.errors.push(content.clone());
        let parent = running.request.header.clone();
        let shown = running.flush();
        self.show(shown);
        self.publish("error", &parent, &content);
    }

    fn take_said(&mut self, said: Said) {
        match (said, &mut self.running) {
            (Said::Display(display), Some(running)) if display.number.is_some() => {
                running.keep(display.number.unwrap_or_default(), display);
            }
            (Said::Display(display), running) => {
                let shown = running.as_mut().and_then(Execution::flush);
                self.show(shown);
                self.show([Shown::Display(Box::new(display))]);
            }
            (said @ Said::Error { .. }, Some(running)) => {
                if let Some(failure) = said.failure() {
                    running.will_fail(failure);
                }
            }
            (Said::Error { .. }, None) => {}
        }
    }

    fn give_up(&mut self, why: &str) {
        for request in std::mem::take(&mut self.queue) {
            self.say_state("busy", &request.header);
            let content = Failure::new("kernel", why).content("", "", &[]);
            self.publish("error", &request.header, &content);
            let reply = Message::reply(&request, &with_error(&content, self.count));
            self.frontend.send(Port::Shell, reply);
            self.say_state("idle", &request.header);
        }
        self.end = Some(End::NoKernel(why.to_owned()));
    }
}

impl Kernel {
    /// Whether it answers, and what it publishes reaches us.
    fn listens(&self) -> bool {
        self.has_replied && self.has_published
    }

    fn greet_again(&mut self) {
        if !self.greeting.is_empty() && !self.has_replied {
            return;
        }
        self.has_replied = false;
        self.greeting = self.ask_at(Port::Shell, "kernel_info_request", &json!({}));
    }

    fn ask(&self, kind: &str, content: &Value) {
        self.ask_at(Port::Control, kind, content);
    }

    fn ask_at(&self, port: Port, kind: &str, content: &Value) -> String {
        let mut message = Message::new(kind, &json!({}), content);
        message.header = header(kind, "front");
        let id = message.id().to_owned();
        self.outlets.send(port, message);
        id
    }
}

fn with_error(error: &Value, count: u64) -> Value {
    json!({
        "status": "error",
        "execution_count": count,
        "ename": error["ename"],
        "evalue": error["evalue"],
        "traceback": error["traceback"],
    })
}

/// evcxr's reply to a cell that does not compile has no words: they stand in its `error` messages.
fn evcxrs_error(errors: &[Value], count: u64) -> Value {
    let lines = errors
        .iter()
        .filter_map(|error| error["traceback"].as_array());
    let traceback: Vec<&Value> = lines.flatten().collect();
    let none = json!({ "ename": "Error", "evalue": "the cell has failed" });
    let first = errors.first().unwrap_or(&none);
    with_error(
        &json!({ "ename": first["ename"], "evalue": first["evalue"], "traceback": traceback }),
        count,
    )
}

/// A result's parts, unread.
#[derive(Deserialize)]
struct ResultContent<'content> {
    #[serde(borrow)]
    data: &'content RawValue,
    #[serde(borrow)]
    metadata: Option<&'content RawValue>,
}

/// The result with the number that the frontend knows the cell by. A picture in it is not read.
fn with_count(mut result: Message, count: u64) -> Message {
    if let Ok(content) = serde_json::from_slice::<ResultContent>(&result.content) {
        let metadata = content.metadata.map_or("{}", RawValue::get);
        let text = format!(
            "{{\"execution_count\":{count},\"metadata\":{metadata},\"data\":{}}}",
            content.data.get()
        );
        result.content = text.into();
    }
    result
}
