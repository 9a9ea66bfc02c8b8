//! Event-stream frames: the binary WebSocket messages of subscriptions.
//!
//! A frame is two DAG-CBOR objects one after the other. The header says whether it is a
//! message (`op` 1, with its kind in `t`) or the stream's last word (`op` −1); the body
//! belongs to the lexicon of the subscription.
//!
//! ```
//! use atproto_core::data::cbor::Writer;
//! use atproto_core::frame::{self, Frame};
//!
//! let mut body = Writer::new();
//! body.map(1).text("seq").int(7);
//! let frame = frame::encode_message("#example", &body.into_bytes());
//! assert!(matches!(frame::decode(&frame), Ok(Frame::Message { kind: "#example", .. })));
//! ```
//!
//! See the [event stream specification](https://atproto.com/specs/event-stream).

use crate::data::cbor::{self, CborError, Kind, Reader, Writer};
use crate::data::limits;

/// The header's `op` of a message.
const OP_MESSAGE: i64 = 1;
/// The header's `op` of an error.
const OP_ERROR: i64 = -1;

/// One frame, borrowed from the bytes that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// A message. Whether its kind is known is for the subscription to say; unknown kinds
    /// are passed over.
    Message {
        /// The header's `t`, such as `#commit`.
        kind: &'a str,
        /// The body: one checked map in canonical DAG-CBOR.
        body: &'a [u8],
    },
    /// The stream ends with this error.
    Error {
        /// The error's name, such as `ConsumerTooSlow`.
        name: &'a str,
        /// An explanation for people.
        message: Option<&'a str>,
    },
    /// An `op` of the future, to be ignored. Its body has not been looked at.
    Unknown,
}

/// A frame that breaks the rules of framing. The connection is to be dropped: where one
/// frame is malformed there is no telling what the next ones mean.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The body is not one canonical map with nothing after it, or an error's body does not
    /// have the form `{error, message?}`.
    #[error("frame body: {0}")]
    Body(CborError),
    /// The body of an error frame does not name the error.
    #[error("error frame without a name")]
    ErrorWithoutName,
    /// The header is not a canonical map with an integer `op` and a text `t`.
    #[error("frame header: {0}")]
    Header(CborError),
    /// The header of a message has no `t`.
    #[error("message frame without a kind")]
    MessageWithoutKind,
    /// The header has no `op`.
    #[error("frame header without `op`")]
    MissingOp,
    /// The frame is larger than [`MAX_FRAME`](limits::MAX_FRAME).
    #[error("frame of {len} bytes, the limit is {}", limits::MAX_FRAME)]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
}

/// Reads a frame. Fields of the header that are not known are ignored.
pub fn decode(frame: &[u8]) -> Result<Frame<'_>, FrameError> {
    if frame.len() > limits::MAX_FRAME {
        return Err(FrameError::TooLarge { len: frame.len() });
    }
    let mut reader = Reader::new(frame);
    let header = Header::read(&mut reader).map_err(FrameError::Header)?;
    let body = reader.rest();
    match header.op.ok_or(FrameError::MissingOp)? {
        OP_MESSAGE => {
            let kind = header.kind.ok_or(FrameError::MessageWithoutKind)?;
            check_map(body).map_err(FrameError::Body)?;
            Ok(Frame::Message { kind, body })
        }
        OP_ERROR => {
            let (name, message) = read_error(body).map_err(FrameError::Body)?;
            Ok(Frame::Error { name: name.ok_or(FrameError::ErrorWithoutName)?, message })
        }
        _ => Ok(Frame::Unknown),
    }
}

/// Writes a message: its kind, such as `#commit`, and its body, one encoded map.
pub fn encode_message(kind: &str, body: &[u8]) -> Vec<u8> {
    // Ten bytes cover both heads, both keys and `op`, for any kind shorter than 256 bytes.
    let mut frame = Writer::with_capacity(10 + kind.len() + body.len());
    frame.map(2).text("t").text(kind).text("op").int(OP_MESSAGE).raw(body);
    frame.into_bytes()
}

/// Writes an error, after which the stream is to be closed.
pub fn encode_error(name: &str, message: Option<&str>) -> Vec<u8> {
    let mut frame = Writer::new();
    frame.map(1).text("op").int(OP_ERROR);
    frame.map(1 + usize::from(message.is_some())).text("error").text(name);
    if let Some(message) = message {
        frame.text("message").text(message);
    }
    frame.into_bytes()
}

struct Header<'a> {
    op: Option<i64>,
    kind: Option<&'a str>,
}

impl<'a> Header<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, CborError> {
        let mut header = Self { op: None, kind: None };
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(reader)? {
            match key {
                "op" => header.op = Some(reader.int()?),
                "t" => header.kind = Some(reader.text()?),
                _ => reader.skip()?,
            }
        }
        Ok(header)
    }
}

fn check_map(body: &[u8]) -> Result<(), CborError> {
    // The head first: it names the expected kind, where the checker takes any value.
    Reader::new(body).map_len()?;
    cbor::check(body)
}

fn read_error(body: &[u8]) -> Result<(Option<&str>, Option<&str>), CborError> {
    let mut reader = Reader::new(body);
    let (mut name, mut message) = (None, None);
    let mut map = reader.map()?;
    while let Some(key) = map.next_key(&mut reader)? {
        match key {
            "error" => name = Some(reader.text()?),
            "message" if reader.peek()? == Kind::Text => message = Some(reader.text()?),
            _ => reader.skip()?,
        }
    }
    reader.finish()?;
    Ok((name, message))
}
