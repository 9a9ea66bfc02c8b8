//! Two tiers of decoding with one result.

use bytes::Bytes;

use super::{catalog::Catalog, record_type::TypedRecord, rule::ValidationError};
use crate::{
    data::{CborError, Value, cbor},
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
}

impl InvalidRecord {
    /// The reason as a metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Data(_) => "data",
            Self::NotMap(_) => "not_map",
            Self::Schema(_) => "schema",
        }
    }
}

impl Catalog {
    /// Reads a record of a collection: checks the bytes, then the schema, and gives the
    /// generated type if there is one.
    pub fn decode(&self, collection: &Nsid, bytes: &[u8]) -> Decoded {
        match self.read(collection, bytes) {
            Ok(decoded) => decoded,
            Err(reason) => Decoded::Invalid(Bytes::copy_from_slice(bytes), reason),
        }
    }

    fn read(&self, collection: &Nsid, bytes: &[u8]) -> Result<Decoded, InvalidRecord> {
        let value = cbor::decode(bytes).map_err(InvalidRecord::Data)?;
        if value.as_map().is_none() {
            return Err(InvalidRecord::NotMap(value.kind()));
        }
        let has_schema = self.get(collection).is_some();
        if has_schema {
            self.validate_record(collection, &value).map_err(InvalidRecord::Schema)?;
        }
        let typed = self.record_type(collection).map(|record| record.decode(bytes));
        match typed {
            Some(Ok(record)) => Ok(Decoded::Typed(record)),
            // The schema may be newer than the generated type.
            Some(Err(_)) | None if has_schema => Ok(Decoded::Dynamic(value)),
            Some(Err(error)) => Err(InvalidRecord::Data(error)),
            None => Ok(Decoded::Unknown(value)),
        }
    }
}
