//! Writes to one account's store, inside a transaction.

use std::ops::Deref;

use atproto_core::{
    data::BlobRef,
    syntax::{Cid, Did, Nsid, RecordKey, Tid},
};
use atproto_repo::{
    BlockMap,
    event::RepoOp,
    repo::{AppliedCommit, Head, ImportedCommit},
};
use rusqlite::{Connection, params};

use super::{View, view::Announced};
use crate::database::DatabaseError;

/// A transaction that changes an account's store. Reads go through it as well and see its
/// own changes.
#[derive(Debug)]
pub struct Edit<'t> {
    view: View<'t>,
    did: &'t Did,
    effects: Effects,
}

/// What has to happen once the transaction is durable.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Blobs whose last reference went: their files go too.
    pub(super) unlinked: Vec<Cid>,
    /// An event waits in the outbox.
    pub(super) posted: bool,
}

impl<'t> Deref for Edit<'t> {
    type Target = View<'t>;

    fn deref(&self) -> &View<'t> {
        &self.view
    }
}

impl<'t> Edit<'t> {
    pub(super) fn new(connection: &'t Connection, did: &'t Did) -> Self {
        Self { view: View::new(connection), did, effects: Effects::default() }
    }

    pub(super) fn into_effects(self) -> Effects {
        self.effects
    }

    pub(super) fn mark_posted(&mut self) {
        self.effects.posted = true;
    }

    /// Whose store it is.
    pub fn did(&self) -> &'t Did {
        self.did
    }

    /// The reading half.
    pub fn view(&self) -> View<'t> {
        self.view
    }

    /// Stores a commit: its blocks, the record table, the head.
    pub fn save(&mut self, applied: &AppliedCommit) -> Result<(), DatabaseError> {
        self.save_parts(&applied.head, &applied.ops, &applied.new_blocks, &applied.removed)
    }

    /// As [`Edit::save`], for a tree that came from elsewhere.
    pub fn save_import(&mut self, imported: &ImportedCommit) -> Result<(), DatabaseError> {
        self.save_parts(&imported.head, &imported.ops, &imported.new_blocks, &imported.removed)
    }

    fn save_parts(
        &mut self,
        head: &Head,
        ops: &[RepoOp],
        new_blocks: &BlockMap,
        removed: &[Cid],
    ) -> Result<(), DatabaseError> {
        let rev = head.rev.to_string();
        for op in ops {
            let (collection, rkey) = (&op.path.collection, &op.path.rkey);
            match &op.cid {
                Some(cid) => self.set_record(collection, rkey, cid, &rev)?,
                None => self.unset_record(collection, rkey)?,
            }
        }
        // After the record table, which decides whether a removed record lives on under
        // another path, and before the new blocks, one of which may be a removed one.
        for cid in removed {
            self.remove_block(cid)?;
        }
        for (cid, bytes) in new_blocks.iter() {
            self.add_block(cid, bytes, &rev)?;
        }
        self.set_head(head)
    }

    /// Notes an uploaded blob. One that is there already stays as it is.
    pub fn add_blob(
        &mut self,
        cid: &Cid,
        mime: &str,
        size: u64,
        now_micros: u64,
    ) -> Result<(), DatabaseError> {
        // A record may have come first: an imported repository refers to blobs that follow.
        self.connection()
            .prepare_cached(
                "INSERT INTO blob (cid, mime, size, kept, rev, uploaded)
                 SELECT ?1, ?2, ?3, min(rev) IS NOT NULL, min(rev), ?4
                 FROM blob_reference WHERE cid = ?1
                 ON CONFLICT (cid) DO UPDATE SET uploaded = excluded.uploaded",
            )?
            .execute(params![cid.to_bytes(), mime, size, now_micros])?;
        Ok(())
    }

    /// Forgets uploads that no record came to refer to, uploaded before `before_micros`.
    pub fn expire_blobs(&mut self, before_micros: u64) -> Result<(), DatabaseError> {
        let mut statement = self
            .connection()
            .prepare_cached("DELETE FROM blob WHERE kept = 0 AND uploaded < ?1 RETURNING cid")?;
        let mut rows = statement.query([before_micros])?;
        while let Some(row) = rows.next()? {
            self.effects.unlinked.push(super::column::cid(row, "cid")?);
        }
        Ok(())
    }

    /// Replaces what the record under a path refers to. Blobs that gain their first
    /// reference become visible. Returns those that lost this reference, which have to go
    /// through [`Edit::release_blobs`] once the whole batch is in: another write of the
    /// batch may have taken them over.
    pub fn set_blob_references(
        &mut self,
        collection: &Nsid,
        rkey: &RecordKey,
        blobs: &[BlobRef],
        rev: Tid,
    ) -> Result<Vec<Cid>, DatabaseError> {
        let rev = rev.to_string();
        let dropped = self.drop_references(collection, rkey)?;
        for blob in blobs {
            self.add_reference(collection, rkey, &blob.cid(), &rev)?;
        }
        Ok(dropped)
    }

    /// Removes those of the blobs that no record refers to any more.
    pub fn release_blobs(&mut self, dropped: &[Cid]) -> Result<(), DatabaseError> {
        dropped.iter().try_for_each(|cid| self.release_blob(cid))
    }

    /// Notes what the outside is told of the account.
    pub fn set_announced(&mut self, announced: &Announced) -> Result<(), DatabaseError> {
        let handle = announced.handle.as_ref().map(|handle| handle.as_str());
        self.connection()
            .prepare_cached("REPLACE INTO announced (id, handle, status) VALUES (1, ?1, ?2)")?
            .execute(params![handle, announced.status.as_str()])?;
        Ok(())
    }

    fn set_head(&self, head: &Head) -> Result<(), DatabaseError> {
        let (commit, data) = (head.commit.to_bytes(), head.data.to_bytes());
        self.connection()
            .prepare_cached("REPLACE INTO head (id, cid, rev, data) VALUES (1, ?1, ?2, ?3)")?
            .execute(params![commit, head.rev.to_string(), data])?;
        Ok(())
    }

    fn set_record(
        &self,
        collection: &Nsid,
        rkey: &RecordKey,
        cid: &Cid,
        rev: &str,
    ) -> Result<(), DatabaseError> {
        self.connection()
            .prepare_cached(
                "REPLACE INTO record (collection, rkey, cid, rev) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![collection.as_str(), rkey.as_str(), cid.to_bytes(), rev])?;
        Ok(())
    }

    fn unset_record(&self, collection: &Nsid, rkey: &RecordKey) -> Result<(), DatabaseError> {
        self.connection()
            .prepare_cached("DELETE FROM record WHERE collection = ?1 AND rkey = ?2")?
            .execute([collection.as_str(), rkey.as_str()])?;
        Ok(())
    }

    fn add_block(&self, cid: &Cid, bytes: &[u8], rev: &str) -> Result<(), DatabaseError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO block (cid, rev, bytes) VALUES (?1, ?2, ?3)
                 ON CONFLICT (cid) DO UPDATE SET rev = excluded.rev",
            )?
            .execute(params![cid.to_bytes(), rev, bytes])?;
        Ok(())
    }

    /// Removes a block unless some record is this block: equal records under two paths are
    /// one block, and removing one of them must not take the other away.
    fn remove_block(&self, cid: &Cid) -> Result<(), DatabaseError> {
        self.connection()
            .prepare_cached(
                "DELETE FROM block WHERE cid = ?1
                 AND NOT EXISTS (SELECT 1 FROM record WHERE record.cid = ?1)",
            )?
            .execute([cid.to_bytes()])?;
        Ok(())
    }

    fn add_reference(
        &self,
        collection: &Nsid,
        rkey: &RecordKey,
        cid: &Cid,
        rev: &str,
    ) -> Result<(), DatabaseError> {
        self.connection()
            .prepare_cached(
                "REPLACE INTO blob_reference (collection, rkey, cid, rev)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![collection.as_str(), rkey.as_str(), cid.to_bytes(), rev])?;
        self.connection()
            .prepare_cached("UPDATE blob SET kept = 1, rev = coalesce(rev, ?2) WHERE cid = ?1")?
            .execute(params![cid.to_bytes(), rev])?;
        Ok(())
    }

    fn drop_references(
        &self,
        collection: &Nsid,
        rkey: &RecordKey,
    ) -> Result<Vec<Cid>, DatabaseError> {
        let mut statement = self.connection().prepare_cached(
            "DELETE FROM blob_reference WHERE collection = ?1 AND rkey = ?2 RETURNING cid",
        )?;
        let mut rows = statement.query([collection.as_str(), rkey.as_str()])?;
        let mut dropped = Vec::new();
        while let Some(row) = rows.next()? {
            dropped.push(super::column::cid(row, "cid")?);
        }
        Ok(dropped)
    }

    fn release_blob(&mut self, cid: &Cid) -> Result<(), DatabaseError> {
        let gone = self
            .connection()
            .prepare_cached(
                "DELETE FROM blob WHERE cid = ?1
                 AND NOT EXISTS (SELECT 1 FROM blob_reference r WHERE r.cid = ?1)",
            )?
            .execute([cid.to_bytes()])?;
        if gone > 0 {
            self.effects.unlinked.push(*cid);
        }
        Ok(())
    }
}
