//! A client of kernels, for set-up, spare kernels and tests.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use jupyter_zmq_client::ConnectionInfo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time;

use super::channels::{Channel, Senders};
use super::event::Event;
use super::message::{Message, header};
use super::sockets;

/// How long a cell may run. The first cell in set-up compiles everything.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3_600);
/// How long to wait before asking again: what a kernel has published before the client subscribed is lost.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How long to wait for the status `idle` after the reply. Results arrive before it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for output after the status `idle`.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(100);

/// The outcome of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the status of the reply was "ok".
    pub ok: bool,
    /// What it has printed, and its value as plain text.
    pub text: String,
    /// The message of the first error.
    pub error: Option<String>,
}

/// A client of a kernel.
pub struct Client {
    kernel: Senders,
    events: mpsc::UnboundedReceiver<Event>,
    session: String,
}

impl Client {
    /// Connects, and waits until the kernel answers.
    ///
    /// # Errors
    ///
    /// The kernel does not listen.
    pub async fn connect(connection: &ConnectionInfo) -> Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        let session = uuid::Uuid::new_v4().to_string();
        let kernel = sockets::connect(connection, &session, &sender).await?;
        let mut client = Self {
            kernel,
            events,
            session,
        };
        client.wait_until_ready().await?;
        Ok(client)
    }

    fn send(&self, channel: Channel, kind: &str, content: &Value) -> String {
        let mut message = Message::new(kind, &json!({}), content);
        message.header = header(kind, &self.session);
        let id = message.id().to_owned();
        self.kernel.send(channel, message);
        id
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let mut replied = false;
        self.send(Channel::Shell, "kernel_info_request", &json!({}));
        loop {
            match time::timeout(ASK_AGAIN_AFTER, self.events.recv()).await {
                Ok(Some(Event::FromKernel(Channel::IoPub, _))) if replied => return Ok(()),
                Ok(Some(Event::FromKernel(Channel::Shell, _))) => {
                    replied = true;
                    self.send(Channel::Shell, "kernel_info_request", &json!({}));
                }
                Ok(Some(_)) => {}
                Ok(None) => bail!("the kernel's sockets have closed"),
                Err(_) if replied => {
                    self.send(Channel::Shell, "kernel_info_request", &json!({}));
                }
                Err(_) => {}
            }
        }
    }

    /// Runs a cell to its end.
    ///
    /// # Errors
    ///
    /// The kernel does not answer.
    pub async fn execute(&mut self, code: &str) -> Result<Outcome> {
        let content = json!({
            "code": code, "silent": false, "store_history": false, "user_expressions": {},
            "allow_stdin": false, "stop_on_error": true,
        });
        let id = self.send(Channel::Shell, "execute_request", &content);
        let mut outcome = Outcome::default();
        let (mut reply, mut is_idle) = (None, false);
        loop {
            let timeout = match (&reply, is_idle) {
                (Some(_), true) => OUTPUT_TIMEOUT,
                (Some(_), false) => IDLE_TIMEOUT,
                (None, _) => REPLY_TIMEOUT,
            };
            match time::timeout(timeout, self.events.recv()).await {
                Ok(Some(Event::FromKernel(channel, message))) if message.parent_id() == id => {
                    match channel {
                        Channel::Shell => reply = Some(message.content()),
                        Channel::IoPub => {
                            is_idle |= message.content()["execution_state"] == "idle";
                            outcome.add(&message);
                        }
                        _ => {}
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => bail!("the kernel's sockets have closed"),
                Err(_) => break,
            }
        }
        let reply = reply.context("the kernel does not answer")?;
        outcome.ok = reply["status"] == "ok";
        Ok(outcome)
    }

    /// Requests the kernel's end.
    pub async fn shutdown(&mut self) {
        self.send(
            Channel::Control,
            "shutdown_request",
            &json!({ "restart": false }),
        );
        time::sleep(OUTPUT_TIMEOUT).await;
    }
}

/// Runs an asynchronous task to its end.
///
/// # Errors
///
/// The task fails, or no threads can be started.
pub fn block_on<T>(task: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let result = runtime.block_on(task);
    runtime.shutdown_background();
    result
}

impl Outcome {
    fn add(&mut self, message: &Message) {
        let content = message.content();
        let text = match message.kind() {
            "stream" => &content["text"],
            "execute_result" => &content["data"]["text/plain"],
            "error" => {
                let value = content["evalue"].as_str().unwrap_or_default();
                self.error.get_or_insert_with(|| value.to_owned());
                return;
            }
            _ => return,
        };
        self.text += text.as_str().unwrap_or_default();
        if message.kind() == "execute_result" {
            self.text.push('\n');
        }
    }
}
