//! A client for a kernel that nobody sees yet.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use jupyter_zmq_client::ConnectionInfo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time;

use super::ports::{self, Outlets, Port};
use super::session::Event;
use super::wire::{Message, header};

/// The first cell of a set-up compiles everything.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// A kernel that does not answer may have published its answer before we listened.
const GREET_EVERY: Duration = Duration::from_millis(200);
/// A kernel's result may come after its reply, but not after it says that it is idle.
const IDLE: Duration = Duration::from_secs(5);
/// What a kernel has printed is on its way when it is idle.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What has become of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it was compiled, and the process has not died.
    pub ok: bool,
    /// What it has printed, and its value as text.
    pub text: String,
    /// The first error.
    pub error: Option<String>,
}

/// The only client of a kernel.
pub struct Client {
    kernel: Outlets,
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
        let kernel = ports::connect(connection, &session, &sender).await?;
        let mut client = Self {
            kernel,
            events,
            session,
        };
        client.greet().await?;
        Ok(client)
    }

    fn send(&self, port: Port, kind: &str, content: &Value) -> String {
        let mut message = Message::new(kind, &json!({}), content);
        message.header = header(kind, &self.session);
        let id = message.id().to_owned();
        self.kernel.send(port, message);
        id
    }

    async fn greet(&mut self) -> Result<()> {
        let mut replied = false;
        self.send(Port::Shell, "kernel_info_request", &json!({}));
        loop {
            match time::timeout(GREET_EVERY, self.events.recv()).await {
                Ok(Some(Event::FromKernel(Port::IoPub, _))) if replied => return Ok(()),
                Ok(Some(Event::FromKernel(Port::Shell, _))) => {
                    replied = true;
                    self.send(Port::Shell, "kernel_info_request", &json!({}));
                }
                Ok(Some(_)) => {}
                Ok(None) => bail!("the kernel's sockets have closed"),
                Err(_) if replied => {
                    self.send(Port::Shell, "kernel_info_request", &json!({}));
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
        let id = self.send(Port::Shell, "execute_request", &content);
        let mut outcome = Outcome::default();
        let (mut reply, mut is_idle) = (None, false);
        loop {
            let patience = match (&reply, is_idle) {
                (Some(_), true) => LAST_WORDS,
                (Some(_), false) => IDLE,
                (None, _) => PATIENCE,
            };
            match time::timeout(patience, self.events.recv()).await {
                Ok(Some(Event::FromKernel(port, message))) if message.parent_id() == id => {
                    match port {
                        Port::Shell => reply = Some(message.content()),
                        Port::IoPub => {
                            is_idle |= message.content()["execution_state"] == "idle";
                            outcome.hear(&message);
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

    /// Asks the kernel to end.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn shutdown(&mut self) -> Result<()> {
        self.send(
            Port::Control,
            "shutdown_request",
            &json!({ "restart": false }),
        );
        time::sleep(LAST_WORDS).await;
        Ok(())
    }
}

impl Outcome {
    fn hear(&mut self, message: &Message) {
        let content = message.content();
        let words = match message.kind() {
            "stream" => &content["text"],
            "execute_result" => &content["data"]["text/plain"],
            "error" => {
                let value = content["evalue"].as_str().unwrap_or_default();
                self.error.get_or_insert_with(|| value.to_owned());
                return;
            }
            _ => return,
        };
        self.text += words.as_str().unwrap_or_default();
        if message.kind() == "execute_result" {
            self.text.push('\n');
        }
    }
}
