//! The sockets: those that Jupyter's frontends connect to, and those towards evcxr_jupyter.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use jupyter_zmq_client::{
    ConnectionInfo, create_client_control_connection, create_client_iopub_connection,
    create_client_shell_connection_with_identity, create_client_stdin_connection_with_identity,
    create_kernel_control_connection, create_kernel_iopub_connection,
    create_kernel_shell_connection, create_kernel_stdin_connection, peer_identity_for_session,
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::{task, time};
use zeromq::{RouterSocket, Socket, SocketRecv, SocketSend};

use super::session::Event;
use super::wire::{Key, Message};

/// evcxr_jupyter may just be starting.
const CONNECT_FOR: Duration = Duration::from_secs(60);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// One of Jupyter's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Requests.
    Shell,
    /// Requests that do not wait.
    Control,
    /// What a cell asks the user.
    Stdin,
    /// What all frontends see.
    IoPub,
}

/// Where messages to one side are left.
#[derive(Clone)]
pub struct Outlets {
    shell: mpsc::UnboundedSender<Message>,
    control: mpsc::UnboundedSender<Message>,
    stdin: mpsc::UnboundedSender<Message>,
    iopub: Option<mpsc::UnboundedSender<Message>>,
}

impl Outlets {
    /// Sends a message; one that nobody can get any more is dropped.
    pub fn send(&self, port: Port, message: Message) {
        let outlet = match port {
            Port::Shell => Some(&self.shell),
            Port::Control => Some(&self.control),
            Port::Stdin => Some(&self.stdin),
            Port::IoPub => self.iopub.as_ref(),
        };
        if let Some(outlet) = outlet {
            let _ = outlet.send(message);
        }
    }
}

fn write_to(
    mut socket: impl SocketSend + Send + 'static,
    key: &Key,
) -> mpsc::UnboundedSender<Message> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Message>();
    let key = key.clone();
    task::spawn(async move {
        while let Some(message) = receiver.recv().await {
            // A client that has gone is no reason to stop.
            let _ = socket.send(message.to_multipart(&key)).await;
        }
    });
    sender
}

fn read_from(
    mut socket: impl SocketRecv + Send + 'static,
    key: &Key,
    events: &mpsc::UnboundedSender<Event>,
    event: impl Fn(Message) -> Event + Send + 'static,
) {
    let (key, events) = (key.clone(), events.clone());
    task::spawn(async move {
        while !events.is_closed() {
            match socket.recv().await {
                // A message whose signature is wrong, or which is malformed, is nobody's.
                Ok(multipart) => {
                    if let Ok(message) = Message::read(multipart, &key) {
                        let _ = events.send(event(message));
                    }
                }
                // A client has gone in the middle of a message.
                Err(_) => time::sleep(TRY_AGAIN_AFTER).await,
            }
        }
    });
}

/// Binds the ports of Jupyter's connection file.
///
/// # Errors
///
/// A port is taken.
pub async fn bind(
    connection: &ConnectionInfo,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Outlets> {
    let key = Key::new(&connection.key);
    let taken = || "cannot bind the ports of the connection file".to_owned();
    let shell = create_kernel_shell_connection(connection, "")
        .await
        .with_context(taken)?;
    let control = create_kernel_control_connection(connection, "")
        .await
        .with_context(taken)?;
    let stdin = create_kernel_stdin_connection(connection, "")
        .await
        .with_context(taken)?;
    let iopub = create_kernel_iopub_connection(connection, "")
        .await
        .with_context(taken)?;
    // A socket of its own kind for replies loses a request now and then when another client goes; this
    // one sends back what it gets, to whom it is from.
    let mut heartbeat = RouterSocket::new();
    heartbeat
        .bind(&connection.hb_url())
        .await
        .with_context(taken)?;
    task::spawn(beat(heartbeat));
    let from = |port| move |message| Event::FromFrontend(port, message);
    let (shell_sender, shell) = shell.socket.split();
    let (control_sender, control) = control.socket.split();
    let (stdin_sender, stdin) = stdin.socket.split();
    read_from(shell, &key, events, from(Port::Shell));
    read_from(control, &key, events, from(Port::Control));
    read_from(stdin, &key, events, from(Port::Stdin));
    Ok(Outlets {
        shell: write_to(shell_sender, &key),
        control: write_to(control_sender, &key),
        stdin: write_to(stdin_sender, &key),
        iopub: Some(write_to(iopub.socket, &key)),
    })
}

/// Answers heartbeats. A client that connects again must not end it: evcxr's own ends then.
async fn beat(mut heartbeat: RouterSocket) {
    loop {
        match heartbeat.recv().await {
            Ok(message) => drop(heartbeat.send(message).await),
            Err(_) => time::sleep(TRY_AGAIN_AFTER).await,
        }
    }
}

/// Connects to evcxr_jupyter, as soon as it listens.
///
/// # Errors
///
/// It does not for a minute.
pub async fn connect(
    connection: &ConnectionInfo,
    session: &str,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Outlets> {
    let ports = async {
        // Its last port is bound last.
        while tokio::net::TcpStream::connect((connection.ip.as_str(), connection.iopub_port))
            .await
            .is_err()
        {
            time::sleep(TRY_AGAIN_AFTER).await;
        }
        let identity = peer_identity_for_session(session)?;
        let iopub = create_client_iopub_connection(connection, "", session).await?;
        let stdin =
            create_client_stdin_connection_with_identity(connection, session, identity.clone())
                .await?;
        let control = create_client_control_connection(connection, session).await?;
        let shell =
            create_client_shell_connection_with_identity(connection, session, identity).await?;
        Ok::<_, anyhow::Error>((iopub, stdin, control, shell))
    };
    let (iopub, stdin, control, shell) = time::timeout(CONNECT_FOR, ports)
        .await
        .context("evcxr_jupyter does not listen")??;
    let key = Key::new(&connection.key);
    let from = |port| move |message| Event::FromKernel(port, message);
    let (shell_sender, shell) = shell.socket.split();
    let (control_sender, control) = control.socket.split();
    let (stdin_sender, stdin) = stdin.socket.split();
    read_from(iopub.socket, &key, events, from(Port::IoPub));
    read_from(shell, &key, events, from(Port::Shell));
    read_from(control, &key, events, from(Port::Control));
    read_from(stdin, &key, events, from(Port::Stdin));
    Ok(Outlets {
        shell: write_to(shell_sender, &key),
        control: write_to(control_sender, &key),
        stdin: write_to(stdin_sender, &key),
        iopub: None,
    })
}

/// An address of this machine for one kernel. Between the choice of a port and evcxr's binding it,
/// others may take it, and among thirty kernels that start at once some do; on Linux all of
/// 127.0.0.0/8 is this machine, so that each kernel has all ports for itself.
fn loopback() -> String {
    let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
    let own = format!("127.{}.{b}.{}", a.max(1), c.clamp(1, 254));
    match TcpListener::bind((own.as_str(), 0)) {
        Ok(_) => own,
        Err(_) => "127.0.0.1".to_owned(),
    }
}

/// Ports and a key for evcxr_jupyter, and the file that tells it.
///
/// # Errors
///
/// There are no free ports, or the folder cannot be written.
pub fn for_kernel(folder: &Path) -> Result<(ConnectionInfo, PathBuf)> {
    let ip = loopback();
    // All are held until all are known, or one would be given twice.
    let listeners = (0..5)
        .map(|_| TcpListener::bind((ip.as_str(), 0)))
        .collect::<std::io::Result<Vec<_>>>()
        .context("there is no free port")?;
    let port = |number: usize| Ok::<_, std::io::Error>(listeners[number].local_addr()?.port());
    let connection: ConnectionInfo = serde_json::from_value(json!({
        "ip": ip,
        "transport": "tcp",
        "key": uuid::Uuid::new_v4().to_string(),
        "signature_scheme": "hmac-sha256",
        "shell_port": port(0)?,
        "iopub_port": port(1)?,
        "stdin_port": port(2)?,
        "control_port": port(3)?,
        "hb_port": port(4)?,
        "kernel_name": "rust",
    }))?;
    let path = folder.join("connection.json");
    let _ = fs::remove_file(&path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(&serde_json::to_vec(&connection)?)?;
    Ok((connection, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_connection_file_is_for_its_owner_and_has_five_ports() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, path) = for_kernel(folder.path()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let ports = HashSet::from([
            connection.shell_port,
            connection.iopub_port,
            connection.stdin_port,
            connection.control_port,
            connection.hb_port,
        ]);
        assert_eq!(ports.len(), 5);
        let read: ConnectionInfo = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(read.key, connection.key);
        let (another, _) = for_kernel(folder.path()).unwrap();
        if cfg!(target_os = "linux") {
            assert!(another.ip.starts_with("127."));
            assert_ne!(
                (&another.ip, another.shell_port),
                (&connection.ip, connection.shell_port)
            );
        }
        assert_ne!(another.key, connection.key);
    }
}
