//! Sends messages to the frontends.

use bytes::Bytes;
use serde_json::{Value, json};

use super::cell_message::Display;
use super::channels::{Channel, Senders};
use super::message::Message;
use super::streams::Stream;

/// All frontends of a session.
pub(super) struct Frontend {
    senders: Senders,
}

/// `parent` is always the header of the request to which a message belongs.
impl Frontend {
    pub(super) fn new(senders: Senders) -> Self {
        Self { senders }
    }

    pub(super) fn send(&self, channel: Channel, message: Message) {
        self.senders.send(channel, message);
    }

    /// Sends a message to all frontends.
    pub(super) fn publish(&self, kind: &str, parent: &Value, content: &Value) {
        let mut message = Message::new(kind, parent, content);
        // The topic, as ipykernel sets it.
        message.identities = vec![Bytes::from(kind.to_owned())];
        self.send(Channel::IoPub, message);
    }

    /// Publishes the state `busy` or `idle`.
    pub(super) fn publish_status(&self, state: &str, parent: &Value) {
        self.publish("status", parent, &json!({ "execution_state": state }));
    }

    pub(super) fn publish_text(&self, stream: Stream, text: &str, parent: &Value) {
        let content = json!({ "name": stream.name(), "text": text });
        self.publish("stream", parent, &content);
    }

    pub(super) fn publish_display(&self, display: &Display, parent: &Value) {
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

    /// Replies to a request that takes no time.
    pub(super) fn reply(&self, channel: Channel, request: &Message, content: &Value) {
        self.publish_status("busy", &request.header);
        self.send(channel, Message::reply(request, content));
        self.publish_status("idle", &request.header);
    }
}
