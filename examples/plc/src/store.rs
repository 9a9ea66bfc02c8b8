//! The operations of all identities, in one SQLite file.
//!
//! One connection writes, a few read beside it (write-ahead log). A commit is on the disk
//! before it is answered (`synchronous = FULL`): an identity that was once confirmed is never
//! lost. Every method blocks.

mod pool;
mod schema;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use atproto_core::identity::plc::{Accepted, AuditEntry, History, SignedOperation, State};
use atproto_core::syntax::{Cid, Datetime, Did};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::directory::Rejection;
use pool::Pool;

/// The operations.
pub struct Store {
    writer: Mutex<Connection>,
    readers: Pool,
}

/// An operation as stored.
#[derive(Debug, Clone)]
pub struct StoredOperation {
    /// The position in the directory's log; they rise, with gaps perhaps.
    pub seq: u64,
    /// The identity.
    pub did: Did,
    /// The operation's CID.
    pub cid: Cid,
    /// The operation.
    pub operation: SignedOperation,
    /// Whether a recovery has displaced it.
    pub nullified: bool,
    /// When it was accepted, in milliseconds since 1970; different for every operation.
    pub created_at: i64,
}

/// Why the store gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data's directory cannot be used.
    #[error("the data directory cannot be used")]
    Directory(#[from] std::io::Error),
    /// The file was written by a newer version of this program.
    #[error("the data has the format {0}, which this version does not know")]
    Format(i64),
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
}

impl Store {
    /// Opens the store in a directory; both are made if they do not exist.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join("plc.sqlite");
        let writer = schema::open_writer(&path)?;
        Ok(Self { writer: Mutex::new(writer), readers: Pool::new(path) })
    }

    /// Adds an operation, if `check` finds that it follows from the identity's history.
    /// `check` is given the time that will be the operation's own: the present, or one
    /// millisecond after the newest operation where the clock is not ahead of it.
    pub(crate) fn append(
        &self,
        did: &Did,
        operation: &SignedOperation,
        now: i64,
        check: impl FnOnce(&History, i64) -> Result<Accepted, Rejection>,
    ) -> Result<(), Rejection> {
        let mut connection = self.writer();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        let history = history(&transaction, did)?;
        let now = later_than_all(&transaction, now)?;
        let accepted = check(&history, now)?;
        insert(&transaction, did, operation, &accepted, now).map_err(StoreError::from)?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(())
    }

    /// The newest operation in force.
    pub fn newest(&self, did: &Did) -> Result<Option<SignedOperation>, StoreError> {
        self.readers.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT operation FROM operation WHERE did = ?1 AND NOT nullified
                 ORDER BY seq DESC LIMIT 1",
            )?;
            statement.query_row([did.as_str()], |row| operation_at(row, 0)).optional()
        })
    }

    /// The state after the newest operation in force; the inner `None` is a tombstone.
    pub fn state(&self, did: &Did) -> Result<Option<Option<State>>, StoreError> {
        let newest = self.newest(did)?;
        Ok(newest.map(|newest| Some(State::new(did.clone(), newest.operation()?))))
    }

    /// All operations of an identity, also displaced ones, oldest first.
    pub fn log(&self, did: &Did) -> Result<Vec<StoredOperation>, StoreError> {
        self.readers.with(|connection| {
            select(connection, "WHERE did = ?1 ORDER BY seq", params![did.as_str()])
        })
    }

    /// At most `count` operations of all identities after a sequence number.
    pub fn after_seq(&self, seq: u64, count: usize) -> Result<Vec<StoredOperation>, StoreError> {
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        self.readers.with(|connection| {
            select(connection, "WHERE seq > ?1 ORDER BY seq LIMIT ?2", params![seq, count as i64])
        })
    }

    /// The highest sequence number; 0 if there is none.
    pub fn last_seq(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM operation";
        self.readers.with(|connection| {
            connection.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
        })
    }

    /// At most `count` operations of all identities after a time in milliseconds.
    pub fn after_time(&self, time: i64, count: usize) -> Result<Vec<StoredOperation>, StoreError> {
        let clause = "WHERE created_at > ?1 ORDER BY created_at LIMIT ?2";
        self.readers.with(|connection| select(connection, clause, params![time, count as i64]))
    }

    /// Whether the store answers.
    pub fn check(&self) -> Result<(), StoreError> {
        self.readers.with(|connection| connection.query_row("SELECT 1", [], |_| Ok(())))
    }

    /// The lock outlives a panic: an unfinished transaction was rolled back on the way out.
    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoredOperation {
    /// The operation as a line of an audit log.
    pub fn into_audit_entry(self) -> AuditEntry {
        AuditEntry {
            did: self.did,
            operation: self.operation,
            cid: self.cid,
            nullified: self.nullified,
            created_at: Datetime::from_unix_micros(self.created_at * 1000),
        }
    }
}

fn history(transaction: &Transaction<'_>, did: &Did) -> Result<History, StoreError> {
    let mut history = History::new(did.clone());
    let clause = "WHERE did = ?1 AND NOT nullified ORDER BY seq";
    for stored in select(transaction, clause, params![did.as_str()])? {
        history.restore(stored.cid, stored.operation, stored.created_at * 1000);
    }
    Ok(history)
}

/// Times rise strictly over the whole log: an export that continues after a time must not
/// pass over operations of the same millisecond.
fn later_than_all(transaction: &Transaction<'_>, now: i64) -> Result<i64, StoreError> {
    let newest: Option<i64> =
        transaction.query_row("SELECT max(created_at) FROM operation", [], |row| row.get(0))?;
    Ok(newest.map_or(now, |newest| now.max(newest + 1)))
}

fn insert(
    transaction: &Transaction<'_>,
    did: &Did,
    operation: &SignedOperation,
    accepted: &Accepted,
    created_at: i64,
) -> rusqlite::Result<()> {
    let json = serde_json::to_string(operation)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction
        .prepare_cached(
            "INSERT INTO operation (did, cid, operation, created_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![did.as_str(), accepted.cid.to_string(), json, created_at])?;
    let mut nullify = transaction
        .prepare_cached("UPDATE operation SET nullified = 1 WHERE did = ?1 AND cid = ?2")?;
    for cid in &accepted.nullified {
        nullify.execute(params![did.as_str(), cid.to_string()])?;
    }
    Ok(())
}

fn select(
    connection: &Connection,
    clause: &str,
    params: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<Vec<StoredOperation>> {
    let columns = "SELECT seq, did, cid, operation, nullified, created_at FROM operation";
    let mut statement = connection.prepare_cached(&format!("{columns} {clause}"))?;
    let rows = statement.query_map(params, |row| {
        Ok(StoredOperation {
            seq: row.get::<_, i64>(0)?.unsigned_abs(),
            did: parsed_at(row, 1)?,
            cid: parsed_at(row, 2)?,
            operation: operation_at(row, 3)?,
            nullified: row.get(4)?,
            created_at: row.get(5)?,
        })
    })?;
    rows.collect()
}

fn operation_at(row: &Row<'_>, index: usize) -> rusqlite::Result<SignedOperation> {
    let json = row.get_ref(index)?.as_str()?;
    serde_json::from_str(json).map_err(|error| unreadable(index, error))
}

fn parsed_at<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get_ref(index)?.as_str()?.parse().map_err(|error| unreadable(index, error))
}

fn unreadable(
    index: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}
