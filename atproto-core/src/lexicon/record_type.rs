//! Generated record types as data.

use std::{any::Any, fmt};

use crate::{
    data::{
        CborError,
        cbor::{self, Checked},
    },
    endpoint::Record,
};

/// A generated record type, so that a catalog can decode into types it does not know.
#[derive(Clone, Copy)]
pub struct RecordType {
    nsid: &'static str,
    read: fn(Checked<'_>) -> Result<TypedRecord, CborError>,
}

impl RecordType {
    /// The entry of a record type.
    pub const fn of<T: Record>() -> Self {
        Self { nsid: T::NSID, read: |bytes| bytes.read::<T>().map(TypedRecord::new) }
    }

    /// The collection.
    pub const fn nsid(&self) -> &'static str {
        self.nsid
    }

    /// Reads a record of this type.
    pub fn decode(&self, bytes: &[u8]) -> Result<TypedRecord, CborError> {
        self.read(Checked::new(bytes)?)
    }

    /// Reads a record of this type from bytes that are known to be good.
    pub fn read(&self, bytes: Checked<'_>) -> Result<TypedRecord, CborError> {
        (self.read)(bytes)
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecordType").field(&self.nsid).finish()
    }
}

/// A record of some generated type.
pub struct TypedRecord(Box<dyn AnyRecord>);

impl TypedRecord {
    fn new<T: Record>(record: T) -> Self {
        Self(Box::new(record))
    }

    /// The collection.
    pub fn nsid(&self) -> &'static str {
        self.0.nsid()
    }

    /// The record, if it is of that type.
    pub fn downcast_ref<T: Record>(&self) -> Option<&T> {
        self.0.as_any().downcast_ref()
    }

    /// The record's bytes in a repository.
    pub fn to_cbor(&self) -> Result<Vec<u8>, CborError> {
        self.0.to_cbor()
    }
}

impl fmt::Debug for TypedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

trait AnyRecord: Any + fmt::Debug + Send + Sync {
    fn nsid(&self) -> &'static str;
    fn as_any(&self) -> &dyn Any;
    fn to_cbor(&self) -> Result<Vec<u8>, CborError>;
}

impl<T: Record> AnyRecord for T {
    fn nsid(&self) -> &'static str {
        T::NSID
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn to_cbor(&self) -> Result<Vec<u8>, CborError> {
        cbor::to_vec(self)
    }
}
