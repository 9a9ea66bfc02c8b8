//! Two tiers of decoding with one result.

use bytes::Bytes;

use super::{
    catalog::Catalog,
    cursor::{Cursor, Item, Open},
    record_type::TypedRecord,
    rule::ValidationError,
    stats::DecodeStats,
};
use crate::{
    data::{
        CborError, Value,
        cbor::{self, Checked},
    },
    syntax::Nsid,
};

/// What a record turned out to be. Nothing is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decoded {
    /// A generated type.
    Typed(TypedRecord),
    /// Valid by a schema that the catalog has, without a generated type that takes it.
    Dynamic(Value),
    /// There is no schema; still a correct value.
    Unknown(Value),
    /// Not a record of its collection: the bytes as they came, and why.
    Invalid(Bytes, InvalidRecord),
}

impl Decoded {
    /// The outcome as a metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Typed(_) => "typed",
            Self::Dynamic(_) => "dynamic",
            Self::Unknown(_) => "unknown",
            Self::Invalid(..) => "invalid",
        }
    }
}

/// Why bytes are no record of their collection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRecord {
    /// They are not a value of the data model, or not of the generated type.
    #[error("{0}")]
    Data(CborError),
    /// They are a value, but not a map.
    #[error("a record is an object, not {0}")]
    NotMap(&'static str),
    /// They break the schema.
    #[error("{0}")]
    Schema(ValidationError),
    /// Their `$type` is not the collection.
    #[error("`$type` has to be `{expected}`, {}", .found.as_ref().map_or("but is not there".to_owned(), |found| format!("not `{found}`")))]
    Type {
        /// The collection.
        expected: Nsid,
        /// What the record says that it is, if it says so.
        found: Option<String>,
    },
}

impl InvalidRecord {
    /// The reason as a metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Data(_) => "data",
            Self::NotMap(_) => "not_map",
            Self::Schema(_) => "schema",
            Self::Type { .. } => "type",
        }
    }
}

impl Catalog {
    /// Reads a record of a collection: checks the bytes, then the schema, and gives the
    /// generated type if there is one. Each is one pass over the bytes; a [`Value`] is made
    /// only of a record that has no type.
    pub fn decode(&self, collection: &Nsid, bytes: &[u8]) -> Decoded {
        let decoded = match self.read(collection, bytes) {
            Ok(decoded) => decoded,
            Err(reason) => Decoded::Invalid(Bytes::copy_from_slice(bytes), reason),
        };
        self.counts().note(&decoded);
        decoded
    }

    /// What [`decode`](Self::decode) has made of records so far. Clones of a catalog count
    /// together.
    pub fn stats(&self) -> DecodeStats {
        self.counts().read()
    }

    fn read(&self, collection: &Nsid, bytes: &[u8]) -> Result<Decoded, InvalidRecord> {
        let checked = Checked::new(bytes).map_err(InvalidRecord::Data)?;
        check_type(collection, checked)?;
        let has_schema = self.get(collection).is_some();
        if has_schema {
            self.validate_record(collection, checked).map_err(InvalidRecord::Schema)?;
        }
        let typed = self.record_type(collection).map(|record| record.read(checked));
        let value = || cbor::decode(bytes).map_err(InvalidRecord::Data);
        match typed {
            Some(Ok(record)) => Ok(Decoded::Typed(record)),
            // The schema may be newer than the generated type, or held to leniently.
            Some(Err(_)) | None if has_schema => Ok(Decoded::Dynamic(value()?)),
            Some(Err(error)) => Err(InvalidRecord::Data(error)),
            None => Ok(Decoded::Unknown(value()?)),
        }
    }
}

/// Every record says which collection it is of, whether there is a schema for it or not.
fn check_type(collection: &Nsid, record: Checked<'_>) -> Result<(), InvalidRecord> {
    let mut cursor = record.open();
    let map = match cursor.read() {
        Item::Map(map) => map,
        other => return Err(InvalidRecord::NotMap(other.kind())),
    };
    match cursor.type_name(&map) {
        Some(name) if name == collection.as_str().as_bytes() => Ok(()),
        name => Err(InvalidRecord::Type {
            expected: collection.clone(),
            found: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        }),
    }
}
