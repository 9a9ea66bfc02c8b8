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
mod tracking;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use atproto_core::syntax::Did;
use bytes::Bytes;
use futures::{FutureExt, future::ready};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use tables::{
    create, discard_reject, head, load, parked, parked_frame, reject_counts, rejects, save,
    take_over,
};

use super::{Store, StoreError, Stored, TrackingStore};
use crate::checkpoint::{Checkpoint, Head, ParkedRef, Reject};

/// Checkpoints in a SQLite file, used within a tokio runtime. Every save is durable when it returns.
#[derive(Clone, Debug)]
pub struct SqliteState(Arc<Connections>);

#[derive(Debug)]
struct Connections {
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
        Ok(Self(Arc::new(Connections { reader: Mutex::new(reader), writer: Mutex::new(writer) })))
    }

    /// As [`rejects`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rejects(&self, after: i64, max: usize) -> Result<Vec<(i64, Reject)>, StoreError> {
        rejects(&lock(&self.0.reader), after, max)
    }

    /// As [`reject_counts`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reject_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        reject_counts(&lock(&self.0.reader))
    }

    /// As [`discard_reject`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn discard_reject(&self, id: i64) -> Result<bool, StoreError> {
        discard_reject(&lock(&self.0.writer), id)
    }
}

impl SqliteState {
    /// Runs `work` in a transaction of the writing connection, away from asynchronous threads.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Stored<'_, T> {
        let state = self.clone();
        let write = move || {
            let mut writer = lock(&state.0.writer);
            let transaction = writer
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(StoreError::new)?;
            let done = work(&transaction)?;
            transaction.commit().map_err(StoreError::new)?;
            Ok(done)
        };
        async { tokio::task::spawn_blocking(write).await.map_err(StoreError::new)? }.boxed()
    }
}

impl Store for SqliteState {
    fn load(&self) -> Stored<'_, Checkpoint> {
        ready(load(&lock(&self.0.reader))).boxed()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        self.write(take_over)
    }

    /// Reads at once: a file at hand answers sooner than another thread would begin.
    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        ready(head(&lock(&self.0.reader), did)).boxed()
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        self.write(move |transaction| save(transaction, &checkpoint))
    }

    fn parks(&self) -> bool {
        true
    }

    fn keeps_filter(&self) -> bool {
        true
    }

    fn keeps_upstreams(&self) -> bool {
        true
    }

    fn tracking(&self) -> Option<&dyn TrackingStore> {
        Some(self)
    }

    fn parked(&self) -> Stored<'_, Vec<ParkedRef>> {
        ready(parked(&lock(&self.0.reader))).boxed()
    }

    /// Reads at once, as for a head.
    fn parked_frame(&self, id: u64) -> Stored<'_, Option<Bytes>> {
        ready(parked_frame(&lock(&self.0.reader), id)).boxed()
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A transaction that a panic cut short was rolled back by its drop.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
