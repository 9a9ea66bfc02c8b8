//! The binary form of the data model: canonical DAG-CBOR ([DRISL](https://dasl.ing/drisl.html)).
//!
//! One value has one encoding: shortest heads, definite lengths, keys sorted and unique,
//! tag 42 alone and only around a CID of this protocol, no floats. [`check`] decides all
//! of it in one pass without allocating. [`decode`] and [`from_slice`] begin with it,
//! because a deserializer never looks closely at the fields that its type leaves out.
//!
//! [`Reader`] and [`Writer`] serve formats that are decoded by hand: tree nodes, commits,
//! frames.

mod check;
mod error;
mod reader;
mod writer;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::check::check;
pub use self::error::{CborError, CborFault};
pub use self::reader::{Kind, MapReader, Reader};
pub use self::writer::Writer;
use super::{Bytes, DataError, Map, Value};

/// Reads one value, which must be all there is and canonical. The caller limits the
/// length; see [`MAX_RECORD_CBOR`](super::limits::MAX_RECORD_CBOR).
pub fn decode(bytes: &[u8]) -> Result<Value, CborError> {
    check(bytes)?;
    read_value(&mut Reader::new(bytes))
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

/// Reads a typed value. The bytes are checked as a whole first, fields unknown to the type
/// included.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CborError> {
    check(bytes)?;
    serde_ipld_dagcbor::from_slice(bytes)
        .map_err(|error| CborError::new(0, CborFault::Type(error.to_string())))
}

/// Writes a typed value. What comes out is checked like anything that arrives, so that a
/// type with a float or with a key given twice cannot make bytes that others refuse.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CborError> {
    let bytes = serde_ipld_dagcbor::to_vec(value)
        .map_err(|error| CborError::new(0, CborFault::Type(error.to_string())))?;
    check(&bytes)?;
    Ok(bytes)
}

/// Builds the next value. The bytes have been checked, so nesting is bounded, and the
/// lengths in them are of elements that are there: they may be reserved for.
fn read_value(reader: &mut Reader<'_>) -> Result<Value, CborError> {
    Ok(match reader.peek()? {
        Kind::Null => {
            reader.null()?;
            Value::Null
        }
        Kind::Bool => Value::Bool(reader.bool()?),
        Kind::Integer => Value::Integer(reader.int()?),
        Kind::Text => Value::String(reader.text()?.to_owned()),
        Kind::Bytes => Value::Bytes(Bytes::copy_from_slice(reader.bytes()?)),
        Kind::Link => Value::Link(reader.link()?),
        Kind::Array => {
            let len = reader.array_len()?;
            let mut list = Vec::with_capacity(len);
            for _ in 0..len {
                list.push(read_value(reader)?);
            }
            Value::List(list)
        }
        Kind::Map => {
            let mut map = reader.map()?;
            let mut entries = Vec::with_capacity(map.remaining());
            while let Some(key) = map.next_key(reader)? {
                entries.push((key.into(), read_value(reader)?));
            }
            Value::Map(Map::from_sorted(entries))
        }
    })
}
