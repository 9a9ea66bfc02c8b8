//! The messages of a subscription.

use super::Object;
use crate::{
    data::{CborError, cbor},
    frame::{self, Frame, FrameError},
};

/// One message of an event stream: the `t` of a frame's header says which, the body is an
/// object without `$type`. [`messages!`](crate::messages!) implements it.
pub trait Message: Sized + Send + 'static {
    /// Reads the body of a message of that kind. Kinds that the lexicon does not know are
    /// kept as they are.
    fn decode(kind: &str, body: &[u8]) -> Result<Self, CborError>;
    /// What the header says, for example `#commit`.
    fn kind(&self) -> &str;
    /// Writes the body.
    fn encode_body(&self) -> Result<Vec<u8>, CborError>;

    /// Reads a frame. There is nothing in it if its header has an `op` that the protocol does
    /// not know yet; such frames are to be ignored.
    fn from_frame(bytes: &[u8]) -> Result<Option<Self>, MessageError> {
        match frame::decode(bytes)? {
            Frame::Message { kind, body } => Ok(Some(Self::decode(kind, body)?)),
            Frame::Error { name, message } => Err(MessageError::Ended {
                name: name.to_owned(),
                message: message.map(str::to_owned),
            }),
            Frame::Unknown => Ok(None),
        }
    }

    /// Writes a frame.
    fn to_frame(&self) -> Result<Vec<u8>, CborError> {
        Ok(frame::encode_message(self.kind(), &self.encode_body()?))
    }
}

/// Why a frame holds no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The body is not what the lexicon says.
    #[error("the body of a message: {0}")]
    Body(#[from] CborError),
    /// It is the stream's last word.
    #[error("the stream ended: {name}{}", message.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
    Ended {
        /// The name of the error, which the lexicon may declare.
        name: String,
        /// An explanation for people.
        message: Option<String>,
    },
}

/// Reads the body of a message whose type is known.
pub fn decode_body<T: Object>(body: &[u8]) -> Result<Box<T>, CborError> {
    cbor::from_slice(body).map(Box::new)
}
