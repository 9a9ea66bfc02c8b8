//! The forms in which event streams go over a WebSocket.
//!
//! Inside a program a frame is always the bytes of its binary form, which
//! [`atproto_core::frame`] reads and writes: producers store it, consumers verify it. A
//! [`Framing`] turns it into what is sent, and back. Client and server take the same ones:
//!
//! - [`CborV0`], the binary form of today's network, sends those very bytes;
//! - [`JsonV1`] sends one JSON object as text. It is a draft and spoken only where asked for;
//! - [`Plain`] is for streams of other kinds, whose messages are left as they are.
//!
//! Both sides agree on a form by the WebSocket subprotocol; who names none gets the server's
//! first one. A server's frame is turned into another form once, however many readers it has:
//! see [`EncodeOnce`].
//!
//! See the [event stream specification](https://atproto.com/specs/event-stream) and
//! [proposal 0015](https://github.com/bluesky-social/proposals/tree/main/0015-json-subscriptions).

use std::fmt;

use atproto_core::{
    data::{CborError, JsonError},
    frame::FrameError,
    syntax::Nsid,
};
use bytes::Bytes;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

mod cbor_v0;
mod encode_once;
mod json_v1;
mod plain;

pub use cbor_v0::CborV0;
pub use encode_once::{CACHE_BYTES, EncodeOnce};
pub use json_v1::JsonV1;
pub use plain::Plain;

/// A form of event streams.
pub trait Framing: fmt::Debug + Send + Sync + 'static {
    /// The WebSocket subprotocol that stands for it, such as `xrpc.v0.cbor`; empty where none
    /// does.
    fn protocol(&self) -> &'static str;

    /// Turns a frame of this subscription into what is sent.
    fn encode(&self, nsid: &Nsid, frame: &Bytes) -> Result<Payload, FramingError>;

    /// Turns what came into a frame. There is none in a message of a kind that the form does
    /// not know yet; such messages are to be ignored. After an error the connection is of no
    /// use.
    fn decode(&self, payload: Payload) -> Result<Option<Bytes>, FramingError>;
}

/// What one WebSocket message holds. Cloning is cheap and shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Message);

impl Payload {
    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self(Message::Binary(bytes.into()))
    }

    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Message::Text(text.into().into()))
    }

    /// A text message of bytes that are shared.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub fn shared_text(bytes: Bytes) -> Result<Self, FramingError> {
        let text = Utf8Bytes::try_from(bytes).map_err(|_| FramingError::Utf8)?;
        Ok(Self(Message::Text(text)))
    }

    /// The bytes of a binary message.
    pub fn into_binary(self) -> Result<Bytes, FramingError> {
        match self.0 {
            Message::Binary(bytes) => Ok(bytes),
            _ => Err(FramingError::Text),
        }
    }

    /// The text of a text message.
    pub fn as_text(&self) -> Result<&str, FramingError> {
        match &self.0 {
            Message::Text(text) => Ok(text.as_str()),
            _ => Err(FramingError::Binary),
        }
    }

    /// Its length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "no form has empty messages")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A message that is neither binary nor text is none of ours.
    pub(crate) fn of(message: Message) -> Result<Self, Message> {
        match message {
            Message::Binary(_) | Message::Text(_) => Ok(Self(message)),
            other => Err(other),
        }
    }

    #[cfg(feature = "client")]
    pub(crate) fn into_message(self) -> Message {
        self.0
    }

    /// Its bytes, and whether they are text.
    pub(crate) fn into_bytes(self) -> (Bytes, bool) {
        let is_text = self.0.is_text();
        (self.0.into_data(), is_text)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.is_text() { "text" } else { "binary" };
        write!(f, "{kind} message of {} bytes", self.len())
    }
}

/// Why something is no frame of a form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// A binary message came where the form has text.
    #[error("a binary message on a text stream")]
    Binary,
    /// The body of a message is not canonical.
    #[error("message body: {0}")]
    Body(#[from] CborError),
    /// A member of the frame is missing, or of another type.
    #[error("a frame without a proper `{0}`")]
    Field(&'static str),
    /// The binary form is malformed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The text is not JSON of the data model.
    #[error("frame: {0}")]
    Json(#[from] JsonError),
    /// A text message came where the form is binary.
    #[error("a text message on a binary stream")]
    Text,
    /// The bytes of a text message are not UTF-8.
    #[error("a text message that is not UTF-8")]
    Utf8,
}
