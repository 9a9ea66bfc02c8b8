use atproto_core::syntax::Nsid;
use bytes::Bytes;

use super::{Framing, FramingError, Payload};

/// No form at all: messages as they are, for streams that are none of XRPC.
///
/// Text and binary messages are told apart no more. No subprotocol is named.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Framing for Plain {
    fn protocol(&self) -> &'static str {
        ""
    }

    fn encode(&self, _nsid: &Nsid, frame: &Bytes) -> Result<Payload, FramingError> {
        Ok(Payload::binary(frame.clone()))
    }

    fn decode(&self, payload: Payload) -> Result<Option<Bytes>, FramingError> {
        Ok(Some(payload.into_bytes().0))
    }
}
