//! The AppView's SQLite database: one writer, several readers.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use atproto_firehose::state::sqlite;
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

/// Connections for readers; more requests than this wait for one.
const READERS: usize = 4;
/// The schema version that this code reads and writes.
const VERSION: i64 = 3;
const SCHEMA: &str = include_str!("store/schema.sql");

/// Cheap to clone: clones share the connections.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Whether the last transaction that wrote came to its end.
    sound: AtomicBool,
    free: Arc<Semaphore>,
}

impl Store {
    /// Opens the database in a directory, and creates it at the first start.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let path = directory.join("appview.sqlite");
        let mut writer =
            Connection::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        // An ack promises durability, so every commit is synced.
        writer.pragma_update(None, "journal_mode", "wal")?;
        writer.pragma_update(None, "synchronous", "full")?;
        migrate(&mut writer)?;
        // The consumer's checkpoint, written in the transaction of the effects that it covers.
        sqlite::create(&writer)?;
        let readers: Vec<_> = (0..READERS).map(|_| reader(&path)).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner {
            writer: Mutex::new(writer),
            sound: AtomicBool::new(true),
            free: Arc::new(Semaphore::new(readers.len())),
            readers: Mutex::new(readers),
        })))
    }

    /// Runs `work` in one transaction on the writing connection, off the async threads. An
    /// error rolls everything back.
    pub(crate) async fn write<T, F>(&self, work: F) -> anyhow::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> anyhow::Result<T> + Send + 'static,
    {
        let store = self.clone();
        task::spawn_blocking(move || {
            let mut writer = store.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let result = transact(&mut writer, work);
            // Errors of the work itself say nothing about the database.
            let broken = result.as_ref().is_err_and(anyhow::Error::is::<rusqlite::Error>);
            store.0.sound.store(!broken, Ordering::Relaxed);
            result
        })
        .await?
    }

    /// Whether the database takes what is written.
    pub(crate) fn state(&self) -> Result<(), String> {
        let sound = self.0.sound.load(Ordering::Relaxed);
        if sound { Ok(()) } else { Err("the last write failed".to_owned()) }
    }

    /// Runs `work` on a reading connection, off the async threads. All it reads is of one
    /// moment. Who no longer waits for the answer does not free the connection any earlier.
    pub(crate) async fn read<T, F>(&self, work: F) -> anyhow::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> anyhow::Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.0.free).acquire_owned().await?;
        let mut lease = Lease::take(self.clone(), permit)?;
        task::spawn_blocking(move || lease.snapshot(work)).await?
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading connection on loan: it comes back before its permit does, also after a panic.
struct Lease {
    store: Store,
    connection: Option<Connection>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    fn take(store: Store, permit: OwnedSemaphorePermit) -> anyhow::Result<Self> {
        let connection = store.readers().pop().context("a permit stands for a connection")?;
        Ok(Self { store, connection: Some(connection), _permit: permit })
    }

    fn snapshot<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let connection = self.connection.as_mut().context("a lease holds its connection")?;
        work(&connection.transaction()?)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.store.readers().push(connection);
        }
    }
}

fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let transaction = connection.transaction()?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

fn reader(path: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        VERSION => Ok(()),
        0 => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            Ok(transaction.commit()?)
        }
        other => anyhow::bail!("the database has schema {other}, this program knows {VERSION}"),
    }
}
