use std::fmt;

use super::Kind;
use crate::data::DataError;

/// Bytes that are not canonical DAG-CBOR of the data model, or not of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CborError {
    at: usize,
    fault: CborFault,
}

impl CborError {
    pub(crate) fn new(at: usize, fault: impl Into<CborFault>) -> Self {
        Self { at, fault: fault.into() }
    }

    /// The offset of the item at fault; 0 where it is not known.
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is wrong.
    pub fn fault(&self) -> &CborFault {
        &self.fault
    }
}

impl fmt::Display for CborError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            // Found by serde, which keeps no position.
            fault @ CborFault::Type(_) => fault.fmt(f),
            fault => write!(f, "{fault} at byte {}", self.at),
        }
    }
}

// The fault is part of the message already, hence no `source`.
impl std::error::Error for CborError {}

/// The ways in which DAG-CBOR can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CborFault {
    /// The encoding is canonical, but the value is outside the data model.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An item of indefinite length, or the code that ends one.
    #[error("indefinite length")]
    Indefinite,
    /// A map key that is not a text string.
    #[error("map key is not text")]
    KeyKind,
    /// Tag 42 around anything but a byte string of zero and a CIDv1 with SHA-256 and the
    /// codec DAG-CBOR or raw.
    #[error("link is not a CID of this protocol")]
    Link,
    /// A head that could be shorter.
    #[error("head is not in its shortest form")]
    NonMinimal,
    /// A head whose additional information, 28 to 30, is reserved.
    #[error("reserved head")]
    Reserved,
    /// A simple value other than false, true and null.
    #[error("simple value other than false, true, null")]
    Simple,
    /// A tag other than 42.
    #[error("tag {0}")]
    Tag(u64),
    /// Bytes after the one item.
    #[error("trailing bytes")]
    Trailing,
    /// The input ends inside an item, or a length says more than is left.
    #[error("truncated")]
    Truncated,
    /// Sound data that does not fit the Rust type, or the reverse.
    #[error("does not fit the type: {0}")]
    Type(String),
    /// An item of another kind than the format has here.
    #[error("{found} where {expected} is due")]
    Unexpected {
        /// The kind that was asked for.
        expected: Kind,
        /// The kind that is there.
        found: Kind,
    },
    /// Keys that are not in canonical order.
    #[error("map keys out of order")]
    Unsorted,
    /// A text string that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
}
