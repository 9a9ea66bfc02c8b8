use atproto_core::{
    data::cbor::CborError,
    frame::FrameError,
    syntax::{Did, SyntaxError},
};

use crate::PathError;

/// Why a frame is not an event.
///
/// Only [`Frame`](Self::Frame) means that the stream cannot be trusted any further, and
/// only [`Upstream`](Self::Upstream) that it has ended. After the others the next frame
/// is as good as ever.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Not a frame: the connection is to be dropped.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The message does not have the form that its kind asks for.
    #[error("{kind} message: {fault}")]
    Invalid {
        /// The kind, with its `#`.
        kind: &'static str,
        /// The position in the stream, if that much could be read.
        seq: Option<i64>,
        /// The account, if that much could be read.
        did: Option<Did>,
        /// What is wrong.
        #[source]
        fault: FieldFault,
    },
    /// A kind of message or of frame that is not known, to be ignored. The cursor moves on.
    #[error("unknown message {}", kind.as_deref().unwrap_or("of an unknown op"))]
    Unknown {
        /// The kind, if the frame is a message.
        kind: Option<String>,
        /// The position in the stream, if the message has one.
        seq: Option<i64>,
    },
    /// The sender ends the stream with an error.
    #[error("the stream ended with {name}: {}", message.as_deref().unwrap_or("no message"))]
    Upstream {
        /// The name, such as `ConsumerTooSlow` or `FutureCursor`.
        name: String,
        /// An explanation for people.
        message: Option<String>,
    },
}

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldFault {
    /// An operation does something else than create, update or delete.
    #[error("an operation with an unknown action")]
    Action,
    /// A field has another type.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// A field is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// An operation's path is not one.
    #[error("an operation's path: {0}")]
    Path(#[from] PathError),
    /// The position is not positive.
    #[error("seq {0}")]
    Seq(i64),
    /// An identifier is not one.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// More operations than any message may have; the count is not read further.
    #[error("{0} operations")]
    TooManyOps(usize),
}
