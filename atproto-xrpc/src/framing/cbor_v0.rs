use atproto_core::syntax::Nsid;
use bytes::Bytes;

use super::{Framing, FramingError, Payload};

/// `xrpc.v0.cbor`: a header and a body in DAG-CBOR, one behind the other, in a binary message.
///
/// Nothing is copied and nothing looked at: whoever reads the frame checks it.
#[derive(Debug, Clone, Copy, Default)]
pub struct CborV0;

impl Framing for CborV0 {
    fn protocol(&self) -> &'static str {
        "xrpc.v0.cbor"
    }

    fn encode(&self, _nsid: &Nsid, frame: &Bytes) -> Result<Payload, FramingError> {
        Ok(Payload::binary(frame.clone()))
    }

    fn decode(&self, payload: Payload) -> Result<Option<Bytes>, FramingError> {
        payload.into_binary().map(Some)
    }
}
