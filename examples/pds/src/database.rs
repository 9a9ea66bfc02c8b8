//! SQLite, kept off the threads that serve requests.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

/// How long one connection waits for another's lock before it gives up. Writers of a
/// repository queue in front of the database, so the wait is for checkpoints alone.
const BUSY: Duration = Duration::from_secs(10);
/// Prepared statements kept per connection; more than the server has.
const STATEMENTS: usize = 64;

/// Bounds the database and disk work that is under way at one time.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Semaphore>);

impl Pool {
    /// A pool that runs at most `size` jobs at once; the others wait in order.
    pub fn new(size: usize) -> Self {
        Self(Arc::new(Semaphore::new(size)))
    }

    /// Runs blocking work. The work goes on to its end even when the caller is dropped:
    /// a transaction is never abandoned half-way because a client hung up.
    pub async fn run<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|_| DatabaseError::Ended)?;
        let job = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        match job.await {
            Ok(result) => result,
            Err(_) => Err(DatabaseError::Ended.into()),
        }
    }
}

/// Work on a database could not be done. Always the server's fault, never the client's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The job panicked, or the process is ending.
    #[error("the job did not finish")]
    Ended,
    /// Reading or writing a file failed.
    #[error("file: {0}")]
    Io(#[from] std::io::Error),
    /// SQLite refused.
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file was written by a newer version of this server.
    #[error("schema version {found} is newer than {known}")]
    TooNew {
        /// The version in the file.
        found: i64,
        /// The newest version that this server knows.
        known: i64,
    },
    /// What is stored does not have the form that was stored.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

/// Opens a database for writing, creates it where there is none, and brings its schema up
/// to date: `migrations[n]` leads from version `n` to `n + 1`.
pub fn open(path: &Path, migrations: &[&str]) -> Result<Connection, DatabaseError> {
    let mut connection = Connection::open(path)?;
    // FULL: a transaction is on the disk before it is acknowledged to anybody.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )?;
    prepare(&connection)?;
    migrate(&mut connection, migrations)?;
    Ok(connection)
}

/// Opens an existing database for reading.
pub fn open_read_only(path: &Path) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), DatabaseError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), DatabaseError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(DatabaseError::TooNew { found, known });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for (index, step) in migrations.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", index + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{DatabaseError, open};

    #[test]
    fn migrations_run_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let first = ["CREATE TABLE a (x)"];
        let both = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"];
        drop(open(&path, &first).unwrap());
        let connection = open(&path, &both).unwrap();
        connection.execute("INSERT INTO a (x, y) VALUES (1, 2)", []).unwrap();
        drop(connection);
        open(&path, &both).unwrap();
        assert!(matches!(open(&path, &first), Err(DatabaseError::TooNew { found: 2, known: 1 })));
    }
}
