//! Checkpoints in SQLite.
//!
//! [`SqliteState`] keeps them in a file of their own. The functions work on tables in a
//! database of yours, so that a checkpoint can be saved in the transaction that holds the
//! effects of its events:
//!
//! ```
//! use atproto_firehose::{checkpoint::Checkpoint, state::sqlite};
//! # fn effects(_: &rusqlite::Transaction<'_>) -> rusqlite::Result<()> { Ok(()) }
//!
//! let mut connection = rusqlite::Connection::open_in_memory()?;
//! sqlite::create(&connection)?;
//! # let checkpoint = Checkpoint::default();
//! let transaction = connection.transaction()?;
//! effects(&transaction)?;
//! sqlite::save(&transaction, &checkpoint)?;
//! transaction.commit()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod tables;

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use atproto_core::syntax::Did;
use rusqlite::{Connection, TransactionBehavior};

pub use tables::{MAX_REJECTS, create, discard_reject, head, load, reject_counts, rejects, save};

use super::{Store, StoreError};
use crate::checkpoint::{Checkpoint, Head, Reject};

/// Checkpoints in a SQLite file. Every save is durable when it returns.
#[derive(Debug)]
pub struct SqliteState {
    /// Reads do not wait for the sync of a save.
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl SqliteState {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let writer = connect().map_err(StoreError::new)?;
        create(&writer)?;
        let reader = connect().map_err(StoreError::new)?;
        Ok(Self { reader: Mutex::new(reader), writer: Mutex::new(writer) })
    }

    /// As [`rejects`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rejects(&self, after: i64, max: usize) -> Result<Vec<(i64, Reject)>, StoreError> {
        rejects(&lock(&self.reader), after, max)
    }

    /// As [`reject_counts`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reject_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        reject_counts(&lock(&self.reader))
    }

    /// As [`discard_reject`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn discard_reject(&self, id: i64) -> Result<bool, StoreError> {
        discard_reject(&lock(&self.writer), id)
    }
}

impl Store for SqliteState {
    fn load(&self) -> Result<Checkpoint, StoreError> {
        load(&lock(&self.reader))
    }

    fn head(&self, did: &Did) -> Result<Option<Head>, StoreError> {
        head(&lock(&self.reader), did)
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut writer = lock(&self.writer);
        let transaction = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::new)?;
        save(&transaction, checkpoint)?;
        transaction.commit().map_err(StoreError::new)
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A transaction that a panic cut short was rolled back by its drop.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
