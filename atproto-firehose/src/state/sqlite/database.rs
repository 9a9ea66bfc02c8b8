use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::state::{StoreError, Stored};

/// A file with a connection that reads and one that writes. What is written is durable when that
/// returns.
#[derive(Clone, Debug)]
pub(crate) struct Database(Arc<Connections>);

#[derive(Debug)]
struct Connections {
    /// Reads do not wait for the sync of a transaction.
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl Database {
    /// Opens or creates a file, with the tables that `create` makes.
    pub(crate) fn open(
        path: impl AsRef<Path>,
        create: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let writer = connect().map_err(StoreError::new)?;
        create(&writer)?;
        let reader = connect().map_err(StoreError::new)?;
        Ok(Self(Arc::new(Connections { reader: Mutex::new(reader), writer: Mutex::new(writer) })))
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, Connection> {
        lock(&self.0.reader)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.0.writer)
    }

    /// Runs `work` in a transaction of the writing connection, away from asynchronous threads.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Stored<'static, T> {
        let database = self.clone();
        let write = move || {
            let mut writer = database.writer();
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

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A transaction that a panic cut short was rolled back by its drop.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long another process may hold the file.
const BUSY: Duration = Duration::from_secs(5);
