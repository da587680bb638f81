//! What a session reacts to.

use std::path::PathBuf;

use jupyter_zmq_client::ConnectionInfo;
use tokio::sync::oneshot;

use super::cell_message::CellMessage;
use super::channels::{Channel, Senders};
use super::message::Message;

/// A running evcxr_jupyter, and how to reach it.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its ports and key.
    pub connection: ConnectionInfo,
    /// The kernel's directory.
    pub directory: PathBuf,
    /// The folder of the side channel.
    pub side_channel: PathBuf,
    /// The id of its process.
    pub process: Option<u32>,
    /// A text to show before the output of the first cell.
    pub notice: Option<String>,
}

/// How evcxr_jupyter has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code that a shell would report: 128 plus the signal's number if a signal ended it.
    pub code: u8,
}

/// What a session reacts to.
pub enum Event {
    /// A frontend has sent a message.
    FromFrontend(Channel, Message),
    /// evcxr has sent a message.
    FromKernel(Channel, Message),
    /// evcxr is connected, or has not started.
    Started(anyhow::Result<(Backend, Senders)>),
    /// evcxr has ended by itself.
    Ended(Ended),
    /// The process that runs the cells has sent a message. It waits until the message is handled.
    FromCell(CellMessage, oneshot::Sender<()>),
}
