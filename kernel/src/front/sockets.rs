//! The ZeroMQ sockets: those to which Jupyter's frontends connect, and those that connect to evcxr_jupyter.

use std::time::Duration;

use anyhow::{Context, Result};
use jupyter_zmq_client::{
    ConnectionInfo, create_client_control_connection, create_client_iopub_connection,
    create_client_shell_connection_with_identity, create_client_stdin_connection_with_identity,
    create_kernel_control_connection, create_kernel_iopub_connection,
    create_kernel_shell_connection, create_kernel_stdin_connection, peer_identity_for_session,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::{task, time};
use zeromq::{RouterSocket, Socket, SocketRecv, SocketSend};

use super::channels::{Channel, Senders};
use super::event::Event;
use super::message::{Key, Message};

/// How long it waits for evcxr_jupyter, which may still be starting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
const RETRY_AFTER: Duration = Duration::from_millis(20);

fn write_to(
    mut socket: impl SocketSend + Send + 'static,
    key: &Key,
) -> mpsc::UnboundedSender<Message> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Message>();
    let key = key.clone();
    task::spawn(async move {
        while let Some(message) = receiver.recv().await {
            // If a client is gone, others may still be there.
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
                // A malformed message, or one with a wrong signature, is ignored.
                Ok(multipart) => {
                    if let Ok(message) = Message::read(multipart, &key) {
                        let _ = events.send(event(message));
                    }
                }
                // A client has disconnected in the middle of a message.
                Err(_) => time::sleep(RETRY_AFTER).await,
            }
        }
    });
}

/// Binds the ports of Jupyter's connection file, for the frontends.
///
/// # Errors
///
/// A port is in use.
pub async fn bind(
    connection: &ConnectionInfo,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Senders> {
    let key = Key::new(&connection.key);
    let port_in_use = || "cannot bind the ports of the connection file".to_owned();
    let shell = create_kernel_shell_connection(connection, "")
        .await
        .with_context(port_in_use)?;
    let control = create_kernel_control_connection(connection, "")
        .await
        .with_context(port_in_use)?;
    let stdin = create_kernel_stdin_connection(connection, "")
        .await
        .with_context(port_in_use)?;
    let iopub = create_kernel_iopub_connection(connection, "")
        .await
        .with_context(port_in_use)?;
    // A REP socket of zeromq 0.7 sometimes loses a request when another client disconnects. A ROUTER socket
    // does not.
    let mut heartbeat = RouterSocket::new();
    heartbeat
        .bind(&connection.hb_url())
        .await
        .with_context(port_in_use)?;
    task::spawn(echo(heartbeat));
    let from = |channel| move |message| Event::FromFrontend(channel, message);
    let (shell_sender, shell) = shell.socket.split();
    let (control_sender, control) = control.socket.split();
    let (stdin_sender, stdin) = stdin.socket.split();
    read_from(shell, &key, events, from(Channel::Shell));
    read_from(control, &key, events, from(Channel::Control));
    read_from(stdin, &key, events, from(Channel::Stdin));
    Ok(Senders {
        shell: write_to(shell_sender, &key),
        control: write_to(control_sender, &key),
        stdin: write_to(stdin_sender, &key),
        iopub: Some(write_to(iopub.socket, &key)),
    })
}

/// Answers heartbeats. It goes on when a client connects again; the heartbeat of evcxr 0.22 ends then.
async fn echo(mut heartbeat: RouterSocket) {
    loop {
        match heartbeat.recv().await {
            Ok(message) => drop(heartbeat.send(message).await),
            Err(_) => time::sleep(RETRY_AFTER).await,
        }
    }
}

/// Waits until evcxr_jupyter has bound its iopub port, which it binds last.
async fn wait_until_bound(connection: &ConnectionInfo) {
    let address = (connection.ip.as_str(), connection.iopub_port);
    while TcpStream::connect(address).await.is_err() {
        time::sleep(RETRY_AFTER).await;
    }
}

/// Connects to evcxr_jupyter, as soon as it listens. `session` identifies this client.
///
/// # Errors
///
/// It does not listen within a minute.
pub async fn connect(
    connection: &ConnectionInfo,
    session: &str,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Senders> {
    let sockets = async {
        wait_until_bound(connection).await;
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
    let (iopub, stdin, control, shell) = time::timeout(CONNECT_TIMEOUT, sockets)
        .await
        .context("evcxr_jupyter does not listen")??;
    let key = Key::new(&connection.key);
    let from = |channel| move |message| Event::FromKernel(channel, message);
    let (shell_sender, shell) = shell.socket.split();
    let (control_sender, control) = control.socket.split();
    let (stdin_sender, stdin) = stdin.socket.split();
    read_from(iopub.socket, &key, events, from(Channel::IoPub));
    read_from(shell, &key, events, from(Channel::Shell));
    read_from(control, &key, events, from(Channel::Control));
    read_from(stdin, &key, events, from(Channel::Stdin));
    Ok(Senders {
        shell: write_to(shell_sender, &key),
        control: write_to(control_sender, &key),
        stdin: write_to(stdin_sender, &key),
        iopub: None,
    })
}
