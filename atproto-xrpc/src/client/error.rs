use std::fmt;

use atproto_core::{
    data::json::JsonError,
    endpoint::{BodyError, ErrorSet},
};

use super::{SessionError, transport::SendError};
use crate::XrpcError;

/// Why a call failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The server answered with an error that the endpoint's lexicon declares.
    Declared(E),
    /// The server answered with another error, which is kept with its headers and body.
    Other(XrpcError),
    /// There is no usable answer.
    Transport(TransportError),
    /// The session that the call was to be made in cannot go on.
    Session(SessionError),
}

/// Why a call failed, before its endpoint's errors are known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server answered with an error.
    #[error(transparent)]
    Xrpc(#[from] XrpcError),
    /// There is no usable answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The session that the request was to be made in cannot go on.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The answer's body is not what the endpoint declares.
    #[error("the answer is not what the endpoint declares")]
    Body(#[from] BodyError),
    /// The answer is of another media type than the endpoint declares.
    #[error("the answer is {got:?} instead of {expected}")]
    ContentType {
        /// What the server says it is.
        got: String,
        /// What the lexicon says it is.
        expected: &'static str,
    },
    /// The parameters or the input cannot be written down.
    #[error("the request cannot be encoded")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The network, TLS or the peer's HTTP.
    #[error("the request failed")]
    Send(#[from] SendError),
    /// The answer is JSON, but no value of the data model.
    #[error("the answer is no value of the data model")]
    Value(#[source] JsonError),
    /// A page's cursor is the one that led to it: the pages would never end.
    #[error("the server repeats the cursor {0:?}")]
    RepeatedCursor(String),
    /// The answer is longer than the client reads.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl TransportError {
    /// Whether the request cannot have reached the server.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(self, Self::Send(error) if error.is_unsent())
    }

    /// Whether another attempt may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Send(error) if !error.is_refused())
    }
}

impl<E: ErrorSet> CallError<E> {
    pub(super) fn of(error: RequestError) -> Self {
        match error {
            RequestError::Transport(error) => Self::Transport(error),
            RequestError::Session(error) => Self::Session(error),
            RequestError::Xrpc(error) => match E::from_name(&error.error, error.message.clone()) {
                Some(declared) => Self::Declared(declared),
                None => Self::Other(error),
            },
        }
    }

    /// The error's name, if the server gave one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Declared(error) => Some(error.name()),
            Self::Other(error) => Some(&error.error),
            Self::Transport(_) | Self::Session(_) => None,
        }
    }

    /// The HTTP status, if the server answered with an error that is not declared.
    pub fn status(&self) -> Option<http::StatusCode> {
        match self {
            Self::Other(error) => Some(error.status),
            Self::Declared(_) | Self::Transport(_) | Self::Session(_) => None,
        }
    }

    /// Whether another attempt later may succeed without anything having changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Declared(_) => false,
            Self::Other(error) => matches!(error.status.as_u16(), 429 | 500 | 502..=504),
            Self::Transport(error) => error.is_transient(),
            Self::Session(error) => error.is_transient(),
        }
    }
}

impl<E> From<SessionError> for CallError<E> {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl<E> From<TransportError> for CallError<E> {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl<E: ErrorSet> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared(error) => match error.message() {
                Some(message) => write!(f, "{}: {message}", error.name()),
                None => f.write_str(error.name()),
            },
            Self::Other(error) => error.fmt(f),
            Self::Transport(error) => error.fmt(f),
            Self::Session(error) => error.fmt(f),
        }
    }
}

impl<E: ErrorSet> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Declared(_) => None,
            Self::Other(error) => error.source(),
            Self::Transport(error) => error.source(),
            Self::Session(error) => error.source(),
        }
    }
}
