//! The messages of a subscription.

use super::Object;
use crate::data::{CborError, cbor};

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
}

/// Reads the body of a message whose type is known.
pub fn decode_body<T: Object>(body: &[u8]) -> Result<Box<T>, CborError> {
    cbor::from_slice(body).map(Box::new)
}
