//! The AppView's SQLite database: one writer, several readers.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::{sync::Semaphore, task};

/// Connections for readers; more requests than this wait for one.
const READERS: usize = 4;
/// The schema version that this code reads and writes.
const VERSION: i64 = 1;
const SCHEMA: &str = include_str!("store/schema.sql");

/// Cheap to clone: clones share the connections.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    free: Semaphore,
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
        let readers: Vec<_> = (0..READERS).map(|_| reader(&path)).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner {
            writer: Mutex::new(writer),
            free: Semaphore::new(readers.len()),
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
            let transaction = writer.transaction()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
        .await?
    }

    /// Runs `work` on a reading connection, off the async threads. All it reads is of one moment.
    pub(crate) async fn read<T, F>(&self, work: F) -> anyhow::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> anyhow::Result<T> + Send + 'static,
    {
        let _permit = self.0.free.acquire().await?;
        let mut connection = self.readers().pop().context("a permit stands for a connection")?;
        let store = self.clone();
        task::spawn_blocking(move || {
            let result = snapshot(&mut connection, work);
            store.readers().push(connection);
            result
        })
        .await?
    }

    /// As [`Store::read`], for callers that are not async. Waits for a free connection.
    pub(crate) fn read_blocking<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let _permit = futures::executor::block_on(self.0.free.acquire())?;
        let mut connection = self.readers().pop().context("a permit stands for a connection")?;
        let result = snapshot(&mut connection, work);
        self.readers().push(connection);
        result
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn snapshot<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let transaction = connection.transaction()?;
    work(&transaction)
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
        newer => anyhow::bail!("the database has schema {newer}, this program knows {VERSION}"),
    }
}
