//! The front between a frontend and an evcxr_jupyter that a test plays: messages over real sockets.
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
use evcxr_prewarm::front::ports::{self, Outlets, Port};
use evcxr_prewarm::front::session::Event;
use evcxr_prewarm::front::wire::{Message, header};
use evcxr_prewarm::front::{
    Back, Ended, LISTENING, Options, back_connection, channel_folder, serve,
};
use jupyter_zmq_client::{ConnectionInfo, create_client_heartbeat_connection};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::{self, JoinHandle};
use tokio::time;

/// A test that waits that long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A frontend, the front, and evcxr.
struct Stage {
    frontend: Outlets,
    to_frontend: UnboundedReceiver<Event>,
    /// What the frontend has got, and no test has looked at.
    kept: Vec<(Port, Message)>,
    kernel: Outlets,
    to_kernel: UnboundedReceiver<(Port, Message)>,
    connection: ConnectionInfo,
    directory: TempDir,
    channel: TempDir,
    served: JoinHandle<Result<Option<Ended>>>,
    /// Ends evcxr.
    ends: Option<oneshot::Sender<Ended>>,
    number: u64,
}

/// What a cell has come to.
#[derive(Default)]
struct Cell {
    /// Kinds and contents of what is shown, in order.
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
    time::timeout(PATIENCE, future)
        .await
        .expect("what was waited for has not come")
}

impl Stage {
    async fn new() -> Self {
        Self::with_notice(None).await
    }

    async fn with_notice(notice: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let channel = channel_folder().unwrap();
        let (back, _) = back_connection(directory.path()).unwrap();
        let (kernel, to_kernel) = play_kernel(&back).await;
        let back = Back {
            connection: back,
            directory: directory.path().to_owned(),
            channel: channel.path().to_owned(),
            process: None,
            notice: notice.map(str::to_owned),
        };
        std::fs::create_dir(directory.path().join("src")).unwrap();
        let (ends, ended) = oneshot::channel();
        let (connection, frontend, to_frontend, served) =
            front(future::ready(Ok(back)), ended).await;
        let stage = Self {
            frontend,
            to_frontend,
            kept: Vec::new(),
            kernel,
            to_kernel,
            connection,
            directory,
            channel,
            served,
            ends: Some(ends),
            number: 0,
        };
        stage.listening().await
    }

    /// When what is published reaches us.
    async fn listening(mut self) -> Self {
        let hears = async {
            loop {
                self.ask(Port::Shell, "kernel_info_request", &json!({}));
                let heard = time::timeout(Duration::from_millis(100), self.heard()).await;
                if heard.is_ok_and(|(port, _)| port == Port::IoPub) {
                    break;
                }
            }
        };
        within(hears).await;
        self
    }

    fn ask(&self, port: Port, kind: &str, content: &Value) -> String {
        let mut message = Message::new(kind, &json!({}), content);
        message.header = header(kind, "frontend");
        let id = message.id().to_owned();
        self.frontend.send(port, message);
        id
    }

    fn execute(&self, code: &str) -> String {
        self.ask(
            Port::Shell,
            "execute_request",
            &json!({ "code": code, "allow_stdin": true }),
        )
    }

    async fn heard(&mut self) -> (Port, Message) {
        match self.to_frontend.recv().await.unwrap() {
            Event::FromKernel(port, message) => (port, message),
            _ => panic!("only the front speaks"),
        }
    }

    /// The first message of that kind that the frontend has got, or gets.
    async fn first(&mut self, is_it: impl Fn(Port, &Message) -> bool) -> (Port, Message) {
        if let Some(place) = self
            .kept
            .iter()
            .position(|(port, message)| is_it(*port, message))
        {
            return self.kept.remove(place);
        }
        let first = async {
            loop {
                let (port, message) = self.heard().await;
                if is_it(port, &message) {
                    return (port, message);
                }
                self.kept.push((port, message));
            }
        };
        within(first).await
    }

    /// The next message to a request.
    async fn next(&mut self, id: &str, port: Port, kind: &str) -> Message {
        let is_it = |from, message: &Message| {
            from == port && message.parent_id() == id && message.kind() == kind
        };
        self.first(is_it).await.1
    }

    /// All that is shown of a cell until it is over, and its reply.
    async fn outcome(&mut self, id: &str) -> Cell {
        let mut cell = Cell::default();
        let mut is_idle = false;
        while !is_idle || cell.reply.is_null() {
            let (port, message) = self.first(|_, message| message.parent_id() == id).await;
            let content = message.content();
            match (port, message.kind()) {
                (Port::Shell, _) => cell.reply = content,
                (_, "status") => is_idle = content["execution_state"] == "idle",
                (_, kind) => cell.shown.push((kind.to_owned(), content)),
            }
        }
        cell
    }

    /// The next cell that evcxr gets.
    async fn taken(&mut self) -> Message {
        let (port, message) = within(self.to_kernel.recv()).await.unwrap();
        assert_eq!((port, message.kind()), (Port::Shell, "execute_request"));
        message
    }

    fn publish(&self, request: &Message, kind: &str, content: &Value) {
        self.kernel
            .send(Port::IoPub, Message::new(kind, &request.header, content));
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
            .send(Port::Shell, Message::reply(request, &content));
        self.publish(request, "status", &json!({ "execution_state": "idle" }));
    }

    /// What the shim before cargo does when a cell has been compiled; gives its beginning.
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

    /// A cell that does nothing, which tells the front that there are markers.
    async fn run_first_cell(&mut self) -> (String, Message) {
        let id = self.execute("let a = 1;");
        let request = self.taken().await;
        let begin = self.compile("");
        self.print(&request, "stdout", &begin);
        self.end(&request, "ok");
        self.reply(&request, "ok");
        let cell = self.outcome(&id).await;
        assert_eq!(cell.reply["status"], "ok");
        (id, request)
    }

    fn translated(&self, text: &str) -> String {
        translated(self.channel.path(), text)
    }

    fn interrupt_file(&self) -> PathBuf {
        self.channel.path().join("interrupt")
    }
}

/// A front, and a frontend for it.
async fn front(
    back: impl Future<Output = Result<Back>> + Send + 'static,
    ended: oneshot::Receiver<Ended>,
) -> (
    ConnectionInfo,
    Outlets,
    UnboundedReceiver<Event>,
    JoinHandle<Result<Option<Ended>>>,
) {
    let folder = tempfile::tempdir().unwrap();
    let (connection, _) = back_connection(folder.path()).unwrap();
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
    let served = task::spawn(serve(connection.clone(), back, ended, options));
    let (sender, to_frontend) = unbounded_channel();
    let frontend = ports::connect(&connection, "frontend", &sender)
        .await
        .unwrap();
    (connection, frontend, to_frontend, served)
}

/// evcxr, as far as it needs no script.
async fn play_kernel(connection: &ConnectionInfo) -> (Outlets, UnboundedReceiver<(Port, Message)>) {
    let (sender, mut events) = unbounded_channel();
    let kernel = ports::bind(connection, &sender).await.unwrap();
    let (scripted, to_kernel) = unbounded_channel();
    let outlets = kernel.clone();
    task::spawn(async move {
        while let Some(Event::FromFrontend(port, message)) = events.recv().await {
            greet_or_script(&outlets, &scripted, port, message);
        }
    });
    (kernel, to_kernel)
}

fn greet_or_script(
    outlets: &Outlets,
    scripted: &UnboundedSender<(Port, Message)>,
    port: Port,
    message: Message,
) {
    if message.kind() != "kernel_info_request" {
        let _ = scripted.send((port, message));
        return;
    }
    for state in ["busy", "idle"] {
        let content = json!({ "execution_state": state });
        outlets.send(
            Port::IoPub,
            Message::new("status", &message.header, &content),
        );
    }
    outlets.send(port, Message::reply(&message, &json!({ "status": "ok" })));
}

/// As a cell's process does.
fn translated(channel: &Path, text: &str) -> String {
    let mut stream = UnixStream::connect(channel.join("socket")).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_goes_on_when_clients_come_and_go() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        let mut client = create_client_heartbeat_connection(&stage.connection)
            .await
            .unwrap();
        within(client.single_heartbeat()).await.unwrap();
        drop(client);
        // One that breaks off in the middle of its greeting.
        let address = (stage.connection.ip.as_str(), stage.connection.hb_port);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&[0xff, 0, 0]).unwrap();
    }
    let mut client = create_client_heartbeat_connection(&stage.connection)
        .await
        .unwrap();
    within(client.single_heartbeat()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_front_answers_while_a_cell_runs() {
    let mut stage = Stage::new().await;
    let running = stage.execute("loop {}");
    let request = stage.taken().await;
    for (port, kind, content, key, answer) in [
        (
            Port::Shell,
            "kernel_info_request",
            json!({}),
            "protocol_version",
            json!("5.3"),
        ),
        (
            Port::Control,
            "kernel_info_request",
            json!({}),
            "status",
            json!("ok"),
        ),
        (
            Port::Shell,
            "comm_info_request",
            json!({}),
            "comms",
            json!({}),
        ),
        (
            Port::Shell,
            "history_request",
            json!({}),
            "history",
            json!([]),
        ),
        (
            Port::Shell,
            "complete_request",
            json!({ "code": "a", "cursor_pos": 1 }),
            "matches",
            json!([]),
        ),
        (
            Port::Shell,
            "inspect_request",
            json!({ "code": "a", "cursor_pos": 1 }),
            "found",
            json!(false),
        ),
        (
            Port::Shell,
            "is_complete_request",
            json!({ "code": "{" }),
            "status",
            json!("incomplete"),
        ),
    ] {
        let id = stage.ask(port, kind, &content);
        let reply = stage
            .next(&id, port, &kind.replace("request", "reply"))
            .await;
        assert_eq!(reply.content()[key], answer, "{kind}");
    }
    let id = stage.ask(
        Port::Shell,
        "comm_open",
        &json!({ "comm_id": "c", "target_name": "x" }),
    );
    let close = stage.next(&id, Port::IoPub, "comm_close").await;
    assert_eq!(close.content()["comm_id"], "c");
    stage.reply(&request, "ok");
    assert_eq!(stage.outcome(&running).await.reply["status"], "ok");
    // Now evcxr answers.
    let id = stage.ask(
        Port::Shell,
        "complete_request",
        &json!({ "code": "a", "cursor_pos": 1 }),
    );
    let (_, request) = within(stage.to_kernel.recv()).await.unwrap();
    stage.kernel.send(
        Port::Shell,
        Message::reply(&request, &json!({ "matches": ["abs"] })),
    );
    let reply = stage.next(&id, Port::Shell, "complete_reply").await;
    assert_eq!(reply.content()["matches"][0], "abs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_fails_says_so_and_those_that_wait_do_not_run() {
    let mut stage = Stage::new().await;
    let code = "let t = 1;\nt.f_view([7])?;";
    let failing = stage.execute(code);
    let waiting = stage.execute("unreachable");
    let request = stage.taken().await;
    let begin = stage.compile(&format!("// generated\n{code}\n"));
    // The answer overtakes the words.
    stage.reply(&request, "ok");
    stage.print(&request, "stdout", &begin);
    stage.print(
        &request,
        "stderr",
        "a warning\n\u{1}front error 3 1\nshape '[7]' is invalid\nException raised from view\n\
         frame #0\n\u{1}front error-end\n",
    );
    stage.end(&request, "error");
    let cell = stage.outcome(&failing).await;
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
    let cell = stage.outcome(&waiting).await;
    assert_eq!(cell.reply["status"], "aborted");
    assert!(cell.shown.is_empty());
    // Later cells run.
    stage.run_first_cell().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_told_by_the_crate_or_by_std() {
    let mut stage = Stage::new().await;
    for by_crate in [true, false] {
        let id = stage.execute("panic!(\"no\")");
        let request = stage.taken().await;
        let begin = stage.compile("panic!(\"no\")");
        stage.print(&request, "stdout", &begin);
        if by_crate {
            let message = json!({
                "kind": "error", "ename": "panic", "evalue": "no", "file": "src/lib.rs", "line": 1,
                "column": 1,
            });
            let channel = stage.channel.path().to_owned();
            let answer = task::spawn_blocking(move || translated(&channel, &message.to_string()));
            assert_eq!(answer.await.unwrap(), "ok\n");
        } else {
            let words = "\nthread '<unnamed>' (1) panicked at src/lib.rs:1:1:\nno\n";
            stage.print(&request, "stderr", words);
        }
        stage.end(&request, "panic");
        stage.reply(&request, "ok");
        let cell = stage.outcome(&id).await;
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
async fn evcxrs_own_errors_have_words_in_the_reply() {
    let mut stage = Stage::new().await;
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
        let id = stage.execute("cell");
        let request = stage.taken().await;
        for _ in 0..by_interrupts {
            let asked = stage.ask(Port::Control, "interrupt_request", &json!({}));
            stage.next(&asked, Port::Control, "interrupt_reply").await;
        }
        if by_interrupts == 2 {
            let (port, message) = within(stage.to_kernel.recv()).await.unwrap();
            assert_eq!((port, message.kind()), (Port::Control, "interrupt_request"));
        }
        // The answer overtakes the errors.
        stage.kernel.send(
            Port::Shell,
            Message::reply(&request, &json!({ "status": "error" })),
        );
        let content = json!({ "ename": "Error", "evalue": value, "traceback": lines });
        stage.publish(&request, "error", &content);
        stage.publish(&request, "status", &json!({ "execution_state": "idle" }));
        let cell = stage.outcome(&id).await;
        assert_eq!(cell.kinds(), ["execute_input", "error"]);
        assert_eq!(cell.reply["ename"], name);
        assert!(cell.reply["evalue"].as_str().unwrap().contains(words));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_displays_and_the_result_come_in_the_cells_order() {
    let mut stage = Stage::new().await;
    let id = stage.execute("cell");
    let request = stage.taken().await;
    let begin = stage.compile("");
    stage.print(&request, "stdout", &format!("{begin}one\n"));
    let channel = stage.channel.path().to_owned();
    let answers = task::spawn_blocking(move || {
        let display = |number: u64| {
            json!({
                "kind": "display", "number": number, "update": false, "id": format!("d{number}"),
                "data": { "text/plain": number.to_string() }, "metadata": {},
            })
        };
        translated(&channel, "{\"kind\":");
        translated(&channel, &display(1).to_string())
            + &translated(&channel, &display(2).to_string())
    });
    assert_eq!(answers.await.unwrap(), "ok\nok\n");
    // The result, and the answer, overtake the words.
    stage.show_result(&request, "42");
    stage.reply(&request, "ok");
    stage.print(
        &request,
        "stdout",
        "two\n\u{1}front display 1\nhalf\u{1}front display 2\nlast\u{1}front flush\n",
    );
    stage.end(&request, "ok");
    let cell = stage.outcome(&id).await;
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
async fn late_words_go_to_the_cell_that_wrote_them() {
    let mut stage = Stage::new().await;
    let (before, request) = stage.run_first_cell().await;
    stage.print(&request, "stderr", "between\n");
    let shown = stage.next(&before, Port::IoPub, "stream").await;
    assert_eq!(shown.content()["text"], "between\n");
    let id = stage.execute("cell");
    let request = stage.taken().await;
    stage.print(&request, "stdout", "from a thread\n");
    let begin = stage.compile("");
    stage.print(&request, "stdout", &format!("half{begin}own\n"));
    stage.end(&request, "ok");
    let mut late = String::new();
    while late != "from a thread\nhalf" {
        let shown = stage.next(&before, Port::IoPub, "stream").await;
        late += shown.content()["text"].as_str().unwrap();
        assert!("from a thread\nhalf".starts_with(&late), "{late}");
    }
    stage.reply(&request, "ok");
    assert_eq!(stage.outcome(&id).await.reply["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_becomes_a_handful_of_messages() {
    let mut stage = Stage::new().await;
    let id = stage.execute("cell");
    let request = stage.taken().await;
    let begin = stage.compile("");
    stage.print(&request, "stdout", &begin);
    stage.print(&request, "stdout", &"0.1234 0.1234\n".repeat(11_700));
    stage.end(&request, "ok");
    stage.reply(&request, "ok");
    let cell = stage.outcome(&id).await;
    assert_eq!(cell.texts("stdout").lines().count(), 1_000);
    assert!(cell.texts("stderr").contains("10,700 more lines (0.1 MB)"));
    assert!(cell.shown.len() < 100, "{}", cell.shown.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cell_prints_steadily_is_shown_while_it_runs() {
    let mut stage = Stage::new().await;
    let id = stage.execute("cell");
    let request = stage.taken().await;
    // More often than text is shown.
    let kernel = stage.kernel.clone();
    let printed = request.clone();
    let prints = task::spawn(async move {
        loop {
            let content = json!({ "name": "stdout", "text": "line\n" });
            kernel.send(
                Port::IoPub,
                Message::new("stream", &printed.header, &content),
            );
            time::sleep(Duration::from_millis(5)).await;
        }
    });
    stage.next(&id, Port::IoPub, "stream").await;
    prints.abort();
    stage.reply(&request, "ok");
    assert_eq!(stage.outcome(&id).await.reply["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_interrupt_asks_and_the_second_kills() {
    let mut stage = Stage::new().await;
    let asked = stage.ask(Port::Control, "interrupt_request", &json!({}));
    stage.next(&asked, Port::Control, "interrupt_reply").await;
    assert!(!stage.interrupt_file().exists(), "no cell runs");

    let id = stage.execute("loop {}");
    let waiting = stage.execute("waits");
    let request = stage.taken().await;
    let asked = stage.ask(Port::Control, "interrupt_request", &json!({}));
    assert_eq!(stage.outcome(&waiting).await.reply["status"], "aborted");
    drop(asked);
    assert!(stage.interrupt_file().exists());
    let advice = stage.next(&id, Port::IoPub, "stream").await.content();
    assert!(advice["text"].as_str().unwrap().contains('■'), "{advice}");

    stage.ask(Port::Control, "interrupt_request", &json!({}));
    let (port, message) = within(stage.to_kernel.recv()).await.unwrap();
    assert_eq!((port, message.kind()), (Port::Control, "interrupt_request"));
    stage.reply(&request, "ok");
    assert_eq!(stage.outcome(&id).await.reply["status"], "ok");
    assert!(!stage.interrupt_file().exists(), "the cell is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_asks_for_input() {
    let mut stage = Stage::new().await;
    let id = stage.execute("input");
    let request = stage.taken().await;
    // Nobody has asked this one, before or after.
    let (sender, _events) = unbounded_channel();
    let other = ports::connect(&stage.connection, "other", &sender)
        .await
        .unwrap();
    let mut stray = Message::new("input_reply", &json!({}), &json!({ "value": "stray" }));
    stray.header = header("input_reply", "other");
    other.send(Port::Stdin, stray.clone());
    let mut question = Message::reply(&request, &json!({ "prompt": "name? ", "password": false }));
    question.header = header("input_request", "kernel");
    stage.kernel.send(Port::Stdin, question.clone());
    let asked = stage.next(&id, Port::Stdin, "input_request").await;
    assert_eq!(asked.content()["prompt"], "name? ");
    other.send(Port::Stdin, stray);
    stage.ask(Port::Stdin, "input_reply", &json!({ "value": "Ada" }));
    let (port, answer) = within(stage.to_kernel.recv()).await.unwrap();
    assert_eq!(
        (port, &answer.content()["value"]),
        (Port::Stdin, &json!("Ada"))
    );

    // Asked again, and interrupted: evcxr must not wait for ever.
    stage.kernel.send(Port::Stdin, question);
    stage.next(&id, Port::Stdin, "input_request").await;
    stage.ask(Port::Control, "interrupt_request", &json!({}));
    let (port, answer) = within(stage.to_kernel.recv()).await.unwrap();
    assert_eq!(
        (port, &answer.content()["value"]),
        (Port::Stdin, &json!(""))
    );
    stage.reply(&request, "ok");
    assert_eq!(stage.outcome(&id).await.reply["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_big_result_and_buffers_pass_whole() {
    let mut stage = Stage::new().await;
    let id = stage.execute("picture");
    let request = stage.taken().await;
    let picture = "A".repeat(50_000_000);
    stage.show_result(&request, &picture);
    let mut other = Message::new("comm_msg", &request.header, &json!({ "unknown": "1" }));
    other.buffers = vec![vec![0, 255, 7].into(), vec![].into()];
    stage.kernel.send(Port::IoPub, other);
    stage.reply(&request, "ok");
    let shown = stage.next(&id, Port::IoPub, "comm_msg").await;
    assert_eq!(shown.buffers, [vec![0_u8, 255, 7], vec![]]);
    assert_eq!(shown.content()["unknown"], "1");
    let cell = stage.outcome(&id).await;
    let result = &cell.first("execute_result")["data"]["text/plain"];
    assert!(result == picture.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_would_end_evcxr_reaches_it() {
    let mut stage = Stage::new().await;
    let mut forged = stage.connection.clone();
    forged.key = "another".to_owned();
    let (sender, _events) = unbounded_channel();
    let forger = ports::connect(&forged, "forger", &sender).await.unwrap();
    let mut message = Message::new("execute_request", &json!({}), &json!({ "code": "forged" }));
    message.header = header("execute_request", "forger");
    forger.send(Port::Shell, message.clone());
    for kind in ["execute_request", "unheard_of"] {
        message.header = header(kind, "frontend");
        message.content = bytes::Bytes::from_static(b"{\"code\":");
        stage.frontend.send(Port::Shell, message.clone());
    }
    message.content = bytes::Bytes::from_static(b"{}");
    message.buffers = vec![vec![1].into()];
    stage.frontend.send(Port::Shell, message);
    let (_, passed) = within(stage.to_kernel.recv()).await.unwrap();
    assert_eq!(passed.kind(), "unheard_of");
    assert!(passed.buffers.is_empty());
    stage.run_first_cell().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_frontend_gets_its_own_answers() {
    let mut stage = Stage::new().await;
    let (sender, mut events) = unbounded_channel();
    let other = ports::connect(&stage.connection, "other", &sender)
        .await
        .unwrap();
    let mut message = Message::new("execute_request", &json!({}), &json!({ "code": "theirs" }));
    message.header = header("execute_request", "other");
    let theirs = message.id().to_owned();
    other.send(Port::Shell, message);
    let request = stage.taken().await;
    let ours = stage.execute("ours");
    stage.reply(&request, "ok");
    let request = stage.taken().await;
    stage.reply(&request, "ok");
    let mut replies = HashMap::new();
    stage.next(&ours, Port::Shell, "execute_reply").await;
    while replies.is_empty() {
        if let Event::FromKernel(Port::Shell, message) = within(events.recv()).await.unwrap() {
            replies.insert(message.parent_id().to_owned(), message);
        }
    }
    assert!(replies.contains_key(&theirs));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_is_answered_and_handed_on() {
    let mut stage = Stage::new().await;
    stage.run_first_cell().await;
    assert!(stage.channel.path().join(LISTENING).exists());
    assert_eq!(stage.translated("nonsense"), "");
    let id = stage.ask(
        Port::Control,
        "shutdown_request",
        &json!({ "restart": true }),
    );
    let reply = stage.next(&id, Port::Control, "shutdown_reply").await;
    assert_eq!(reply.content(), json!({ "status": "ok", "restart": true }));
    let (port, message) = within(stage.to_kernel.recv()).await.unwrap();
    assert_eq!((port, message.kind()), (Port::Control, "shutdown_request"));
    within(&mut stage.served).await.unwrap().unwrap();
}

fn request(kind: &str, content: &Value) -> Message {
    let mut message = Message::new(kind, &json!({}), content);
    message.header = header(kind, "frontend");
    message
}

/// The next reply of that kind.
async fn replied(to_frontend: &mut UnboundedReceiver<Event>, kind: &str) -> Value {
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

async fn shut_down(frontend: &Outlets, served: JoinHandle<Result<Option<Ended>>>) {
    let end = request("shutdown_request", &json!({ "restart": false }));
    frontend.send(Port::Control, end);
    assert_eq!(within(served).await.unwrap().unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kernel_that_does_not_start_is_told_in_all_cells() {
    let (fails, failing) = oneshot::channel::<()>();
    let back = async {
        let _ = failing.await;
        Err(anyhow!("there is no Rust"))
    };
    let (_ends, ended) = oneshot::channel();
    let (_, frontend, mut to_frontend, served) = front(back, ended).await;
    frontend.send(Port::Shell, cell());
    // Answered in order: when this one is answered, the other one is held.
    frontend.send(Port::Shell, request("kernel_info_request", &json!({})));
    replied(&mut to_frontend, "kernel_info_reply").await;
    drop(fails);
    for _ in 0..3 {
        let reply = replied(&mut to_frontend, "execute_reply").await;
        assert_eq!(reply["status"], "error");
        assert_eq!(reply["evalue"], "there is no Rust");
        frontend.send(Port::Shell, cell());
    }
    assert!(!served.is_finished(), "Jupyter would start it again");
    shut_down(&frontend, served).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kernel_that_ends_before_it_answers_is_told_in_the_cells() {
    let (ends, ended) = oneshot::channel();
    let (_, frontend, mut to_frontend, served) = front(future::pending(), ended).await;
    frontend.send(Port::Shell, cell());
    ends.send(Ended { code: 99 }).unwrap();
    for _ in 0..2 {
        let reply = replied(&mut to_frontend, "execute_reply").await;
        let value = reply["evalue"].as_str().unwrap();
        assert!(value.contains("exit status 99"), "{value}");
        assert!(value.contains("Run set-up"), "{value}");
        frontend.send(Port::Shell, cell());
    }
    shut_down(&frontend, served).await;
}

/// Jupyter starts a kernel anew whose process has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_kernel_that_has_answered_is_the_fronts() {
    let mut stage = Stage::new().await;
    stage.run_first_cell().await;
    stage
        .ends
        .take()
        .unwrap()
        .send(Ended { code: 139 })
        .unwrap();
    let ended = within(&mut stage.served).await.unwrap().unwrap();
    assert_eq!(ended, Some(Ended { code: 139 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_cell_says_why_it_takes_long_and_no_other() {
    let mut stage = Stage::with_notice(Some("This cell compiles the crate.\n")).await;
    for words in ["This cell compiles the crate.\n", ""] {
        let id = stage.execute("let a = 1;");
        let request = stage.taken().await;
        stage.reply(&request, "ok");
        let cell = stage.outcome(&id).await;
        assert_eq!(cell.texts("stderr"), words);
    }
}
