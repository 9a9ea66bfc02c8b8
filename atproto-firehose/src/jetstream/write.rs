use atproto_core::data::{Map, Value};
use atproto_repo::event::{AccountEvent, IdentityEvent};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{JetstreamCommit, JetstreamContent, JetstreamEvent};

impl JetstreamEvent {
    /// The JSON of the event, in the order of fields that the public servers have: their own
    /// as they are declared, those of records by name.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("keys are texts and numbers integers")
    }
}

impl Serialize for JetstreamEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("did", &self.did)?;
        map.serialize_entry("time_us", &self.time_us)?;
        match &self.content {
            JetstreamContent::Commit(commit) => {
                map.serialize_entry("kind", "commit")?;
                map.serialize_entry("commit", &Commit(commit))?;
            }
            JetstreamContent::Identity(identity) => {
                map.serialize_entry("kind", "identity")?;
                map.serialize_entry("identity", &Identity(identity))?;
            }
            JetstreamContent::Account(account) => {
                map.serialize_entry("kind", "account")?;
                map.serialize_entry("account", &Account(account))?;
            }
        }
        map.end()
    }
}

struct Commit<'e>(&'e JetstreamCommit);

impl Serialize for Commit<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let JetstreamCommit { rev, path, operation } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rev", rev)?;
        map.serialize_entry("operation", operation.action().as_str())?;
        map.serialize_entry("collection", &path.collection)?;
        map.serialize_entry("rkey", &path.rkey)?;
        if let Some(record) = operation.record() {
            map.serialize_entry("record", &ByName(&record.value))?;
            map.serialize_entry("cid", &record.cid)?;
        }
        map.end()
    }
}

struct Identity<'e>(&'e IdentityEvent);

impl Serialize for Identity<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let IdentityEvent { seq, did, time, handle } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("did", did)?;
        if let Some(handle) = handle {
            map.serialize_entry("handle", handle)?;
        }
        map.serialize_entry("seq", seq)?;
        map.serialize_entry("time", time)?;
        map.end()
    }
}

struct Account<'e>(&'e AccountEvent);

impl Serialize for Account<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AccountEvent { seq, did, time, active, status } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("active", active)?;
        map.serialize_entry("did", did)?;
        map.serialize_entry("seq", seq)?;
        if let Some(status) = status {
            map.serialize_entry("status", status)?;
        }
        map.serialize_entry("time", time)?;
        map.end()
    }
}

/// A value whose maps have their keys in the order of their bytes, which is not the canonical
/// one: that has shorter keys first. Blobs have the order of their declaration.
struct ByName<'v>(&'v Value);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Map(map) => serializer.collect_map(by_name(map)),
            Value::List(items) => serializer.collect_seq(items.iter().map(ByName)),
            scalar => scalar.serialize(serializer),
        }
    }
}

fn by_name(map: &Map) -> impl Iterator<Item = (&str, ByName<'_>)> {
    let is_blob = map.type_name() == Some("blob");
    let declared = |key: &str| BLOB.iter().position(|name| *name == key).filter(|_| is_blob);
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| (declared(key).unwrap_or(BLOB.len()), *key));
    entries.into_iter().map(|(key, value)| (key, ByName(value)))
}

/// The keys of a blob as they are declared.
const BLOB: [&str; 4] = ["$type", "ref", "mimeType", "size"];
