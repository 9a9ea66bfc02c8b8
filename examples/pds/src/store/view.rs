//! Reads of one account's store.

use atproto_core::syntax::{Cid, Handle, Nsid, RecordKey, Tid};
use atproto_repo::{BlockSource, BlockSourceError, repo::Head};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column;
use crate::{accounts::Status, database::DatabaseError};

/// One state of an account's store. It is a [`BlockSource`] of the repository's blocks.
#[derive(Debug, Clone, Copy)]
pub struct View<'t> {
    connection: &'t Connection,
}

/// A record as stored.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// Its key in the collection.
    pub rkey: RecordKey,
    /// The hash of its bytes.
    pub cid: Cid,
    /// The record in DAG-CBOR.
    pub bytes: Bytes,
}

/// Which part of a collection a page shows.
#[derive(Debug, Clone)]
pub struct RecordPage {
    /// The collection.
    pub collection: Nsid,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many records.
    pub limit: usize,
    /// Oldest first instead of newest first.
    pub ascending: bool,
}

/// A blob that a record may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its media type.
    pub mime: String,
    /// Its size in bytes.
    pub size: u64,
    /// Whether a record refers to it: only then may anybody see it.
    pub kept: bool,
}

/// What the outside was last told of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The handle of the last `#identity` event.
    pub handle: Option<Handle>,
    /// The status of the last `#account` event.
    pub status: Status,
}

impl<'t> View<'t> {
    /// Reads through a connection, normally one inside a transaction.
    pub fn new(connection: &'t Connection) -> Self {
        Self { connection }
    }

    /// The head of the repository; `None` before the first commit.
    pub fn head(&self) -> Result<Option<Head>, DatabaseError> {
        let mut statement =
            self.connection.prepare_cached("SELECT cid, rev, data FROM head WHERE id = 1")?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(Head {
            commit: column::cid(row, "cid")?,
            rev: column::tid(row, "rev")?,
            data: column::cid(row, "data")?,
        }))
    }

    /// A block of the repository.
    pub fn block(&self, cid: &Cid) -> Result<Option<Bytes>, DatabaseError> {
        let mut statement =
            self.connection.prepare_cached("SELECT bytes FROM block WHERE cid = ?1")?;
        let bytes: Option<Vec<u8>> =
            statement.query_row([cid.to_bytes()], |row| row.get(0)).optional()?;
        Ok(bytes.map(Bytes::from))
    }

    /// Hands every block that came with a commit after `since` to `visit`, newest first,
    /// so that the head commit leads.
    pub fn blocks_since<E: From<DatabaseError>>(
        &self,
        since: Tid,
        mut visit: impl FnMut(Cid, Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT cid, bytes FROM block WHERE rev > ?1 ORDER BY rev DESC")
            .map_err(DatabaseError::from)?;
        let mut rows = statement.query([since.to_string()]).map_err(DatabaseError::from)?;
        while let Some(row) = rows.next().map_err(DatabaseError::from)? {
            let bytes: Vec<u8> = row.get("bytes").map_err(DatabaseError::from)?;
            visit(column::cid(row, "cid")?, Bytes::from(bytes))?;
        }
        Ok(())
    }

    /// The CID of the record under a path.
    pub fn record_cid(
        &self,
        collection: &Nsid,
        rkey: &RecordKey,
    ) -> Result<Option<Cid>, DatabaseError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT cid FROM record WHERE collection = ?1 AND rkey = ?2")?;
        let mut rows = statement.query([collection.as_str(), rkey.as_str()])?;
        rows.next()?.map(|row| column::cid(row, "cid")).transpose()
    }

    /// The record under a path.
    pub fn record(
        &self,
        collection: &Nsid,
        rkey: &RecordKey,
    ) -> Result<Option<StoredRecord>, DatabaseError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT rkey, cid, bytes FROM record JOIN block USING (cid)
             WHERE collection = ?1 AND rkey = ?2",
        )?;
        let mut rows = statement.query([collection.as_str(), rkey.as_str()])?;
        rows.next()?.map(stored_record).transpose()
    }

    /// A page of a collection.
    pub fn records(&self, page: &RecordPage) -> Result<Vec<StoredRecord>, DatabaseError> {
        // Two constant statements: the direction cannot be a parameter.
        let sql = if page.ascending {
            "SELECT rkey, cid, bytes FROM record JOIN block USING (cid)
             WHERE collection = ?1 AND (?2 IS NULL OR rkey > ?2) ORDER BY rkey LIMIT ?3"
        } else {
            "SELECT rkey, cid, bytes FROM record JOIN block USING (cid)
             WHERE collection = ?1 AND (?2 IS NULL OR rkey < ?2) ORDER BY rkey DESC LIMIT ?3"
        };
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows =
            statement.query(params![page.collection.as_str(), page.cursor, page.limit])?;
        collect(&mut rows, stored_record)
    }

    /// The collections that have records, in order.
    pub fn collections(&self) -> Result<Vec<Nsid>, DatabaseError> {
        // A recursive query jumps from name to name in the index instead of reading every
        // record, of which there may be millions.
        let mut statement = self.connection.prepare_cached(
            "WITH RECURSIVE names (collection) AS (
                 SELECT min(collection) FROM record
                 UNION ALL
                 SELECT (SELECT min(r.collection) FROM record r
                         WHERE r.collection > names.collection)
                 FROM names WHERE names.collection IS NOT NULL
             )
             SELECT collection FROM names WHERE collection IS NOT NULL",
        )?;
        let mut rows = statement.query([])?;
        collect(&mut rows, |row| column::text(row, "collection"))
    }

    /// What is known of an uploaded blob.
    pub fn blob(&self, cid: &Cid) -> Result<Option<StoredBlob>, DatabaseError> {
        let mut statement =
            self.connection.prepare_cached("SELECT mime, size, kept FROM blob WHERE cid = ?1")?;
        let blob = statement.query_row([cid.to_bytes()], |row| {
            Ok(StoredBlob { mime: row.get(0)?, size: row.get(1)?, kept: row.get(2)? })
        });
        Ok(blob.optional()?)
    }

    /// A page of the blobs that records refer to, in the order of their CIDs' bytes; with
    /// `since`, those which a later commit brought.
    pub fn blobs(
        &self,
        since: Option<Tid>,
        cursor: Option<Cid>,
        limit: usize,
    ) -> Result<Vec<Cid>, DatabaseError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT cid FROM blob
             WHERE kept = 1 AND (?1 IS NULL OR rev > ?1) AND (?2 IS NULL OR cid > ?2)
             ORDER BY cid LIMIT ?3",
        )?;
        let since = since.map(|rev| rev.to_string());
        let cursor = cursor.map(|cid| cid.to_bytes());
        let mut rows = statement.query(params![since, cursor, limit])?;
        collect(&mut rows, |row| column::cid(row, "cid"))
    }

    /// A page of the blobs that records refer to and nobody has uploaded, each with one of
    /// the records.
    pub fn missing_blobs(
        &self,
        cursor: Option<Cid>,
        limit: usize,
    ) -> Result<Vec<(Cid, Nsid, RecordKey)>, DatabaseError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT cid, collection, min(rkey) AS rkey FROM blob_reference
             WHERE (?1 IS NULL OR cid > ?1) AND cid NOT IN (SELECT cid FROM blob)
             GROUP BY cid ORDER BY cid LIMIT ?2",
        )?;
        let mut rows = statement.query(params![cursor.map(|cid| cid.to_bytes()), limit])?;
        collect(&mut rows, |row| {
            Ok((
                column::cid(row, "cid")?,
                column::text(row, "collection")?,
                column::text(row, "rkey")?,
            ))
        })
    }

    /// The bytes of all uploaded blobs together.
    pub fn blob_bytes(&self) -> Result<u64, DatabaseError> {
        let mut statement =
            self.connection.prepare_cached("SELECT coalesce(sum(size), 0) FROM blob")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// What the outside was last told of the account; `None` before anything was said.
    pub fn announced(&self) -> Result<Option<Announced>, DatabaseError> {
        let mut statement =
            self.connection.prepare_cached("SELECT handle, status FROM announced WHERE id = 1")?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let handle = match row.get_ref("handle")? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(column::text(row, "handle")?),
        };
        Ok(Some(Announced { handle, status: column::text(row, "status")? }))
    }

    pub(super) fn connection(&self) -> &'t Connection {
        self.connection
    }
}

impl BlockSource for View<'_> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        View::block(self, cid).map_err(BlockSourceError::new)
    }
}

fn stored_record(row: &Row<'_>) -> Result<StoredRecord, DatabaseError> {
    Ok(StoredRecord {
        rkey: column::text(row, "rkey")?,
        cid: column::cid(row, "cid")?,
        bytes: Bytes::from(row.get::<_, Vec<u8>>("bytes")?),
    })
}

fn collect<T>(
    rows: &mut rusqlite::Rows<'_>,
    mut each: impl FnMut(&Row<'_>) -> Result<T, DatabaseError>,
) -> Result<Vec<T>, DatabaseError> {
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(each(row)?);
    }
    Ok(out)
}
