//! The binary form of the data model: canonical DAG-CBOR ([DRISL](https://dasl.ing/drisl.html)).
//!
//! One value has one encoding: shortest heads, definite lengths, keys sorted and unique,
//! tag 42 alone and only around a CID of this protocol, no floats. [`check`] decides all
//! of it in one pass without allocating, and [`decode`] is the same pass with values made
//! on the way. [`from_slice`] is strict in the same way, also on the fields that its type
//! leaves out.
//!
//! # Memory
//!
//! What a length in the input claims reserves at most
//! [`RESERVED_PER_BYTE`](super::limits::RESERVED_PER_BYTE) bytes for each byte of the
//! input, however many lengths there are; the rest is allocated as items arrive. A record
//! takes about three times its encoding, and the densest value, a list of nulls, up to
//! eighty times, half as much again while it grows. Nothing of the input is retained.
//!
//! [`Reader`] and [`Writer`] serve formats that are decoded by hand: tree nodes, commits,
//! frames.

mod build;
mod check;
mod checked;
mod de;
mod error;
mod head;
mod key;
mod reader;
mod walk;
mod writer;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::checked::Checked;
pub use self::error::{CborError, CborFault};
use self::head::Head;
pub use self::head::Kind;
pub use self::reader::{MapReader, Reader};
pub use self::writer::Writer;
use super::{DataError, Map, Value, limits};

/// Decides whether the bytes are one value of the data model in its one canonical form.
///
/// A single pass without allocation: no length in the input makes it reserve anything,
/// and nesting beyond [`MAX_DEPTH`](limits::MAX_DEPTH) is refused before it is entered.
pub fn check(bytes: &[u8]) -> Result<(), CborError> {
    let mut reader = Reader::new(bytes);
    reader.skip()?;
    reader.finish()
}

/// Reads one value, which must be all there is and canonical. The caller limits the
/// length; see [`MAX_RECORD_CBOR`](super::limits::MAX_RECORD_CBOR).
pub fn decode(bytes: &[u8]) -> Result<Value, CborError> {
    let mut reader = Reader::new(bytes);
    let mut budget = bytes.len().saturating_mul(limits::RESERVED_PER_BYTE);
    let mut value = Value::Null;
    walk::item(&mut reader, &mut budget, 0, &mut value)?;
    reader.finish()?;
    Ok(value)
}

/// Reads one map, which is what every record is.
pub fn decode_map(bytes: &[u8]) -> Result<Map, CborError> {
    match decode(bytes)? {
        Value::Map(map) => Ok(map),
        _ => Err(CborError::new(0, DataError::NotMap)),
    }
}

/// Writes a value.
///
/// A value that was decoded gives the bytes it was decoded from. One made by hand may
/// break rules that the types do not express, such as the shape of blobs; [`check`] tells.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.value(value);
    writer.into_bytes()
}

/// Reads a typed value. All bytes are checked, those of fields unknown to the type included,
/// as by [`check`].
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CborError> {
    de::typed(bytes)
}

/// Writes a typed value. What comes out is checked like anything that arrives, so that a
/// type with a float or with a key given twice cannot make bytes that others refuse.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CborError> {
    let bytes = serde_ipld_dagcbor::to_vec(value)
        .map_err(|error| CborError::new(0, CborFault::Type(error.to_string())))?;
    check(&bytes)?;
    Ok(bytes)
}
