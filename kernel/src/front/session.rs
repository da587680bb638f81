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
use tokio::time::{self, MissedTickBehavior};

use super::answers;
use super::channel::{Display, Said};
use super::errors::{Failure, of_evcxr};
use super::execution::{Execution, Reply, Shown};
use super::ports::{Outlets, Port};
use super::stdin;
use super::streams::{Name, Output, parse};
use super::wire::{Message, header};
use super::{Back, Ended, LISTENING, Options};
use crate::cell::MARKED;

/// Text is shown this often, in one message each.
const SHOW_EVERY: Duration = Duration::from_millis(40);
/// While this file is there, the running cell is asked to stop.
const INTERRUPT: &str = "interrupt";
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
    /// evcxr has ended by itself.
    Ended(Ended),
    /// The cell's process has said something, and waits until it is taken in.
    Said(Said, oneshot::Sender<()>),
}

/// How a session has ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// A frontend has asked for it.
    Shutdown,
    /// evcxr has ended by itself, after it had answered.
    Kernel(Ended),
}

struct Kernel {
    outlets: Outlets,
    back: Back,
    /// Of our own questions.
    session: String,
    /// Whether it has answered one, and whether what it published of it has come.
    has_replied: bool,
    has_published: bool,
}

/// The cell that ran last: words may come yet.
struct Past {
    header: Value,
    output: Output,
}

/// The state of a session.
pub struct Session {
    frontend: Outlets,
    kernel: Option<Kernel>,
    /// Why there is no kernel, and will be none.
    broken: Option<String>,
    options: Options,
    queue: VecDeque<Message>,
    running: Option<Execution>,
    /// Of requests that were handed on: whom to answer.
    askers: HashMap<String, Vec<Bytes>>,
    past: Past,
    /// Whether cells have markers.
    has_markers: bool,
    count: u64,
    end: Option<End>,
}

impl Session {
    /// A session whose kernel is not there yet.
    pub fn new(frontend: Outlets, options: Options) -> Self {
        Self {
            frontend,
            kernel: None,
            broken: None,
            options,
            queue: VecDeque::new(),
            running: None,
            askers: HashMap::new(),
            past: Past {
                header: json!({}),
                output: Output::default(),
            },
            has_markers: false,
            count: 0,
            end: None,
        }
    }

    /// Takes events in until the session ends.
    pub async fn run(mut self, mut events: mpsc::UnboundedReceiver<Event>) -> End {
        let mut ticks = time::interval(SHOW_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(end) = self.end.take() {
                return end;
            }
            let waits = self.waits();
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => return End::Shutdown,
                },
                _ = ticks.tick(), if waits => self.look(),
            }
        }
    }

    /// Whether there is something to do without an event.
    fn waits(&self) -> bool {
        self.running.is_some()
            || self.past.output.is_gathering()
            || self.broken.is_none() && self.kernel.as_ref().is_some_and(|kernel| !kernel.listens())
    }

    /// Takes one event in.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::FromFrontend(Port::Shell, message) => self.take_request(message),
            Event::FromFrontend(Port::Control, message) => self.take_control(message),
            Event::FromFrontend(_, message) => self.take_input(message),
            Event::FromKernel(Port::IoPub, message) => self.take_published(message),
            Event::FromKernel(Port::Stdin, message) => self.ask_for_input(message),
            Event::FromKernel(port, message) => self.take_reply(port, message),
            Event::Back(Ok((back, outlets))) => self.greet(back, outlets),
            Event::Back(Err(error)) => self.give_up(format!("{error:#}")),
            Event::Ended(ended) => self.take_end(ended),
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
            "execute_request" if self.broken.is_some() => self.refuse(&message),
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
                self.say_state("busy", &message.header);
                self.publish("comm_close", &message.header, &content);
                self.say_state("idle", &message.header);
            }
            "comm_msg" | "comm_close" => {}
            "shutdown_request" => self.shut_down(Port::Shell, &message),
            _ => self.hand_on(Port::Shell, message),
        }
    }

    /// To evcxr, which answers.
    fn hand_on(&mut self, port: Port, message: Message) {
        let Some(kernel) = &self.kernel else { return };
        let asker = message.identities.clone();
        if let Some(message) = message.for_evcxr() {
            self.askers.insert(message.id().to_owned(), asker);
            kernel.outlets.send(port, message);
        }
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
            "shutdown_request" => self.shut_down(Port::Control, &message),
            _ => self.hand_on(Port::Control, message),
        }
    }

    fn shut_down(&mut self, port: Port, request: &Message) {
        let restart = request.content()["restart"] == true;
        let content = json!({ "status": "ok", "restart": restart });
        self.answer(port, request, &content);
        if let Some(kernel) = &self.kernel {
            kernel.ask(Port::Control, "shutdown_request", &content);
        }
        self.end = Some(End::Shutdown);
    }

    fn interrupt(&mut self) {
        self.abort_queue();
        let Some(running) = &mut self.running else {
            return;
        };
        running.interrupts += 1;
        running.interrupted.get_or_insert_with(Instant::now);
        let asks = std::mem::take(&mut running.asks);
        let request = running.request.header.clone();
        let Some(kernel) = &self.kernel else { return };
        match running.interrupts {
            1 => drop(fs::write(kernel.back.channel.join(INTERRUPT), "")),
            2 => kernel.ask(Port::Control, "interrupt_request", &json!({})),
            // It would meet the process that evcxr starts anew.
            _ => {}
        }
        // evcxr waits for an answer, whatever becomes of the process that asks.
        if asks {
            let mut reply = Message::new("input_reply", &request, &json!({ "value": "" }));
            reply.header["session"] = json!(kernel.session);
            kernel.outlets.send(Port::Stdin, reply);
        }
    }

    /// evcxr would take an answer that nobody has asked for as the next one.
    fn take_input(&mut self, message: Message) {
        let Some(running) = self.running.as_mut().filter(|running| running.asks) else {
            return;
        };
        if message.kind() != "input_reply" || message.identities != running.request.identities {
            return;
        }
        if let Some(message) = message.for_evcxr()
            && let Some(kernel) = &self.kernel
        {
            running.asks = false;
            kernel.outlets.send(Port::Stdin, message);
        }
    }

    fn ask_for_input(&mut self, mut message: Message) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.asks = true;
        message.identities.clone_from(&running.request.identities);
        self.show_gathered();
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
        self.remove_interrupt();
        if let Some(path) = self.marked_file() {
            let _ = fs::remove_file(path);
        }
        let Some(to_kernel) = request.clone().for_evcxr() else {
            // Not JSON, though signed: nobody waits for an answer.
            return self.start_next();
        };
        let content = request.content();
        let silent = content["silent"] == true;
        if !silent && content["store_history"] != false {
            self.count += 1;
        }
        self.say_state("busy", &request.header);
        if !silent {
            let input = json!({ "code": content["code"], "execution_count": self.count });
            self.publish("execute_input", &request.header, &input);
            self.give_notice(&request.header);
        }
        self.running = Some(Execution::new(request, self.count, self.has_markers));
        if let Some(kernel) = &self.kernel {
            kernel.outlets.send(Port::Shell, to_kernel);
        }
    }

    /// Says once, above the first cell's output, why it will take long.
    fn give_notice(&mut self, parent: &Value) {
        let kernel = self.kernel.as_mut();
        if let Some(notice) = kernel.and_then(|kernel| kernel.back.notice.take()) {
            self.publish_text(Name::Stderr, &notice, parent);
        }
    }

    fn remove_interrupt(&self) {
        if let Some(kernel) = &self.kernel {
            let _ = fs::remove_file(kernel.back.channel.join(INTERRUPT));
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
            kernel.greet();
        }
        self.show_late();
        let process = self.kernel.as_ref().and_then(|kernel| kernel.back.process);
        let Some(running) = &mut self.running else {
            return;
        };
        let shown = running.look();
        let words = advice(running, process);
        running.is_told |= words.is_some();
        let parent = running.request.header.clone();
        self.show(shown, &parent);
        if let Some(words) = words {
            self.publish_text(Name::Stderr, words, &parent);
        }
        self.finish_if_done();
    }

    /// Shows what belongs to the cell with that header.
    fn show(&mut self, shown: impl IntoIterator<Item = Shown>, parent: &Value) {
        for shown in shown {
            match shown {
                Shown::Text(name, text) => self.publish_text(name, &text, parent),
                Shown::Late(name, text) => self.hear_late(name, &text),
                Shown::Display(display) => self.publish_display(&display, parent),
            }
        }
    }

    /// Text of a thread that goes on when its cell is over.
    fn hear_late(&mut self, name: Name, text: &str) {
        if let Some((name, text)) = self.past.output.add(name, text) {
            self.publish_text(name, &text, &self.past.header);
        }
    }

    fn show_late(&mut self) {
        if let Some((name, text)) = self.past.output.flush() {
            self.publish_text(name, &text, &self.past.header);
        }
    }

    /// Shows what the running cell has printed by now; gives its header, or that of the one before.
    fn show_gathered(&mut self) -> Value {
        let Some(running) = &mut self.running else {
            self.show_late();
            return self.past.header.clone();
        };
        let parent = running.request.header.clone();
        let shown = running.flush();
        self.show(shown, &parent);
        parent
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
        let answered = self.running.take_if(|running| running.reply.is_some());
        let Some(mut running) = answered else {
            return;
        };
        if !running.is_done(self.marked()) {
            self.running = Some(running);
            return;
        }
        let parent = running.request.header.clone();
        let shown = running.rest();
        self.show(shown, &parent);
        self.show_late();
        let content = self.outcome(&mut running);
        let is_ok = content["status"] == "ok";
        self.frontend
            .send(Port::Shell, Message::reply(&running.request, &content));
        self.say_state("idle", &parent);
        self.has_markers |= running.has_begun();
        self.remove_interrupt();
        if !is_ok && running.request.content()["stop_on_error"] != false {
            self.abort_queue();
        }
        self.past = Past {
            header: parent,
            output: running.into_output(),
        };
        self.start_next();
    }

    /// Shows the result or the error, and gives the reply's content.
    fn outcome(&self, running: &mut Execution) -> Value {
        let parent = running.request.header.clone();
        let count = running.count;
        if running.reply.is_some_and(|reply| !reply.is_ok) {
            let by_interrupt = running.interrupts > 1;
            let told = running
                .errors
                .iter()
                .map(|error| of_evcxr(error, by_interrupt));
            let errors: Vec<Value> = told.collect();
            for error in &errors {
                self.publish("error", &parent, error);
            }
            return evcxrs_error(&errors, count);
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
        failure.content(&compiled, code, &self.options.message_end)
    }

    /// Holds the number of the running cell, once it has been compiled with markers: it is removed
    /// before.
    fn marked_file(&self) -> Option<PathBuf> {
        let kernel = self.kernel.as_ref()?;
        Some(kernel.back.directory.join(MARKED))
    }

    fn marked(&self) -> Option<u64> {
        fs::read_to_string(self.marked_file()?)
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    // What evcxr says.

    fn greet(&mut self, back: Back, outlets: Outlets) {
        let mut kernel = Kernel {
            outlets,
            back,
            session: uuid::Uuid::new_v4().to_string(),
            has_replied: true,
            has_published: false,
        };
        kernel.greet();
        self.kernel = Some(kernel);
    }

    fn take_reply(&mut self, port: Port, mut message: Message) {
        if let Some(kernel) = &mut self.kernel
            && kernel.has_asked(&message)
        {
            kernel.has_replied |= port == Port::Shell;
            self.kernel_may_listen();
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
        } else if let Some(asker) = self.askers.remove(message.parent_id()) {
            message.identities = asker;
            self.frontend.send(port, message);
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
            && kernel.has_asked(&message)
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
            "error" if is_of_cell => {
                if let Some(running) = &mut self.running {
                    running.errors.push(message.content());
                }
            }
            _ => {
                self.show_gathered();
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
        let Some(mut running) = self.running.take() else {
            let (text, _) = parse(text);
            return self.hear_late(name, &text);
        };
        // A file is read for it, and a flood has many lines.
        let marked = if running.has_begun() {
            None
        } else {
            self.marked()
        };
        let shown = running.hear(name, text, marked);
        let parent = running.request.header.clone();
        self.running = Some(running);
        self.show(shown, &parent);
        self.finish_if_done();
    }

    fn take_said(&mut self, said: Said) {
        match (said, &mut self.running) {
            (Said::Display(display), Some(running)) if display.number.is_some() => {
                running.keep(display.number.unwrap_or_default(), display);
            }
            (Said::Display(display), _) => {
                let parent = self.show_gathered();
                self.publish_display(&display, &parent);
            }
            (said @ Said::Error { .. }, Some(running)) => {
                if let Some(failure) = said.failure() {
                    running.will_fail(failure);
                }
            }
            (Said::Error { .. }, None) => {}
        }
    }

    fn take_end(&mut self, ended: Ended) {
        if self.broken.is_some() {
            return;
        }
        if self.kernel.as_ref().is_some_and(Kernel::listens) {
            self.end = Some(End::Kernel(ended));
        } else {
            self.give_up(format!(
                "the kernel has ended before it could answer (exit status {}). {}; then restart the kernel",
                ended.code,
                with_capital(&self.options.advice),
            ));
        }
    }

    fn give_up(&mut self, why: String) {
        if self.broken.is_some() {
            return;
        }
        self.broken = Some(why);
        for request in std::mem::take(&mut self.queue) {
            self.refuse(&request);
        }
    }

    /// Answers a cell with the reason why there is no kernel.
    fn refuse(&mut self, request: &Message) {
        let why = self.broken.as_deref().unwrap_or_default();
        self.say_state("busy", &request.header);
        let content = Failure::new("no kernel", why).content("", "", &[]);
        self.publish("error", &request.header, &content);
        let reply = Message::reply(request, &with_error(&content, self.count));
        self.frontend.send(Port::Shell, reply);
        self.say_state("idle", &request.header);
    }
}

impl Kernel {
    /// Whether it answers, and what it publishes reaches us.
    fn listens(&self) -> bool {
        self.has_replied && self.has_published
    }

    /// Asks a question, when the last one has been answered.
    fn greet(&mut self) {
        if std::mem::take(&mut self.has_replied) {
            self.ask(Port::Shell, "kernel_info_request", &json!({}));
        }
    }

    fn ask(&self, port: Port, kind: &str, content: &Value) {
        let mut message = Message::new(kind, &json!({}), content);
        message.header = header(kind, &self.session);
        self.outlets.send(port, message);
    }

    fn has_asked(&self, message: &Message) -> bool {
        message.parent["session"] == self.session.as_str()
    }
}

/// What the user is to know of a cell that goes on and on.
fn advice(running: &mut Execution, process: Option<u32>) -> Option<&'static str> {
    if running.is_told {
        return None;
    }
    let asked = running.could_listen_since();
    if running.interrupts == 1 && asked.is_some_and(|since| since.elapsed() > LISTENS_WITHIN) {
        return Some(DOES_NOT_LISTEN);
    }
    let reads = running.is_at_work()
        && !running.asks
        && running.interrupts == 0
        && process.is_some_and(stdin::is_read_by_a_cell);
    if !reads {
        running.reads_since = None;
        return None;
    }
    let since = running.reads_since.get_or_insert_with(Instant::now);
    (since.elapsed() > READS_FOR).then_some(HAS_NO_INPUT)
}

fn with_capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
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
