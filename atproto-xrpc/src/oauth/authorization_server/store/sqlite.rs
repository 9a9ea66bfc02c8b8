//! The store in one SQLite file.

mod requests;
mod sessions;

use std::{
    path::Path,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use atproto_core::syntax::Did;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use super::{
    Approval, AuthorizationStore, ClientKey, CodeUse, Memory, Presented, Renewal, Rotation,
    Session, StoreError, Stored, StoredRequest,
};
use crate::oauth::authorization_server::Fingerprint;

/// How many requests that nobody has answered, and how many memories, a [`SqliteStore`] holds,
/// unless something else is said: what strangers can make it store. Ours: some hundred megabytes.
pub const SQLITE_CAPACITY: usize = 1 << 20;

/// What an authorization server remembers, in one SQLite file. Each verb is one transaction,
/// durable when it returns; it runs on a thread that may block.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    capacity: usize,
}

impl SqliteStore {
    /// Opens a file, which is made if it is not there. Blocking.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::of(Connection::open(path)?)
    }

    /// A store that is gone with the process.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::of(Connection::open_in_memory()?)
    }

    /// The same store, which refuses more than so many unanswered requests, and more than so
    /// many memories, once those that have expired are gone.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    fn of(mut connection: Connection) -> Result<Self, StoreError> {
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        )?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => {
                transaction.execute_batch(include_str!("schema.sql"))?;
                transaction.pragma_update(None, "user_version", VERSION)?;
            }
            VERSION => {}
            other => return Err(StoreError::Corrupt(format!("schema version {other}"))),
        }
        transaction.commit()?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), capacity: SQLITE_CAPACITY })
    }

    /// Looks at something; nobody waits for it but this process.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Stored<'_, T> {
        self.run(TransactionBehavior::Deferred, work)
    }

    /// Does something in one transaction; an error undoes it. It goes on to its end even when
    /// the caller is dropped.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Stored<'_, T> {
        self.run(TransactionBehavior::Immediate, work)
    }

    fn run<T: Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Stored<'_, T> {
        let connection = Arc::clone(&self.connection);
        Box::pin(async move {
            let job = tokio::task::spawn_blocking(move || {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let transaction = connection.transaction_with_behavior(behavior)?;
                let result = work(&transaction)?;
                transaction.commit()?;
                Ok(result)
            });
            job.await.map_err(|error| StoreError::Database(Box::new(error)))?
        })
    }
}

impl AuthorizationStore for SqliteStore {
    fn add_request(&self, id: Fingerprint, request: StoredRequest, now: u64) -> Stored<'_, ()> {
        let capacity = self.capacity;
        self.write(move |transaction| {
            make_room(transaction, "request WHERE code IS NULL", capacity, now)?;
            requests::add(transaction, id, &request)
        })
    }

    fn open_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>> {
        self.write(move |transaction| requests::open(transaction, id, browser, now))
    }

    fn take_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>> {
        self.write(move |transaction| requests::take(transaction, id, browser, now))
    }

    fn approve_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        approval: Approval,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>> {
        self.write(move |transaction| requests::approve(transaction, id, browser, &approval, now))
    }

    fn consume_code(&self, code: Fingerprint, now: u64) -> Stored<'_, CodeUse> {
        self.write(move |transaction| requests::consume_code(transaction, code, now))
    }

    fn begin_session(
        &self,
        code: Fingerprint,
        session: Session,
        refresh: Option<Fingerprint>,
        _now: u64,
    ) -> Stored<'_, bool> {
        self.write(move |transaction| {
            if !requests::attach(transaction, code, &session)? {
                return Ok(false);
            }
            sessions::add(transaction, &session)?;
            if let Some(refresh) = refresh {
                sessions::add_refresh_token(transaction, refresh, &session)?;
            }
            Ok(true)
        })
    }

    fn session(&self, id: &str, now: u64) -> Stored<'_, Option<Session>> {
        let id = id.to_owned();
        self.read(move |transaction| sessions::find(transaction, &id, now))
    }

    fn present_refresh_token(&self, token: Fingerprint, now: u64) -> Stored<'_, Presented> {
        self.write(move |transaction| sessions::present(transaction, token, now))
    }

    fn rotate_session(
        &self,
        token: Fingerprint,
        renewal: Renewal,
        now: u64,
    ) -> Stored<'_, Rotation> {
        self.write(move |transaction| sessions::rotate(transaction, token, &renewal, now))
    }

    fn end_session(&self, id: &str) -> Stored<'_, bool> {
        let id = id.to_owned();
        self.write(move |transaction| sessions::end(transaction, &id))
    }

    fn sessions_of(&self, account: &Did, now: u64) -> Stored<'_, Vec<Session>> {
        let account = account.clone();
        self.read(move |transaction| sessions::of_account(transaction, &account, now))
    }

    fn end_sessions_of(&self, account: &Did) -> Stored<'_, usize> {
        let account = account.clone();
        self.write(move |transaction| {
            transaction
                .prepare_cached("DELETE FROM request WHERE account = ?1 AND session IS NULL")?
                .execute([account.as_str()])?;
            let mut sessions =
                transaction.prepare_cached("DELETE FROM session WHERE account = ?1")?;
            Ok(sessions.execute([account.as_str()])?)
        })
    }

    fn remember(&self, kind: Memory, id: Fingerprint, expires: u64, now: u64) -> Stored<'_, bool> {
        let capacity = self.capacity;
        self.write(move |transaction| {
            let is_known = transaction
                .prepare_cached(
                    "SELECT 1 FROM memory WHERE kind = ?1 AND id = ?2 AND expires > ?3",
                )?
                .exists(params![kind.as_str(), id.as_bytes(), now])?;
            if is_known {
                return Ok(false);
            }
            make_room(transaction, "memory WHERE TRUE", capacity, now)?;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO memory (kind, id, expires) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![kind.as_str(), id.as_bytes(), expires])?;
            Ok(true)
        })
    }

    fn expire(&self, now: u64) -> Stored<'_, usize> {
        self.write(move |transaction| {
            let mut removed = 0;
            for sql in [
                "DELETE FROM request WHERE forgotten <= ?1",
                "DELETE FROM refresh_token WHERE expires <= ?1",
                "DELETE FROM session WHERE expires <= ?1",
                "DELETE FROM memory WHERE expires <= ?1",
            ] {
                removed += transaction.prepare_cached(sql)?.execute([now])?;
            }
            Ok(removed)
        })
    }
}

/// Looks for what has expired only when there is no room.
fn make_room(
    transaction: &Transaction<'_>,
    rows: &str,
    capacity: usize,
    now: u64,
) -> Result<(), StoreError> {
    let count = || -> Result<usize, StoreError> {
        let mut statement = transaction.prepare_cached(&format!("SELECT count(*) FROM {rows}"))?;
        Ok(statement.query_row([], |row| row.get(0))?)
    };
    if count()? < capacity {
        return Ok(());
    }
    let expired = format!("DELETE FROM {rows} AND expires <= ?1");
    transaction.prepare_cached(&expired)?.execute([now])?;
    if count()? < capacity { Ok(()) } else { Err(StoreError::Full) }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

/// A column that holds what another type writes as text.
fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| StoreError::Corrupt(format!("{column} {text:?}")))
}

fn account(row: &Row<'_>) -> Result<Did, StoreError> {
    let text: String = row.get("account")?;
    Did::new(&text).map_err(|_| StoreError::Corrupt(format!("account {text:?}")))
}

fn key_to_text(key: Option<&ClientKey>) -> Option<String> {
    key.map(|ClientKey { kid, alg, jkt }| serde_json::json!([kid, alg, jkt]).to_string())
}

fn key(row: &Row<'_>) -> Result<Option<ClientKey>, StoreError> {
    let Some(text) = row.get::<_, Option<String>>("client_key")? else { return Ok(None) };
    let parts: Result<[String; 3], _> = serde_json::from_str(&text);
    let [kid, alg, jkt] = parts.map_err(|_| StoreError::Corrupt(format!("client key {text:?}")))?;
    Ok(Some(ClientKey { kid, alg, jkt }))
}

const VERSION: i64 = 1;
/// How long a transaction waits for another process. Ours.
const BUSY: Duration = Duration::from_secs(10);
/// More than there are.
const STATEMENTS: usize = 64;
