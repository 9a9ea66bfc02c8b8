//! Hosts and accounts, in one SQLite file.
//!
//! What is known of accounts is a view of the event log: [`Store::settle`] takes what the log
//! already holds and notes how far it has come, in one transaction. So nothing needs to be
//! synced here: what a loss of power takes away is read from the log again.

mod account;
mod host;
mod settle;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub use account::{Account, IdentityMark};
pub use host::{HostRow, HostStatus};
pub use settle::Batch;

/// The format that this version writes, kept in `user_version`.
const FORMAT: i64 = 1;

/// How long a connection waits for another one.
const BUSY: Duration = Duration::from_secs(10);

/// How many reading connections are kept for the next reader.
const KEPT: usize = 16;

/// The file. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

/// Why the store gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The work did not come to its end: the process is ending, or there is a bug.
    #[error("the work on the database did not finish")]
    Ended,
    /// The file was written by a newer version of this program.
    #[error("the data has the format {0}, which this version does not know")]
    Format(i64),
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl Store {
    /// Opens the store in a directory that exists. Blocking.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("relay.sqlite");
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.set_prepared_statement_cache_capacity(64);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
            0 => transaction.execute_batch(include_str!("store/schema.sql"))?,
            FORMAT => {}
            unknown => return Err(StoreError::Format(unknown)),
        }
        transaction.commit()?;
        let (writer, readers) = (Mutex::new(connection), Mutex::new(Vec::new()));
        Ok(Self(Arc::new(Inner { path, writer, readers })))
    }

    /// Whether the store answers. Blocking, briefly.
    pub fn check(&self) -> Result<(), StoreError> {
        self.0.read(|connection| connection.query_row("SELECT 1", [], |_| Ok(())))
    }

    /// Reads, away from the threads that serve.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || inner.read(read));
        done.await.map_err(|_| StoreError::Ended)?
    }

    /// Writes in one transaction, away from the threads that serve. The work goes on to its
    /// end even if the caller is gone.
    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || inner.write(write));
        done.await.map_err(|_| StoreError::Ended)?
    }
}

impl Inner {
    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = lock(&self.readers).pop();
        let connection = idle.map_or_else(|| open_reader(&self.path), Ok)?;
        // A connection that has failed is not kept.
        let value = read(&connection)?;
        let mut readers = lock(&self.readers);
        if readers.len() < KEPT {
            readers.push(connection);
        }
        Ok(value)
    }

    fn write<T>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = write(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// The locks outlive a panic: an unfinished transaction was rolled back on the way out.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A column that was written by this program and cannot be read.
fn unreadable(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    let kind = rusqlite::types::Type::Blob;
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
