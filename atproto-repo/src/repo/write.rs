use atproto_core::{
    data::cbor::{self, CborError},
    endpoint::{KeyKind, Record},
    syntax::{Nsid, RecordKey, Tid},
};
use bytes::Bytes;

use super::ApplyError;
use crate::RepoPath;

/// One change to one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A record where there is none.
    Create {
        /// The collection.
        collection: Nsid,
        /// The key in the collection.
        rkey: RecordKey,
        /// The record in DAG-CBOR.
        record: Bytes,
    },
    /// Another record in place of one.
    Update {
        /// The collection.
        collection: Nsid,
        /// The key in the collection.
        rkey: RecordKey,
        /// The record in DAG-CBOR.
        record: Bytes,
    },
    /// No record where there is one.
    Delete {
        /// The collection.
        collection: Nsid,
        /// The key in the collection.
        rkey: RecordKey,
    },
}

impl Write {
    /// Creates a typed record under a key of the kind that its lexicon asks for: a new
    /// TID, or the one key that is allowed. Where the lexicon leaves the key to the
    /// author it is a TID as well.
    pub fn create<R: Record>(record: &R) -> Result<Self, ApplyError> {
        let rkey = match R::KEY {
            KeyKind::Literal(key) => RecordKey::new(key).map_err(ApplyError::RecordKey)?,
            KeyKind::Nsid => return Err(ApplyError::KeyNeeded { collection: R::NSID }),
            _ => RecordKey::from(Tid::now()),
        };
        Self::create_at(rkey, record)
    }

    /// Creates a typed record under a key.
    pub fn create_at<R: Record>(rkey: RecordKey, record: &R) -> Result<Self, ApplyError> {
        let (collection, record) = encode(record)?;
        Ok(Self::Create { collection, rkey, record })
    }

    /// Replaces a record by a typed one.
    pub fn update_at<R: Record>(rkey: RecordKey, record: &R) -> Result<Self, ApplyError> {
        let (collection, record) = encode(record)?;
        Ok(Self::Update { collection, rkey, record })
    }

    /// Deletes a record.
    pub fn delete(path: RepoPath) -> Self {
        Self::Delete { collection: path.collection, rkey: path.rkey }
    }

    /// Where the record is.
    pub fn path(&self) -> RepoPath {
        match self {
            Self::Create { collection, rkey, .. }
            | Self::Update { collection, rkey, .. }
            | Self::Delete { collection, rkey } => RepoPath::new(collection.clone(), rkey.clone()),
        }
    }
}

fn encode<R: Record>(record: &R) -> Result<(Nsid, Bytes), ApplyError> {
    let collection = Nsid::new(R::NSID).map_err(ApplyError::Collection)?;
    let invalid = |fault: CborError| ApplyError::Record { fault };
    Ok((collection, cbor::to_vec(record).map_err(invalid)?.into()))
}
