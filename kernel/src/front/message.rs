//! Jupyter's messages as they come over ZeroMQ: identities, a delimiter, a signature, four parts in
//! JSON (header, parent header, metadata, content), and buffers.
//!
//! The content stays bytes until it is needed: a picture may have 50 MB, and messages of unknown kinds are
//! forwarded unchanged.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use chrono::Utc;
use jupyter_zmq_client::RawMessage;
use ring::hmac;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use zeromq::ZmqMessage;

const DELIMITER: &[u8] = b"<IDS|MSG>";

/// The key of a connection file; `None` if messages are not signed.
#[derive(Clone)]
pub struct Key(Option<hmac::Key>);

impl Key {
    /// The key in the text form of the connection file. An empty one turns signatures off.
    pub fn new(text: &str) -> Self {
        Self((!text.is_empty()).then(|| hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())))
    }

    /// The signature of the JSON parts, in hexadecimal digits.
    fn sign(&self, parts: &[Bytes]) -> String {
        let Some(key) = &self.0 else {
            return String::new();
        };
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            context.update(part);
        }
        let mut text = String::new();
        for byte in context.sign().as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// A message. If it was received, its signature was valid.
#[derive(Clone, Debug)]
pub struct Message {
    /// The ZeroMQ identities of the client that has sent it or receives it.
    pub identities: Vec<Bytes>,
    /// The header.
    pub header: Value,
    /// The header of the request to which it belongs.
    pub parent: Value,
    /// The metadata, in JSON.
    pub metadata: Bytes,
    /// The content, in JSON.
    pub content: Bytes,
    /// The parts after the JSON.
    pub buffers: Vec<Bytes>,
}

impl Message {
    /// Reads a message and checks its signature.
    ///
    /// # Errors
    ///
    /// It is malformed, or its signature is wrong.
    pub fn read(multipart: ZmqMessage, key: &Key) -> Result<Self> {
        let raw = RawMessage::from_multipart(multipart, &key.0)?;
        let mut parts = raw.jparts.into_iter();
        let mut next = || parts.next().context("a part is missing");
        let (header, parent, metadata, content) = (next()?, next()?, next()?, next()?);
        let header: Value = serde_json::from_slice(&header)?;
        ensure!(header.is_object(), "the header is not an object");
        Ok(Self {
            identities: raw.zmq_identities,
            header,
            parent: serde_json::from_slice(&parent)?,
            metadata,
            content,
            buffers: parts.collect(),
        })
    }

    /// A new message that belongs to a request. `parent` is the header of that request.
    pub fn new(kind: &str, parent: &Value, content: &Value) -> Self {
        Self {
            identities: Vec::new(),
            header: header(kind, parent["session"].as_str().unwrap_or_default()),
            parent: parent.clone(),
            metadata: Bytes::from_static(b"{}"),
            content: content.to_string().into(),
            buffers: Vec::new(),
        }
    }

    /// The reply to a request.
    pub fn reply(request: &Self, content: &Value) -> Self {
        let kind = request.kind().replace("_request", "_reply");
        Self {
            identities: request.identities.clone(),
            ..Self::new(&kind, &request.header, content)
        }
    }

    /// Its `msg_type`.
    pub fn kind(&self) -> &str {
        self.header["msg_type"].as_str().unwrap_or_default()
    }

    /// Its `msg_id`.
    pub fn id(&self) -> &str {
        self.header["msg_id"].as_str().unwrap_or_default()
    }

    /// The `msg_id` of the request to which it belongs.
    pub fn parent_id(&self) -> &str {
        self.parent["msg_id"].as_str().unwrap_or_default()
    }

    /// Its content, parsed.
    pub fn content(&self) -> Value {
        serde_json::from_slice(&self.content).unwrap_or_default()
    }

    /// The message in a form that evcxr 0.22 accepts; `None` if there is none. Invalid JSON would end its
    /// loop over requests, and so would buffers, for which it expects signatures.
    pub fn for_evcxr(mut self) -> Option<Self> {
        serde_json::from_slice::<IgnoredAny>(&self.metadata).ok()?;
        serde_json::from_slice::<IgnoredAny>(&self.content).ok()?;
        self.identities.clear();
        self.buffers.clear();
        Some(self)
    }

    /// The message as it is sent, with its signature.
    pub fn to_multipart(&self, key: &Key) -> ZmqMessage {
        let signed = [
            Bytes::from(self.header.to_string()),
            Bytes::from(self.parent.to_string()),
            self.metadata.clone(),
            self.content.clone(),
        ];
        let signature = key.sign(&signed);
        let mut parts = self.identities.clone();
        parts.push(Bytes::from_static(DELIMITER));
        parts.push(signature.into());
        parts.extend(signed);
        parts.extend(self.buffers.iter().cloned());
        let mut parts = parts.into_iter();
        let mut multipart = ZmqMessage::from(parts.next().unwrap_or_default());
        for part in parts {
            multipart.push_back(part);
        }
        multipart
    }
}

/// A new header.
pub fn header(kind: &str, session: &str) -> Value {
    json!({
        "msg_id": uuid::Uuid::new_v4().to_string(),
        "msg_type": kind,
        "username": "kernel",
        "session": session,
        "date": Utc::now().to_rfc3339(),
        "version": "5.3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn multipart(parts: &[&[u8]]) -> ZmqMessage {
        let parts: Vec<Bytes> = parts
            .iter()
            .map(|part| Bytes::copy_from_slice(part))
            .collect();
        ZmqMessage::try_from(parts).unwrap()
    }

    /// `hmac.new(b"secret", b'{"msg_type":"a"}{}{}{"x":1}', "sha256").hexdigest()` in Python.
    const SIGNATURE: &str = "27420d152c6253e6b0e61daab85e29babeed8061708d3a72147b49ace4940424";

    #[test]
    fn signatures_are_those_that_python_computes() {
        let message = multipart(&[
            b"client",
            DELIMITER,
            SIGNATURE.as_bytes(),
            b"{\"msg_type\":\"a\"}",
            b"{}",
            b"{}",
            b"{\"x\":1}",
            b"buffer",
        ]);
        let read = Message::read(message.clone(), &Key::new("secret")).unwrap();
        assert_eq!(read.kind(), "a");
        assert_eq!(read.content()["x"], 1);
        assert_eq!(read.buffers, [Bytes::from_static(b"buffer")]);
        let again = read.to_multipart(&Key::new("secret"));
        assert_eq!(again.into_vec(), message.clone().into_vec());
        assert!(Message::read(message.clone(), &Key::new("another")).is_err());
        assert!(
            Message::read(message, &Key::new("")).is_ok(),
            "no key, no signatures"
        );
    }

    #[test]
    fn evcxr_gets_no_message_that_would_end_it() {
        let mut message = Message::new("comm_msg", &json!({}), &json!({}));
        message.identities = vec![Bytes::from_static(b"client")];
        message.buffers = vec![Bytes::from_static(b"buffer")];
        let forwarded = message.clone().for_evcxr().unwrap();
        assert!(forwarded.identities.is_empty() && forwarded.buffers.is_empty());
        message.content = Bytes::from_static(b"{\"code\":");
        assert!(message.for_evcxr().is_none());
        let key = Key::new("");
        let parts: [&[u8]; 6] = [DELIMITER, b"", b"[]", b"{}", b"{}", b"{}"];
        assert!(Message::read(multipart(&parts), &key).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]

        #[test]
        fn malformed_messages_are_refused(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..9),
            place in 0_usize..9,
        ) {
            let mut parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            if place < parts.len() {
                parts[place] = DELIMITER;
            }
            prop_assert!(Message::read(multipart(&parts), &Key::new("secret")).is_err());
        }

        #[test]
        fn a_message_with_one_wrong_bit_is_refused(part in 3_usize..7, at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let key = Key::new("secret");
            let header = json!({"msg_type": "execute_request", "msg_id": "1"});
            let message = Message::new("execute_request", &header, &json!({"code": "1"}));
            let mut parts: Vec<Vec<u8>> = message
                .to_multipart(&key)
                .into_vec()
                .iter()
                .map(|part| part.to_vec())
                .collect();
            // No identities: the delimiter is the first part, the signature the second.
            let part = &mut parts[part - 1];
            let at = at.index(part.len());
            part[at] ^= 1 << bit;
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            prop_assert!(Message::read(multipart(&parts), &key).is_err());
        }
    }
}
