//! Lexicons as records of `com.atproto.lexicon.schema`.

use atproto_core::{
    data::{Value, cbor, json},
    lexicon::{Document, SchemaError},
    syntax::{Cid, Nsid},
};

/// The collection, and the `$type` of the records in it.
pub const COLLECTION: &str = "com.atproto.lexicon.schema";

/// Why a record is not the lexicon that it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The `id` is not the record's key.
    #[error("the id is {found:?}, the record key {expected}")]
    Id {
        /// The record key, or the name that was asked for.
        expected: Nsid,
        /// The `id`, if it is a string.
        found: Option<String>,
    },
    /// The text is no value of the data model.
    #[error(transparent)]
    Json(#[from] json::JsonError),
    /// The document is not a lexicon.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The record has another `$type`, or none.
    #[error("the $type is {found:?} instead of {COLLECTION}")]
    Type {
        /// The `$type`, if there is one.
        found: Option<String>,
    },
}

/// The record that a lexicon's file stands for. Files need not have a `$type`, records must.
pub(crate) fn of_file(text: &[u8]) -> Result<Value, RecordError> {
    let mut map = json::decode_map(text)?;
    if map.get("$type").is_none() {
        map.insert("$type", COLLECTION);
    }
    let record = Value::Map(map);
    check_type(&record)?;
    Ok(record)
}

/// The file that stands for a record: indented, its keys in the order of DAG-CBOR.
#[cfg(feature = "resolve")]
pub(crate) fn to_file(record: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(record).expect("values can be written as JSON");
    text.push(b'\n');
    text
}

/// The hash of a record.
pub(crate) fn cid(record: &Value) -> Cid {
    Cid::dag_cbor(&cbor::encode(record))
}

/// Reads the record of that name as a lexicon.
pub(crate) fn document(record: &Value, nsid: &Nsid) -> Result<Document, RecordError> {
    check_type(record)?;
    let id = record.get("id").and_then(Value::as_str);
    if id != Some(nsid.as_str()) {
        return Err(RecordError::Id { expected: nsid.clone(), found: id.map(str::to_owned) });
    }
    Ok(Document::from_json(json::encode(record).as_bytes())?)
}

fn check_type(record: &Value) -> Result<(), RecordError> {
    match record.type_name() {
        Some(COLLECTION) => Ok(()),
        other => Err(RecordError::Type { found: other.map(str::to_owned) }),
    }
}
