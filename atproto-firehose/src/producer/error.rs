use std::sync::Arc;

use atproto_core::frame;
use bytes::Bytes;

use crate::log::LogError;

/// Why entries were not appended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The log refused. Appends that were written together share the error.
    #[error(transparent)]
    Log(#[from] Arc<LogError>),
    /// The producer has been closed.
    #[error("the producer is closed")]
    Closed,
}

/// Why a subscription was refused. The reader is owed [`Self::to_frame`] and
/// then the end of the stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The cursor is above everything that was ever sent.
    #[error("cursor {cursor} is in the future, the newest event is {newest}")]
    FutureCursor {
        /// What was asked for.
        cursor: i64,
        /// The newest sequence number.
        newest: i64,
    },
}

impl SubscribeError {
    /// The name that the event stream specification gives this error.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FutureCursor { .. } => "FutureCursor",
        }
    }

    /// The error as a frame for the reader.
    pub fn to_frame(&self) -> Bytes {
        frame::encode_error(self.name(), Some(&self.to_string())).into()
    }
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamEnd {
    /// The producer was closed. The reader may come back with its cursor.
    #[error("the stream was closed")]
    Closed,
    /// The reader fell too far behind.
    #[error("the reader is {lag_bytes} bytes behind")]
    ConsumerTooSlow {
        /// How far.
        lag_bytes: u64,
    },
    /// The log could not be read.
    #[error("the log cannot be read")]
    Log(#[source] LogError),
}

impl StreamEnd {
    /// The name of the error for the reader; `None` if it is owed none.
    pub fn name(&self) -> Option<&'static str> {
        matches!(self, Self::ConsumerTooSlow { .. }).then_some("ConsumerTooSlow")
    }

    /// The error as a frame for the reader, if it is owed one.
    pub fn to_frame(&self) -> Option<Bytes> {
        let name = self.name()?;
        Some(frame::encode_error(name, Some(&self.to_string())).into())
    }
}
