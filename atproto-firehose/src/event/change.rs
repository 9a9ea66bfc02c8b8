use atproto_core::syntax::Cid;
use atproto_repo::RepoPath;
use atproto_repo::event::Action;
use bytes::Bytes;

use super::{Decoded, RecordSet};

/// One record that was created, updated or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What was done.
    pub action: Action,
    /// Where the record is.
    pub path: RepoPath,
    /// The record now; `None` if it was deleted.
    pub cid: Option<Cid>,
    /// Its bytes; `None` if it was deleted, or if verification is off and the
    /// commit came without it.
    pub record: Option<Bytes>,
}

impl Change {
    /// A record that is new.
    pub fn create(path: RepoPath, cid: Cid, record: impl Into<Bytes>) -> Self {
        Self { action: Action::Create, path, cid: Some(cid), record: Some(record.into()) }
    }

    /// A record that took the place of another.
    pub fn update(path: RepoPath, cid: Cid, record: impl Into<Bytes>) -> Self {
        Self { action: Action::Update, path, cid: Some(cid), record: Some(record.into()) }
    }

    /// A record that is gone.
    pub fn delete(path: RepoPath) -> Self {
        Self { action: Action::Delete, path, cid: None, record: None }
    }

    /// The record by its type: one generated type, or several in an enum made by
    /// [`records!`](crate::records!).
    pub fn decode<S: RecordSet>(&self) -> Decoded<S> {
        if !S::COLLECTIONS.contains(&self.path.collection.as_str()) {
            return Decoded::Other(self.record.clone());
        }
        match (self.cid, &self.record) {
            (None, _) => Decoded::Deleted,
            (Some(cid), None) => Decoded::Missing(cid),
            (Some(_), Some(record)) => match S::read(self.path.collection.as_str(), record) {
                Some(Ok(known)) => Decoded::Known(known),
                Some(Err(error)) => Decoded::Invalid(record.clone(), error),
                None => Decoded::Other(Some(record.clone())),
            },
        }
    }
}
