//! Event-stream frames: what is decoded can be written and read again.

use atproto_core::frame::{self, Frame};

pub(crate) fn check(data: &[u8]) {
    let Ok(decoded) = frame::decode(data) else { return };
    let encoded = match decoded {
        Frame::Message { kind, body } => frame::encode_message(kind, body),
        Frame::Error { name, message } => frame::encode_error(name, message),
        _ => return,
    };
    assert_eq!(frame::decode(&encoded).expect("what was written can be read"), decoded);
}
