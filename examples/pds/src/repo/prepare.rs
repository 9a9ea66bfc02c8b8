//! A client's JSON becomes a record that may enter a repository.

use atproto_core::{
    data::{BlobRef, Map, Value, cbor, limits::MAX_RECORD_DEPTH},
    lexicon::{Catalog, Definition, RecordKeyRule},
    syntax::{Cid, Nsid, RecordKey, Tid},
};
use atproto_repo::repo::MAX_RECORD;
use atproto_xrpc::XrpcError;

use crate::store::commit::NewRecord;

/// A record that passed its checks.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) record: NewRecord,
    /// `valid` or `unknown`; `None` when the client asked for no validation.
    pub(super) status: Option<&'static str>,
}

/// Checks a record against the data model, its size, and as far as the client asks its
/// lexicon: `validate` absent means "if it is known here".
pub(super) fn record(
    catalog: &Catalog,
    collection: &Nsid,
    rkey: &RecordKey,
    value: Value,
    validate: Option<bool>,
) -> Result<Prepared, XrpcError> {
    let value = Value::Map(typed(collection, value)?);
    if value.depth() > MAX_RECORD_DEPTH {
        let message = format!("Record is nested deeper than {MAX_RECORD_DEPTH} levels");
        return Err(XrpcError::invalid_request(message));
    }
    let status = match validate {
        Some(false) => None,
        _ => Some(validated(catalog, collection, rkey, &value, validate == Some(true))?),
    };
    let bytes = cbor::encode(&value);
    if bytes.len() > MAX_RECORD {
        let message = format!("Record is too large: {} bytes, {MAX_RECORD} at most", bytes.len());
        return Err(XrpcError::invalid_request(message));
    }
    let blobs = value.blobs();
    // Blobs of the old form may be read and imported; new records must not have any.
    if blobs.iter().any(BlobRef::is_legacy) {
        return Err(XrpcError::invalid_request("Record refers to a blob in the legacy form"));
    }
    let cid = Cid::dag_cbor(&bytes);
    Ok(Prepared { record: NewRecord { cid, bytes: bytes.into(), blobs }, status })
}

/// The key of a record that the client named none for: what the collection prescribes, or
/// the time.
pub(super) fn new_key(catalog: &Catalog, collection: &Nsid) -> RecordKey {
    let literal = match key_rule(catalog, collection) {
        Some(RecordKeyRule::Literal(literal)) => RecordKey::new(literal).ok(),
        _ => None,
    };
    literal.unwrap_or_else(|| RecordKey::from(Tid::now()))
}

/// The record with its `$type`, which is the collection.
fn typed(collection: &Nsid, value: Value) -> Result<Map, XrpcError> {
    let Value::Map(mut map) = value else {
        return Err(XrpcError::invalid_request("Record must be an object"));
    };
    match map.get("$type") {
        None => {
            map.insert("$type", collection.as_str());
        }
        Some(Value::String(name)) if name.as_str() == collection.as_str() => {}
        Some(other) => {
            let got = other.as_str().unwrap_or("something else");
            let message = format!("Invalid $type: expected {collection}, got {got}");
            return Err(XrpcError::invalid_request(message));
        }
    }
    Ok(map)
}

fn validated(
    catalog: &Catalog,
    collection: &Nsid,
    rkey: &RecordKey,
    value: &Value,
    required: bool,
) -> Result<&'static str, XrpcError> {
    let Some(rule) = key_rule(catalog, collection) else {
        if required {
            let message = format!("Unknown lexicon type: {collection}");
            return Err(XrpcError::invalid_request(message));
        }
        return Ok("unknown");
    };
    catalog.validate_record(collection, value).map_err(|error| {
        XrpcError::invalid_request(format!("Invalid {collection} record: {error}"))
    })?;
    check_key(rule, rkey)?;
    Ok("valid")
}

/// The rule for the keys of a collection, if its lexicon is known here.
fn key_rule<'c>(catalog: &'c Catalog, collection: &Nsid) -> Option<&'c RecordKeyRule> {
    match catalog.get(collection)?.definition("main")? {
        Definition::Record(record) => Some(&record.key),
        _ => None,
    }
}

fn check_key(rule: &RecordKeyRule, rkey: &RecordKey) -> Result<(), XrpcError> {
    if rule.admits(rkey) {
        return Ok(());
    }
    Err(XrpcError::invalid_request(format!("Invalid record key: expected {rule}, got {rkey}")))
}
