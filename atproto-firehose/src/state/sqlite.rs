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

pub(crate) mod database;
mod tables;
mod tracking;

use std::path::Path;

use atproto_core::syntax::Did;
use bytes::Bytes;
use futures::{FutureExt, future::ready};

use database::Database;
pub use tables::{
    create, discard_reject, head, load, parked, parked_frame, reject_counts, rejects, save,
    take_over,
};

use super::{Store, StoreError, Stored, TrackingStore};
use crate::checkpoint::{Checkpoint, Head, ParkedRef, Reject};

/// Checkpoints in a SQLite file, used within a tokio runtime. Every save is durable when it returns.
#[derive(Clone, Debug)]
pub struct SqliteState(Database);

impl SqliteState {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Database::open(path, create).map(Self)
    }

    /// As [`rejects`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rejects(&self, after: i64, max: usize) -> Result<Vec<(i64, Reject)>, StoreError> {
        rejects(&self.0.reader(), after, max)
    }

    /// As [`reject_counts`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reject_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        reject_counts(&self.0.reader())
    }

    /// As [`discard_reject`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn discard_reject(&self, id: i64) -> Result<bool, StoreError> {
        discard_reject(&self.0.writer(), id)
    }
}

impl Store for SqliteState {
    fn load(&self) -> Stored<'_, Checkpoint> {
        ready(load(&self.0.reader())).boxed()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        self.0.write(take_over)
    }

    /// Reads at once: a file at hand answers sooner than another thread would begin.
    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        ready(head(&self.0.reader(), did)).boxed()
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        self.0.write(move |transaction| save(transaction, &checkpoint))
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
        ready(parked(&self.0.reader())).boxed()
    }

    /// Reads at once, as for a head.
    fn parked_frame(&self, id: u64) -> Stored<'_, Option<Bytes>> {
        ready(parked_frame(&self.0.reader(), id)).boxed()
    }
}
