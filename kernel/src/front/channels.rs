//! The channels of Jupyter's protocol. Each is a ZeroMQ socket. The heartbeat is not one of them here: it
//! carries no messages.

use tokio::sync::mpsc::UnboundedSender;

use super::message::Message;

/// A channel of Jupyter's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Requests, answered one after the other.
    Shell,
    /// Requests that are answered at once.
    Control,
    /// Questions of a cell to the user.
    Stdin,
    /// What all frontends show.
    IoPub,
}

/// Sends messages to one side: to the frontends or to evcxr.
#[derive(Clone)]
pub struct Senders {
    pub(super) shell: UnboundedSender<Message>,
    pub(super) control: UnboundedSender<Message>,
    pub(super) stdin: UnboundedSender<Message>,
    /// Only kernels publish.
    pub(super) iopub: Option<UnboundedSender<Message>>,
}

impl Senders {
    /// Sends a message. It is dropped if the other side is gone.
    pub fn send(&self, channel: Channel, message: Message) {
        let sender = match channel {
            Channel::Shell => Some(&self.shell),
            Channel::Control => Some(&self.control),
            Channel::Stdin => Some(&self.stdin),
            Channel::IoPub => self.iopub.as_ref(),
        };
        if let Some(sender) = sender {
            let _ = sender.send(message);
        }
    }
}
