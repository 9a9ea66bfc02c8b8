//! Counting what records turn out to be.

use std::sync::atomic::{AtomicU64, Ordering};

use super::decode::{Decoded, InvalidRecord};

/// What [`Catalog::decode`](super::Catalog::decode) has made of records so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeStats {
    /// Records of a generated type.
    pub typed: u64,
    /// Records that a schema approves, without a generated type that takes them.
    pub dynamic: u64,
    /// Records of a collection without a schema.
    pub unknown: u64,
    /// Bytes that are no value of the data model, or not one of the generated type.
    pub invalid_data: u64,
    /// Values other than maps.
    pub invalid_not_map: u64,
    /// Records that break their schema.
    pub invalid_schema: u64,
    /// Records whose `$type` is not their collection.
    pub invalid_type: u64,
}

impl DecodeStats {
    /// What is counted, by the name of its field: labels for metrics.
    pub fn counters(&self) -> [(&'static str, u64); 7] {
        [
            ("typed", self.typed),
            ("dynamic", self.dynamic),
            ("unknown", self.unknown),
            ("invalid_data", self.invalid_data),
            ("invalid_not_map", self.invalid_not_map),
            ("invalid_schema", self.invalid_schema),
            ("invalid_type", self.invalid_type),
        ]
    }
}

/// The counters behind [`DecodeStats`].
#[derive(Debug, Default)]
pub(super) struct Counts {
    typed: AtomicU64,
    dynamic: AtomicU64,
    unknown: AtomicU64,
    invalid_data: AtomicU64,
    invalid_not_map: AtomicU64,
    invalid_schema: AtomicU64,
    invalid_type: AtomicU64,
}

impl Counts {
    pub(super) fn note(&self, decoded: &Decoded) {
        let counter = match decoded {
            Decoded::Typed(_) => &self.typed,
            Decoded::Dynamic(_) => &self.dynamic,
            Decoded::Unknown(_) => &self.unknown,
            Decoded::Invalid(_, reason) => match reason {
                InvalidRecord::Data(_) => &self.invalid_data,
                InvalidRecord::NotMap(_) => &self.invalid_not_map,
                InvalidRecord::Schema(_) => &self.invalid_schema,
                InvalidRecord::Type { .. } => &self.invalid_type,
            },
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> DecodeStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DecodeStats {
            typed: read(&self.typed),
            dynamic: read(&self.dynamic),
            unknown: read(&self.unknown),
            invalid_data: read(&self.invalid_data),
            invalid_not_map: read(&self.invalid_not_map),
            invalid_schema: read(&self.invalid_schema),
            invalid_type: read(&self.invalid_type),
        }
    }
}
