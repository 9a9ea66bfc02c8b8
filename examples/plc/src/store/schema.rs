//! The file and its tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// The format that this version writes, kept in `user_version`.
const FORMAT: i64 = 1;

/// How long a connection waits for another one.
const BUSY: Duration = Duration::from_secs(5);

/// `AUTOINCREMENT`, so that a sequence number is never given twice. The unique index on the
/// identity and the CID is also the one that logs are read by.
const TABLES: &str = "
    CREATE TABLE operation (
        seq        INTEGER PRIMARY KEY AUTOINCREMENT,
        did        TEXT NOT NULL,
        cid        TEXT NOT NULL,
        operation  TEXT NOT NULL,
        nullified  INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX operation_by_cid ON operation (did, cid);
    CREATE INDEX operation_by_did ON operation (did, seq);
    CREATE UNIQUE INDEX operation_by_time ON operation (created_at);
    PRAGMA user_version = 1;
";

/// Opens the connection that writes, and makes the tables in a new file.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0 => transaction.execute_batch(TABLES)?,
        FORMAT => {}
        unknown => return Err(StoreError::Format(unknown)),
    }
    transaction.commit()?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}
