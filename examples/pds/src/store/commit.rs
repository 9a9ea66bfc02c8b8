//! A batch of record writes becomes a signed commit.

use std::collections::HashSet;

use atproto_core::{
    crypto::Signer,
    data::BlobRef,
    syntax::{Cid, Nsid, RecordKey, Tid, TidClock},
};
use atproto_repo::repo::{self, ApplyError};
use bytes::Bytes;

use super::{Edit, events, view::Announced};
use crate::{accounts::Status, database::DatabaseError};

/// Writes that happen together or not at all.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The writes, each to another path.
    pub writes: Vec<Write>,
    /// The head that the caller has seen; another head refuses the batch.
    pub swap_commit: Option<Cid>,
}

/// One write.
#[derive(Debug, Clone)]
pub struct Write {
    /// The collection.
    pub collection: Nsid,
    /// The key in the collection.
    pub rkey: RecordKey,
    /// What to do there.
    pub action: Action,
    /// What the caller has seen there.
    pub swap: Swap,
}

/// What a write does to its path.
#[derive(Debug, Clone)]
pub enum Action {
    /// Puts a record where there is none.
    Create(NewRecord),
    /// Replaces a record.
    Update(NewRecord),
    /// Puts a record there, whether or not there is one.
    Put(NewRecord),
    /// Removes a record.
    Delete,
    /// Removes a record if there is one.
    DeleteIfThere,
}

/// A record on its way into the repository.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// The hash of the bytes.
    pub cid: Cid,
    /// The record in DAG-CBOR.
    pub bytes: Bytes,
    /// The blobs that it refers to.
    pub blobs: Vec<BlobRef>,
}

/// A compare-and-set condition on the record under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// None: last write wins.
    Any,
    /// There must be no record.
    Absent,
    /// It must be this record.
    Is(Cid),
}

/// A commit that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The commit.
    pub cid: Cid,
    /// Its revision.
    pub rev: Tid,
}

/// Why a batch was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The batch does not fit the repository.
    #[error("{0}")]
    Apply(#[from] ApplyError),
    /// A record refers to a blob as something that it is not.
    #[error("blob {cid} is {found}, the record says {claimed}")]
    BlobMismatch {
        /// The blob.
        cid: Cid,
        /// The type or size that was uploaded.
        found: String,
        /// What the record says.
        claimed: String,
    },
    /// A record refers to a blob that was not uploaded.
    #[error("could not find blob: {cid}")]
    BlobNotFound {
        /// The blob.
        cid: Cid,
    },
    /// The store failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The account became inactive in the meantime.
    #[error("the account is not active")]
    Inactive,
    /// Another commit is the head.
    #[error("commit was at {found}")]
    CommitSwapped {
        /// The head.
        found: Cid,
    },
    /// The account has no repository yet.
    #[error("there is no repository")]
    NoRepo,
    /// There is a record where one was to be created.
    #[error("record already exists: {collection}/{rkey}")]
    RecordExists {
        /// The collection.
        collection: Nsid,
        /// The key.
        rkey: RecordKey,
    },
    /// There is no record where one was to be replaced or removed.
    #[error("record not found: {collection}/{rkey}")]
    RecordNotFound {
        /// The collection.
        collection: Nsid,
        /// The key.
        rkey: RecordKey,
    },
    /// Another record is under the path.
    #[error("record was at {}", found.map_or_else(|| "null".to_owned(), |cid| cid.to_string()))]
    RecordSwapped {
        /// The record there.
        found: Option<Cid>,
    },
    /// Two writes of the batch go to one path.
    #[error("more than one write to {collection}/{rkey}")]
    SamePath {
        /// The collection.
        collection: Nsid,
        /// The key.
        rkey: RecordKey,
    },
}

impl Edit<'_> {
    /// Applies a batch and signs the commit; the revision is the time, or the one after the
    /// last revision if the clock went back. `None` when nothing had to change.
    pub fn commit(
        &mut self,
        batch: &Batch,
        signer: &dyn Signer,
        now_micros: u64,
    ) -> Result<Option<Committed>, CommitError> {
        let head = self.head()?.ok_or(CommitError::NoRepo)?;
        if !self.announced()?.is_some_and(|last: Announced| last.status == Status::Active) {
            return Err(CommitError::Inactive);
        }
        if batch.swap_commit.is_some_and(|expected| expected != head.commit) {
            return Err(CommitError::CommitSwapped { found: head.commit });
        }
        let changes = self.changes(&batch.writes)?;
        if changes.is_empty() {
            return Ok(None);
        }
        changes.iter().try_for_each(|write| self.check_blobs(write))?;
        let writes = changes.iter().map(|change| change.write.clone()).collect();
        let rev = next_rev(now_micros, Some(head.rev));
        let applied = repo::apply(&self.view(), &head, self.did(), writes, rev, signer)?;
        self.save(&applied)?;
        self.refer_to_blobs(&changes, rev)?;
        self.post(&events::commit(&applied))?;
        Ok(Some(Committed { cid: applied.head.commit, rev }))
    }

    /// Decides what each write does to the records that are there.
    fn changes<'w>(&self, writes: &'w [Write]) -> Result<Vec<Change<'w>>, CommitError> {
        let mut paths = HashSet::new();
        let mut changes = Vec::with_capacity(writes.len());
        for write in writes {
            let (collection, rkey) = (write.collection.clone(), write.rkey.clone());
            if !paths.insert((&write.collection, &write.rkey)) {
                return Err(CommitError::SamePath { collection, rkey });
            }
            let current = self.record_cid(&collection, &rkey)?;
            changes.extend(change(write, current)?);
        }
        Ok(changes)
    }

    fn check_blobs(&self, change: &Change<'_>) -> Result<(), CommitError> {
        change.blobs.iter().try_for_each(|blob| self.check_blob(blob))
    }

    /// A record's word on a blob must be what was uploaded: others fetch by it.
    fn check_blob(&self, blob: &BlobRef) -> Result<(), CommitError> {
        let cid = blob.cid();
        let stored = self.blob(&cid)?.ok_or(CommitError::BlobNotFound { cid })?;
        let mismatch =
            |found: String, claimed: String| Err(CommitError::BlobMismatch { cid, found, claimed });
        match blob.size() {
            Some(size) if size != stored.size => {
                mismatch(format!("{} bytes", stored.size), format!("{size} bytes"))
            }
            Some(_) if blob.mime_type() != stored.mime => {
                mismatch(stored.mime, blob.mime_type().to_owned())
            }
            _ => Ok(()),
        }
    }

    fn refer_to_blobs(&mut self, changes: &[Change<'_>], rev: Tid) -> Result<(), DatabaseError> {
        let mut dropped = Vec::new();
        for Change { path, blobs, .. } in changes {
            dropped.extend(self.set_blob_references(path.0, path.1, blobs, rev)?);
        }
        self.release_blobs(&dropped)
    }
}

/// The revision of a commit: a TID of now, but never below the last one.
pub fn next_rev(now_micros: u64, last: Option<Tid>) -> Tid {
    // The clock id only tells apart writers of one repository, and there is one.
    TidClock::new(0).next_after(now_micros, last)
}

/// A write whose effect on the repository is known.
struct Change<'w> {
    path: (&'w Nsid, &'w RecordKey),
    write: repo::Write,
    blobs: &'w [BlobRef],
}

fn change(write: &Write, current: Option<Cid>) -> Result<Option<Change<'_>>, CommitError> {
    let Write { collection, rkey, action, swap } = write;
    // Deleting what is not there is no change and asks for no comparison, as in the
    // reference implementation.
    if matches!(action, Action::DeleteIfThere) && current.is_none() {
        return Ok(None);
    }
    let swapped = match swap {
        Swap::Any => false,
        Swap::Absent => current.is_some(),
        Swap::Is(cid) => current != Some(*cid),
    };
    if swapped {
        return Err(CommitError::RecordSwapped { found: current });
    }
    let (collection, rkey) = (collection.clone(), rkey.clone());
    let path = (&write.collection, &write.rkey);
    let (write, blobs): (_, &[BlobRef]) = match (action, current) {
        (Action::Create(_), Some(_)) => {
            return Err(CommitError::RecordExists { collection, rkey });
        }
        (Action::Update(_) | Action::Delete | Action::DeleteIfThere, None) => {
            return Err(CommitError::RecordNotFound { collection, rkey });
        }
        (Action::Update(new) | Action::Put(new), Some(cid)) if new.cid == cid => return Ok(None),
        (Action::Create(new) | Action::Put(new), None) => {
            let record = new.bytes.clone();
            (repo::Write::Create { collection, rkey, record }, &new.blobs)
        }
        (Action::Update(new) | Action::Put(new), Some(_)) => {
            let record = new.bytes.clone();
            (repo::Write::Update { collection, rkey, record }, &new.blobs)
        }
        (Action::Delete | Action::DeleteIfThere, Some(_)) => {
            (repo::Write::Delete { collection, rkey }, &[])
        }
    };
    Ok(Some(Change { path, write, blobs }))
}
