//! The front between a frontend and a fake evcxr_jupyter, with real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where it fails"
)]

use std::collections::HashMap;
use std::future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use evcxr_prewarm::cell_protocol::LISTENING;
use evcxr_prewarm::front::channels::{Channel, Senders};
use evcxr_prewarm::front::event::Event;
use evcxr_prewarm::front::message::{Message, header};
use evcxr_prewarm::front::{Backend, Ended, Options, connection_file, serve, sockets};
use evcxr_prewarm::temporary;
use jupyter_zmq_client::{ConnectionInfo, create_client_heartbeat_connection};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::{self, JoinHandle};
use tokio::time;

/// A test that waits so long has failed.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A frontend, the front, and a fake evcxr.
struct Fixture {
    frontend: Senders,
    to_frontend: UnboundedReceiver<Event>,
    /// Messages to the frontend that no test has looked at yet.
    unread: Vec<(Channel, Message)>,
    kernel: Senders,
    to_kernel: UnboundedReceiver<(Channel, Message)>,
    connection: ConnectionInfo,
    directory: TempDir,
    side_channel: TempDir,
    served: JoinHandle<Result<Option<Ended>>>,
    /// Ends evcxr.
    end_kernel: Option<oneshot::Sender<Ended>>,
    number: u64,
}

/// The outcome of a cell.
#[derive(Default)]
struct Cell {
    /// Kinds and contents of the published messages, in order.
    shown: Vec<(String, Value)>,
    reply: Value,
}

impl Cell {
    fn kinds(&self) -> Vec<&str> {
        self.shown.iter().map(|(kind, _)| kind.as_str()).collect()
    }

    fn texts(&self, name: &str) -> String {
        let streams = self
            .shown
            .iter()
            .filter(|(_, content)| content["name"] == name);
        streams
            .map(|(_, content)| content["text"].as_str().unwrap())
            .collect()
    }

    fn first(&self, kind: &str) -> &Value {
        &self.shown.iter().find(|(of, _)| of == kind).unwrap().1
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    time::timeout(TIMEOUT, future).await.expect("timeout")
}

impl Fixture {
    async fn new() -> Self {
        Self::with_notice(None).await
    }

    async fn with_notice(notice: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let side_channel = temporary::folder().unwrap();
        let (connection, _) = connection_file::create(directory.path()).unwrap();
        let (kernel, to_kernel) = fake_kernel(&connection).await;
        let backend = Backend {
            connection,
            directory: directory.path().to_owned(),
            side_channel: side_channel.path().to_owned(),
            process: None,
            notice: notice.map(str::to_owned),
        };
        std::fs::create_dir(directory.path().join("src")).unwrap();
        let (end_kernel, ended) = oneshot::channel();
        let (connection, frontend, to_frontend, served) =
            front(future::ready(Ok(backend)), ended).await;
        let fixture = Self {
            frontend,
            to_frontend,
            unread: Vec::new(),
            kernel,
            to_kernel,
            connection,
            directory,
            side_channel,
            served,
            end_kernel: Some(end_kernel),
            number: 0,
        };
        fixture.subscribed().await
    }

    /// Waits until published messages arrive.
    async fn subscribed(mut self) -> Self {
        let subscribes = async {
            loop {
                self.ask(Channel::Shell, "kernel_info_request", &json!({}));
                let received = time::timeout(Duration::from_millis(100), self.receive()).await;
                if received.is_ok_and(|(channel, _)| channel == Channel::IoPub) {
                    break;
                }
            }
        };
        within(subscribes).await;
        self
    }

    fn ask(&self, channel: Channel, kind: &str, content: &Value) -> String {
        let mut message = Message::new(kind, &json!({}), content);
        message.header = header(kind, "frontend");
        let id = message.id().to_owned();
        self.frontend.send(channel, message);
        id
    }

    fn execute(&self, code: &str) -> String {
        self.ask(
            Channel::Shell,
            "execute_request",
            &json!({ "code": code, "allow_stdin": true }),
        )
    }

    async fn receive(&mut self) -> (Channel, Message) {
        match self.to_frontend.recv().await.unwrap() {
            Event::FromKernel(channel, message) => (channel, message),
            _ => panic!("only the front sends messages"),
        }
    }

    /// The first message to the frontend for which `is_it` holds.
    async fn first(&mut self, is_it: impl Fn(Channel, &Message) -> bool) -> (Channel, Message) {
        if let Some(place) = self
            .unread
            .iter()
            .position(|(channel, message)| is_it(*channel, message))
        {
            return self.unread.remove(place);
        }
        let first = async {
            loop {
                let (channel, message) = self.receive().await;
                if is_it(channel, &message) {
                    return (channel, message);
                }
                self.unread.push((channel, message));
            }
        };
        within(first).await
    }

    /// The next message that belongs to a request.
    async fn next(&mut self, id: &str, channel: Channel, kind: &str) -> Message {
        let is_it = |from, message: &Message| {
            from == channel && message.parent_id() == id && message.kind() == kind
        };
        self.first(is_it).await.1
    }

    /// Everything that is published for a cell until its end, and its reply.
    async fn outcome(&mut self, id: &str) -> Cell {
        let mut cell = Cell::default();
        let mut is_idle = false;
        while !is_idle || cell.reply.is_null() {
            let (channel, message) = self.first(|_, message| message.parent_id() == id).await;
            let content = message.content();
            match (channel, message.kind()) {
                (Channel::Shell, _) => cell.reply = content,
                (_, "status") => is_idle = content["execution_state"] == "idle",
                (_, kind) => cell.shown.push((kind.to_owned(), content)),
            }
        }
        cell
    }

    /// The next cell that evcxr receives.
    async fn next_cell(&mut self) -> Message {
        let (channel, message) = within(self.to_kernel.recv()).await.unwrap();
        assert_eq!(
            (channel, message.kind()),
            (Channel::Shell, "execute_request")
        );
        message
    }

    fn publish(&self, request: &Message, kind: &str, content: &Value) {
        self.kernel
            .send(Channel::IoPub, Message::new(kind, &request.header, content));
    }

    fn print(&self, request: &Message, name: &str, lines: &str) {
        for line in lines.split_inclusive('\n') {
            self.publish(request, "stream", &json!({ "name": name, "text": line }));
        }
    }

    fn show_result(&self, request: &Message, text: &str) {
        let content = json!({
            "execution_count": 40, "data": { "text/plain": text }, "metadata": {},
        });
        self.publish(request, "execute_result", &content);
    }

    fn reply(&self, request: &Message, status: &str) {
        let content = json!({ "status": status, "execution_count": 40 });
        self.kernel
            .send(Channel::Shell, Message::reply(request, &content));
        self.publish(request, "status", &json!({ "execution_state": "idle" }));
    }

    /// Does what the wrapper of cargo does when a cell is compiled. Returns the marker of its beginning.
    fn compile(&mut self, source: &str) -> String {
        self.number += 1;
        let path = self.directory.path();
        std::fs::write(path.join("src/lib.rs"), source).unwrap();
        std::fs::write(path.join("marked"), self.number.to_string()).unwrap();
        format!("\u{1}front begin {}\n", self.number)
    }

    fn end(&self, request: &Message, how: &str) {
        self.print(
            request,
            "stdout",
            &format!("\u{1}front end {} {how}\n", self.number),
        );
        self.print(
            request,
            "stderr",
            &format!("\u{1}front end {}\n", self.number),
        );
    }

    /// Runs a cell, so that the front knows that cells have markers.
    async fn run_first_cell(&mut self) -> (String, Message) {
        let id = self.execute("let a = 1;");
        let request = self.next_cell().await;
        let begin = self.compile("");
        self.print(&request, "stdout", &begin);
        self.end(&request, "ok");
        self.reply(&request, "ok");
        let cell = self.outcome(&id).await;
        assert_eq!(cell.reply["status"], "ok");
        (id, request)
    }

    fn send_to_side_channel(&self, text: &str) -> String {
        send_to_side_channel(self.side_channel.path(), text)
    }

    fn interrupt_file(&self) -> PathBuf {
        self.side_channel.path().join("interrupt")
    }
}

/// A front, and a frontend for it.
async fn front(
    backend: impl Future<Output = Result<Backend>> + Send + 'static,
    ended: oneshot::Receiver<Ended>,
) -> (
    ConnectionInfo,
    Senders,
    UnboundedReceiver<Event>,
    JoinHandle<Result<Option<Ended>>>,
) {
    let folder = tempfile::tempdir().unwrap();
    let (connection, _) = connection_file::create(folder.path()).unwrap();
    let options = Options {
        message_end: vec!["\nException raised from ".to_owned()],
        advice: "run set-up".to_owned(),
    };
    let ended = async {
        match ended.await {
            Ok(ended) => ended,
            Err(_) => future::pending().await,
        }
    };
    let served = task::spawn(serve(connection.clone(), backend, ended, options));
    let (sender, to_frontend) = unbounded_channel();
    let frontend = sockets::connect(&connection, "frontend", &sender)
        .await
        .unwrap();
    (connection, frontend, to_frontend, served)
}

/// A fake evcxr. It replies to `kernel_info_request`; a test replies to the other requests.
async fn fake_kernel(
    connection: &ConnectionInfo,
) -> (Senders, UnboundedReceiver<(Channel, Message)>) {
    let (sender, mut events) = unbounded_channel();
    let kernel = sockets::bind(connection, &sender).await.unwrap();
    let (for_test, to_kernel) = unbounded_channel();
    let senders = kernel.clone();
    task::spawn(async move {
        while let Some(Event::FromFrontend(channel, message)) = events.recv().await {
            handle(&senders, &for_test, channel, message);
        }
    });
    (kernel, to_kernel)
}

fn handle(
    senders: &Senders,
    for_test: &UnboundedSender<(Channel, Message)>,
    channel: Channel,
    message: Message,
) {
    if message.kind() != "kernel_info_request" {
        let _ = for_test.send((channel, message));
        return;
    }
    for state in ["busy", "idle"] {
        let content = json!({ "execution_state": state });
        senders.send(
            Channel::IoPub,
            Message::new("status", &message.header, &content),
        );
    }
    senders.send(
        channel,
        Message::reply(&message, &json!({ "status": "ok" })),
    );
}

/// Sends a message as the process of the cells does, and returns the answer.
fn send_to_side_channel(folder: &Path, text: &str) -> String {
    let mut stream = UnixStream::connect(folder.join("socket")).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_heartbeat_goes_on_when_clients_come_and_go() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        let mut client = create_client_heartbeat_connection(&fixture.connection)
            .await
            .unwrap();
        within(client.single_heartbeat()).await.unwrap();
        drop(client);
        // This one disconnects in the middle of the handshake.
        let address = (fixture.connection.ip.as_str(), fixture.connection.hb_port);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&[0xff, 0, 0]).unwrap();
    }
    let mut client = create_client_heartbeat_connection(&fixture.connection)
        .await
        .unwrap();
    within(client.single_heartbeat()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_front_answers_while_a_cell_runs() {
    let mut fixture = Fixture::new().await;
    let running = fixture.execute("loop {}");
    let request = fixture.next_cell().await;
    for (channel, kind, content, key, answer) in [
        (
            Channel::Shell,
            "kernel_info_request",
            json!({}),
            "protocol_version",
            json!("5.3"),
        ),
        (
            Channel::Control,
            "kernel_info_request",
            json!({}),
            "status",
            json!("ok"),
        ),
        (
            Channel::Shell,
            "comm_info_request",
            json!({}),
            "comms",
            json!({}),
        ),
        (
            Channel::Shell,
            "history_request",
            json!({}),
            "history",
            json!([]),
        ),
        (
            Channel::Shell,
            "complete_request",
            json!({ "code": "a", "cursor_pos": 1 }),
            "matches",
            json!([]),
        ),
        (
            Channel::Shell,
            "inspect_request",
            json!({ "code": "a", "cursor_pos": 1 }),
            "found",
            json!(false),
        ),
        (
            Channel::Shell,
            "is_complete_request",
            json!({ "code": "{" }),
            "status",
            json!("incomplete"),
        ),
    ] {
        let id = fixture.ask(channel, kind, &content);
        let reply = fixture
            .next(&id, channel, &kind.replace("request", "reply"))
            .await;
        assert_eq!(reply.content()[key], answer, "{kind}");
    }
    let id = fixture.ask(
        Channel::Shell,
        "comm_open",
        &json!({ "comm_id": "c", "target_name": "x" }),
    );
    let close = fixture.next(&id, Channel::IoPub, "comm_close").await;
    assert_eq!(close.content()["comm_id"], "c");
    fixture.reply(&request, "ok");
    assert_eq!(fixture.outcome(&running).await.reply["status"], "ok");
    // Now evcxr answers.
    let id = fixture.ask(
        Channel::Shell,
        "complete_request",
        &json!({ "code": "a", "cursor_pos": 1 }),
    );
    let (_, request) = within(fixture.to_kernel.recv()).await.unwrap();
    fixture.kernel.send(
        Channel::Shell,
        Message::reply(&request, &json!({ "matches": ["abs"] })),
    );
    let reply = fixture.next(&id, Channel::Shell, "complete_reply").await;
    assert_eq!(reply.content()["matches"][0], "abs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_cell_has_an_error_reply_and_cells_that_wait_do_not_run() {
    let mut fixture = Fixture::new().await;
    let code = "let t = 1;\nt.f_view([7])?;";
    let failing = fixture.execute(code);
    let waiting = fixture.execute("unreachable");
    let request = fixture.next_cell().await;
    let begin = fixture.compile(&format!("// generated\n{code}\n"));
    // The reply arrives before the output.
    fixture.reply(&request, "ok");
    fixture.print(&request, "stdout", &begin);
    fixture.print(
        &request,
        "stderr",
        "a warning\n\u{1}front error 3 1\nshape '[7]' is invalid\nException raised from view\n\
         frame #0\n\u{1}front error-end\n",
    );
    fixture.end(&request, "error");
    let cell = fixture.outcome(&failing).await;
    assert_eq!(cell.kinds(), ["execute_input", "stream", "error"]);
    assert_eq!(cell.texts("stderr"), "a warning\n");
    let error = cell.first("error");
    assert_eq!(error["ename"], "error");
    assert_eq!(error["evalue"], "shape '[7]' is invalid");
    let place = error["traceback"][1].as_str().unwrap();
    assert!(place.contains("cell line 2: t.f_view([7])?;"), "{place}");
    assert_eq!(cell.reply["status"], "error");
    for key in ["ename", "evalue", "traceback"] {
        assert_eq!(cell.reply[key], error[key]);
    }
    let cell = fixture.outcome(&waiting).await;
    assert_eq!(cell.reply["status"], "aborted");
    assert!(cell.shown.is_empty());
    // Later cells run.
    fixture.run_first_cell().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_reported_by_the_crate_or_by_std() {
    let mut fixture = Fixture::new().await;
    for by_crate in [true, false] {
        let id = fixture.execute("panic!(\"no\")");
        let request = fixture.next_cell().await;
        let begin = fixture.compile("panic!(\"no\")");
        fixture.print(&request, "stdout", &begin);
        if by_crate {
            let message = json!({
                "kind": "error", "ename": "panic", "evalue": "no", "file": "src/lib.rs", "line": 1,
                "column": 1,
            });
            let folder = fixture.side_channel.path().to_owned();
            let answer =
                task::spawn_blocking(move || send_to_side_channel(&folder, &message.to_string()));
            assert_eq!(answer.await.unwrap(), "ok\n");
        } else {
            let words = "\nthread '<unnamed>' (1) panicked at src/lib.rs:1:1:\nno\n";
            fixture.print(&request, "stderr", words);
        }
        fixture.end(&request, "panic");
        fixture.reply(&request, "ok");
        let cell = fixture.outcome(&id).await;
        assert_eq!(cell.kinds(), ["execute_input", "error"]);
        let error = cell.first("error");
        assert_eq!(
            (&error["ename"], &error["evalue"]),
            (&json!("panic"), &json!("no"))
        );
        assert!(
            error["traceback"][1]
                .as_str()
                .unwrap()
                .contains("cell line 1")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_evcxr_have_a_message_in_the_reply() {
    let mut fixture = Fixture::new().await;
    for (value, lines, by_interrupts, name, words) in [
        (
            "mismatched types",
            json!(["╭─", "╰─"]),
            0,
            "compile error",
            "mismatched types",
        ),
        (
            "Subprocess terminated with status: signal: 9 (SIGKILL)",
            json!([]),
            0,
            "kernel process ended",
            "signal: 9 (SIGKILL)",
        ),
        (
            "Subprocess terminated with status: signal: 9 (SIGKILL)",
            json!([]),
            2,
            "kernel process ended",
            "second ■",
        ),
    ] {
        let id = fixture.execute("cell");
        let request = fixture.next_cell().await;
        for _ in 0..by_interrupts {
            let asked = fixture.ask(Channel::Control, "interrupt_request", &json!({}));
            fixture
                .next(&asked, Channel::Control, "interrupt_reply")
                .await;
        }
        if by_interrupts == 2 {
            let (channel, message) = within(fixture.to_kernel.recv()).await.unwrap();
            assert_eq!(
                (channel, message.kind()),
                (Channel::Control, "interrupt_request")
            );
        }
        // The reply arrives before the errors.
        fixture.kernel.send(
            Channel::Shell,
            Message::reply(&request, &json!({ "status": "error" })),
        );
        let content = json!({ "ename": "Error", "evalue": value, "traceback": lines });
        fixture.publish(&request, "error", &content);
        fixture.publish(&request, "status", &json!({ "execution_state": "idle" }));
        let cell = fixture.outcome(&id).await;
        assert_eq!(cell.kinds(), ["execute_input", "error"]);
        assert_eq!(cell.reply["ename"], name);
        assert!(cell.reply["evalue"].as_str().unwrap().contains(words));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_displays_and_the_result_are_shown_in_order() {
    let mut fixture = Fixture::new().await;
    let id = fixture.execute("cell");
    let request = fixture.next_cell().await;
    let begin = fixture.compile("");
    fixture.print(&request, "stdout", &format!("{begin}one\n"));
    let folder = fixture.side_channel.path().to_owned();
    let answers = task::spawn_blocking(move || {
        let display = |number: u64| {
            json!({
                "kind": "display", "number": number, "update": false, "id": format!("d{number}"),
                "data": { "text/plain": number.to_string() }, "metadata": {},
            })
        };
        send_to_side_channel(&folder, "{\"kind\":");
        send_to_side_channel(&folder, &display(1).to_string())
            + &send_to_side_channel(&folder, &display(2).to_string())
    });
    assert_eq!(answers.await.unwrap(), "ok\nok\n");
    // The result and the reply arrive before the text.
    fixture.show_result(&request, "42");
    fixture.reply(&request, "ok");
    fixture.print(
        &request,
        "stdout",
        "two\n\u{1}front display 1\nhalf\u{1}front display 2\nlast\u{1}front flush\n",
    );
    fixture.end(&request, "ok");
    let cell = fixture.outcome(&id).await;
    let kinds = cell.kinds();
    assert_eq!(
        &kinds[kinds.len() - 6..],
        [
            "stream",
            "display_data",
            "stream",
            "display_data",
            "stream",
            "execute_result"
        ]
    );
    assert_eq!(cell.texts("stdout"), "one\ntwo\nhalflast");
    assert_eq!(cell.first("display_data")["transient"]["display_id"], "d1");
    assert_eq!(cell.first("execute_result")["data"]["text/plain"], "42");
    assert_eq!(
        cell.first("execute_result")["execution_count"],
        cell.reply["execution_count"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_text_belongs_to_the_cell_that_printed_it() {
    let mut fixture = Fixture::new().await;
    let (before, request) = fixture.run_first_cell().await;
    fixture.print(&request, "stderr", "between\n");
    let shown = fixture.next(&before, Channel::IoPub, "stream").await;
    assert_eq!(shown.content()["text"], "between\n");
    let id = fixture.execute("cell");
    let request = fixture.next_cell().await;
    fixture.print(&request, "stdout", "from a thread\n");
    let begin = fixture.compile("");
    fixture.print(&request, "stdout", &format!("half{begin}own\n"));
    fixture.end(&request, "ok");
    let mut late = String::new();
    while late != "from a thread\nhalf" {
        let shown = fixture.next(&before, Channel::IoPub, "stream").await;
        late += shown.content()["text"].as_str().unwrap();
        assert!("from a thread\nhalf".starts_with(&late), "{late}");
    }
    fixture.reply(&request, "ok");
    assert_eq!(fixture.outcome(&id).await.reply["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_becomes_a_handful_of_messages() {
    let mut fixture = Fixture::new().await;
    let id = fixture.execute("cell");
    let request = fixture.next_cell().await;
    let begin = fixture.compile("");
    fixture.print(&request, "stdout", &begin);
    fixture.print(&request, "stdout", &"0.1234 0.1234\n".repeat(11_700));
    fixture.end(&request, "ok");
    fixture.reply(&request, "ok");
    let cell = fixture.outcome(&id).await;
    assert_eq!(cell.texts("stdout").lines().count(), 1_000);
    assert!(cell.texts("stderr").contains("10,700 more lines (0.1 MB)"));
    assert!(cell.shown.len() < 100, "{}", cell.shown.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_is_shown_while_the_cell_runs() {
    let mut fixture = Fixture::new().await;
    let id = fixture.execute("cell");
    let request = fixture.next_cell().await;
    // More often than the front shows text.
    let kernel = fixture.kernel.clone();
    let printed = request.clone();
    let prints = task::spawn(async move {
        loop {
            let content = json!({ "name": "stdout", "text": "line\n" });
            kernel.send(
                Channel::IoPub,
                Message::new("stream", &printed.header, &content),
            );
            time::sleep(Duration::from_millis(5)).await;
        }
    });
    fixture.next(&id, Channel::IoPub, "stream").await;
    prints.abort();
    fixture.reply(&request, "ok");
    assert_eq!(fixture.outcome(&id).await.reply["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_interrupt_asks_and_the_second_kills() {
    let mut fixture = Fixture::new().await;
    let asked = fixture.ask(Channel::Control, "interrupt_request", &json!({}));
    fixture
        .next(&asked, Channel::Control, "interrupt_reply")
        .await;
    assert!(!fixture.interrupt_file().exists(), "no cell runs");

    let id = fixture.execute("loop {}");
    let waiting = fixture.execute("waits");
    let request = fixture.next_cell().await;
    let asked = fixture.ask(Channel::Control, "interrupt_request", &json!({}));
    assert_eq!(fixture.outcome(&waiting).await.reply["status"], "aborted");
    drop(asked);
    assert!(fixture.interrupt_file().exists());
    let advice = fixture.next(&id, Channel::IoPub, "stream").await.content();
    assert!(advice["text"].as_str().unwrap().contains('■'), "{advice}");

    fixture.ask(Channel::Control, "interrupt_request", &json!({}));
    let (channel, message) = within(fixture.to_kernel.recv()).await.unwrap();
    assert_eq!(
        (channel, message.kind()),
        (Channel::Control, "interrupt_request")
    );
    fixture.reply(&request, "ok");
    assert_eq!(fixture.outcome(&id).await.reply["status"], "ok");
    assert!(!fixture.interrupt_file().exists(), "the cell is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_asks_for_input() {
    let mut fixture = Fixture::new().await;
    let id = fixture.execute("input");
    let request = fixture.next_cell().await;
    // This frontend sends answers that no cell has asked for.
    let (sender, _events) = unbounded_channel();
    let other = sockets::connect(&fixture.connection, "other", &sender)
        .await
        .unwrap();
    let mut stray = Message::new("input_reply", &json!({}), &json!({ "value": "stray" }));
    stray.header = header("input_reply", "other");
    other.send(Channel::Stdin, stray.clone());
    let mut question = Message::reply(&request, &json!({ "prompt": "name? ", "password": false }));
    question.header = header("input_request", "kernel");
    fixture.kernel.send(Channel::Stdin, question.clone());
    let asked = fixture.next(&id, Channel::Stdin, "input_request").await;
    assert_eq!(asked.content()["prompt"], "name? ");
    other.send(Channel::Stdin, stray);
    fixture.ask(Channel::Stdin, "input_reply", &json!({ "value": "Ada" }));
    let (channel, answer) = within(fixture.to_kernel.recv()).await.unwrap();
    assert_eq!(
        (channel, &answer.content()["value"]),
        (Channel::Stdin, &json!("Ada"))
    );

    // If ■ is pressed while a cell asks, evcxr must not wait forever.
    fixture.kernel.send(Channel::Stdin, question);
    fixture.next(&id, Channel::Stdin, "input_request").await;
    fixture.ask(Channel::Control, "interrupt_request", &json!({}));
    let (channel, answer) = within(fixture.to_kernel.recv()).await.unwrap();
    assert_eq!(
        (channel, &answer.content()["value"]),
        (Channel::Stdin, &json!(""))
    );
    fixture.reply(&request, "ok");
    assert_eq!(fixture.outcome(&id).await.reply["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_result_and_buffers_are_forwarded_completely() {
    let mut fixture = Fixture::new().await;
    let id = fixture.execute("picture");
    let request = fixture.next_cell().await;
    let picture = "A".repeat(50_000_000);
    fixture.show_result(&request, &picture);
    let mut other = Message::new("comm_msg", &request.header, &json!({ "unknown": "1" }));
    other.buffers = vec![vec![0, 255, 7].into(), vec![].into()];
    fixture.kernel.send(Channel::IoPub, other);
    fixture.reply(&request, "ok");
    let shown = fixture.next(&id, Channel::IoPub, "comm_msg").await;
    assert_eq!(shown.buffers, [vec![0_u8, 255, 7], vec![]]);
    assert_eq!(shown.content()["unknown"], "1");
    let cell = fixture.outcome(&id).await;
    let result = &cell.first("execute_result")["data"]["text/plain"];
    assert!(result == picture.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_would_end_evcxr_are_not_forwarded() {
    let mut fixture = Fixture::new().await;
    let mut forged = fixture.connection.clone();
    forged.key = "another".to_owned();
    let (sender, _events) = unbounded_channel();
    let forger = sockets::connect(&forged, "forger", &sender).await.unwrap();
    let mut message = Message::new("execute_request", &json!({}), &json!({ "code": "forged" }));
    message.header = header("execute_request", "forger");
    forger.send(Channel::Shell, message.clone());
    for kind in ["execute_request", "unheard_of"] {
        message.header = header(kind, "frontend");
        message.content = bytes::Bytes::from_static(b"{\"code\":");
        fixture.frontend.send(Channel::Shell, message.clone());
    }
    message.content = bytes::Bytes::from_static(b"{}");
    message.buffers = vec![vec![1].into()];
    fixture.frontend.send(Channel::Shell, message);
    let (_, passed) = within(fixture.to_kernel.recv()).await.unwrap();
    assert_eq!(passed.kind(), "unheard_of");
    assert!(passed.buffers.is_empty());
    fixture.run_first_cell().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_frontend_gets_its_own_replies() {
    let mut fixture = Fixture::new().await;
    let (sender, mut events) = unbounded_channel();
    let other = sockets::connect(&fixture.connection, "other", &sender)
        .await
        .unwrap();
    let mut message = Message::new("execute_request", &json!({}), &json!({ "code": "theirs" }));
    message.header = header("execute_request", "other");
    let theirs = message.id().to_owned();
    other.send(Channel::Shell, message);
    let request = fixture.next_cell().await;
    let ours = fixture.execute("ours");
    fixture.reply(&request, "ok");
    let request = fixture.next_cell().await;
    fixture.reply(&request, "ok");
    let mut replies = HashMap::new();
    fixture.next(&ours, Channel::Shell, "execute_reply").await;
    while replies.is_empty() {
        if let Event::FromKernel(Channel::Shell, message) = within(events.recv()).await.unwrap() {
            replies.insert(message.parent_id().to_owned(), message);
        }
    }
    assert!(replies.contains_key(&theirs));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_request_is_answered_and_forwarded() {
    let mut fixture = Fixture::new().await;
    fixture.run_first_cell().await;
    assert!(fixture.side_channel.path().join(LISTENING).exists());
    assert_eq!(fixture.send_to_side_channel("nonsense"), "");
    let id = fixture.ask(
        Channel::Control,
        "shutdown_request",
        &json!({ "restart": true }),
    );
    let reply = fixture.next(&id, Channel::Control, "shutdown_reply").await;
    assert_eq!(reply.content(), json!({ "status": "ok", "restart": true }));
    let (channel, message) = within(fixture.to_kernel.recv()).await.unwrap();
    assert_eq!(
        (channel, message.kind()),
        (Channel::Control, "shutdown_request")
    );
    within(&mut fixture.served).await.unwrap().unwrap();
}

fn request(kind: &str, content: &Value) -> Message {
    let mut message = Message::new(kind, &json!({}), content);
    message.header = header(kind, "frontend");
    message
}

/// The next reply of that kind.
async fn next_reply(to_frontend: &mut UnboundedReceiver<Event>, kind: &str) -> Value {
    let reply = async {
        loop {
            if let Some(Event::FromKernel(_, message)) = to_frontend.recv().await
                && message.kind() == kind
            {
                return message.content();
            }
        }
    };
    within(reply).await
}

fn cell() -> Message {
    request("execute_request", &json!({ "code": "1" }))
}

async fn shut_down(frontend: &Senders, served: JoinHandle<Result<Option<Ended>>>) {
    let end = request("shutdown_request", &json!({ "restart": false }));
    frontend.send(Channel::Control, end);
    assert_eq!(within(served).await.unwrap().unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kernel_that_does_not_start_is_reported_in_all_cells() {
    let (fails, failing) = oneshot::channel::<()>();
    let backend = async {
        let _ = failing.await;
        Err(anyhow!("there is no Rust"))
    };
    let (_end_kernel, ended) = oneshot::channel();
    let (_, frontend, mut to_frontend, served) = front(backend, ended).await;
    frontend.send(Channel::Shell, cell());
    // Requests are handled in order: when this one is answered, the cell waits.
    frontend.send(Channel::Shell, request("kernel_info_request", &json!({})));
    next_reply(&mut to_frontend, "kernel_info_reply").await;
    drop(fails);
    for _ in 0..3 {
        let reply = next_reply(&mut to_frontend, "execute_reply").await;
        assert_eq!(reply["status"], "error");
        assert_eq!(reply["evalue"], "there is no Rust");
        frontend.send(Channel::Shell, cell());
    }
    assert!(!served.is_finished(), "Jupyter would start it again");
    shut_down(&frontend, served).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kernel_that_ends_before_it_is_ready_is_reported_in_the_cells() {
    let (end_kernel, ended) = oneshot::channel();
    let (_, frontend, mut to_frontend, served) = front(future::pending(), ended).await;
    frontend.send(Channel::Shell, cell());
    end_kernel.send(Ended { code: 99 }).unwrap();
    for _ in 0..2 {
        let reply = next_reply(&mut to_frontend, "execute_reply").await;
        let value = reply["evalue"].as_str().unwrap();
        assert!(value.contains("exit status 99"), "{value}");
        assert!(value.contains("Run set-up"), "{value}");
        frontend.send(Channel::Shell, cell());
    }
    shut_down(&frontend, served).await;
}

/// Then Jupyter starts a new kernel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_front_ends_with_a_kernel_that_was_ready() {
    let mut fixture = Fixture::new().await;
    fixture.run_first_cell().await;
    fixture
        .end_kernel
        .take()
        .unwrap()
        .send(Ended { code: 139 })
        .unwrap();
    let ended = within(&mut fixture.served).await.unwrap().unwrap();
    assert_eq!(ended, Some(Ended { code: 139 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_first_cell_shows_the_notice() {
    let mut fixture = Fixture::with_notice(Some("This cell compiles the crate.\n")).await;
    for words in ["This cell compiles the crate.\n", ""] {
        let id = fixture.execute("let a = 1;");
        let request = fixture.next_cell().await;
        fixture.reply(&request, "ok");
        let cell = fixture.outcome(&id).await;
        assert_eq!(cell.texts("stderr"), words);
    }
}
