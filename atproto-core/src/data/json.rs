//! The JSON form of the data model, read strictly.
//!
//! Refused beyond what JSON itself refuses: duplicate keys, any number that is not written
//! as an integer within `i64` (`1.0` and `1e3` too), and wrong shapes of `$link`, `$bytes`,
//! `$type` and blobs. Unknown keys that begin with `$` are kept.

use std::cell::Cell;
use std::sync::LazyLock;

use data_encoding::{BASE64, BASE64_NOPAD, Encoding};
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed};

use super::visitor::ValueSeed;
use super::{DataError, Map, Value};

/// A text that is not JSON, or whose value is outside the data model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// It is JSON, but not a value of the data model. Lines and columns count from 1; they
    /// are 0 where the value did not come from text.
    #[error("{why} (line {line}, column {column})")]
    Data {
        /// Which rule it breaks.
        why: DataError,
        /// The line where reading stopped.
        line: usize,
        /// The column where reading stopped.
        column: usize,
    },
    /// It is not JSON, or nests deeper than the parser goes.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
}

impl JsonError {
    /// The rule that was broken, if it was one of the data model's.
    pub fn data_error(&self) -> Option<DataError> {
        if let Self::Data { why, .. } = self { Some(*why) } else { None }
    }
}

/// Reads one value from UTF-8 text. The caller limits the length of the text; see
/// [`MAX_RECORD_JSON`](super::limits::MAX_RECORD_JSON).
pub fn decode(text: impl AsRef<[u8]>) -> Result<Value, JsonError> {
    let bytes = text.as_ref();
    match str::from_utf8(bytes) {
        Ok(text) => whole(serde_json::Deserializer::from_str(text)),
        // It tells at which string.
        Err(_) => whole(serde_json::Deserializer::from_slice(bytes)),
    }
}

/// Reads a type's own JSON form from UTF-8 text. This is what `serde_json::from_slice` does,
/// except that the encoding is checked once for the whole and not for each string.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    match str::from_utf8(text) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(text),
    }
}

/// Reads one map, which is what every record and nearly every request is.
pub fn decode_map(text: impl AsRef<[u8]>) -> Result<Map, JsonError> {
    match decode(text)? {
        Value::Map(map) => Ok(map),
        _ => Err(JsonError::Data { why: DataError::NotMap, line: 1, column: 1 }),
    }
}

/// Writes a value as compact JSON, keys in canonical order.
pub fn encode(value: &Value) -> String {
    serde_json::to_string(value).expect("keys are strings and numbers integers")
}

/// Converts a parsed JSON value. Duplicate keys are gone by then, the last of them having
/// won; text from strangers is better given to [`decode`].
pub fn from_json(json: serde_json::Value) -> Result<Value, JsonError> {
    read(json)
}

/// Converts to a parsed JSON value.
pub fn to_json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).expect("keys are strings and numbers integers")
}

fn whole<'de, R: serde_json::de::Read<'de>>(
    mut text: serde_json::Deserializer<R>,
) -> Result<Value, JsonError> {
    let value = read(&mut text)?;
    text.end()?;
    Ok(value)
}

fn read<'de, D: Deserializer<'de, Error = serde_json::Error>>(
    deserializer: D,
) -> Result<Value, JsonError> {
    let why = Cell::new(None);
    ValueSeed::reporting_to(&why).deserialize(deserializer).map_err(|error| match why.get() {
        Some(why) => JsonError::Data { why, line: error.line(), column: error.column() },
        None => JsonError::Syntax(error),
    })
}

/// Standard alphabet, padding optional. Bits left over after the last byte are ignored: the
/// interoperability vectors hold such texts to be valid.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    static PADDED: LazyLock<Encoding> = LazyLock::new(|| ignoring_trailing_bits(BASE64));
    static BARE: LazyLock<Encoding> = LazyLock::new(|| ignoring_trailing_bits(BASE64_NOPAD));
    let encoding = if text.ends_with('=') { &PADDED } else { &BARE };
    encoding.decode(text.as_bytes()).ok()
}

fn ignoring_trailing_bits(encoding: Encoding) -> Encoding {
    let mut specification = encoding.specification();
    specification.check_trailing_bits = false;
    // A specification taken from an encoding stays valid when it checks less.
    specification.encoding().unwrap_or(encoding)
}

/// Standard alphabet, no padding, as the reference implementation writes it.
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    BASE64_NOPAD.encode(bytes)
}
