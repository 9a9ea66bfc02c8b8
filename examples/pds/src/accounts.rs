//! The accounts of this server and their signing keys, in one SQLite file.
//!
//! The file holds secrets; its directory is readable for the server's user alone.

mod app_password;
mod invite;
mod preference;
pub mod reservation;
mod session;
mod standing;

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::{AtIdentifier, Datetime, Did, Handle},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    database::{self, DatabaseError, Pool},
    store::column,
};

pub use app_password::AppPassword;
pub use invite::Invite;
pub use preference::Preference;
pub use session::{GRACE_SECONDS, RefreshToken, Rotation};

const MIGRATIONS: &[&str] =
    &[include_str!("accounts/schema.sql"), include_str!("accounts/credentials.sql")];
/// Parsed signing keys kept in memory; ours: about 100 bytes each.
const KEYS: usize = 10_000;

/// The account database. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Accounts {
    writer: Arc<AsyncMutex<Connection>>,
    reader: Arc<AsyncMutex<Connection>>,
    pool: Pool,
    keys: Arc<Mutex<HashMap<Did, Arc<SecretKey>>>>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who it is.
    pub did: Did,
    /// Its handle; `None` once somebody else has it.
    pub handle: Option<Handle>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// The hash of its password, in PHC form.
    pub password_hash: Option<String>,
    /// Whether it is active.
    pub status: Status,
    /// When it was made here.
    pub created_at: Datetime,
}

/// Whether an account is active, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Everything is served.
    Active,
    /// Its owner has switched it off, or it is moving in.
    Deactivated,
    /// It is gone; what is left is being removed.
    Deleted,
    /// Switched off for a time by this server's operator.
    Suspended,
    /// Switched off by this server's operator.
    Takendown,
}

impl Status {
    /// The word for it, in `#account` events and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
            Self::Suspended => "suspended",
            Self::Takendown => "takendown",
        }
    }

    /// The `status` field of events and answers: absent while the account is active.
    pub fn event_status(self) -> Option<&'static str> {
        (self != Self::Active).then(|| self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let all =
            [Self::Active, Self::Deactivated, Self::Deleted, Self::Suspended, Self::Takendown];
        all.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

/// A word that names no account status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownStatus;

impl fmt::Display for UnknownStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no account status")
    }
}

impl std::error::Error for UnknownStatus {}

/// Why an account was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The store failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The DID, the handle or the address belongs to another account.
    #[error("{0} is already taken")]
    Taken(&'static str),
    /// There is no such invite code, or it is used up.
    #[error("the invite code is not available")]
    InviteCode,
    /// There is no such account.
    #[error("there is no such account")]
    Unknown,
}

impl Accounts {
    /// Opens the database and brings its schema up to date. Blocking.
    pub fn open(path: &Path, pool: Pool) -> Result<Self, DatabaseError> {
        let writer = database::open(path, MIGRATIONS)?;
        let reader = database::open_read_only(path)?;
        Ok(Self {
            writer: Arc::new(AsyncMutex::new(writer)),
            reader: Arc::new(AsyncMutex::new(reader)),
            pool,
            keys: Arc::default(),
        })
    }

    /// Adds an account together with its signing key, or neither.
    pub async fn add(&self, account: Account, key: Arc<SecretKey>) -> Result<(), AccountError> {
        self.write(move |connection| insert(connection, &account, &key)).await
    }

    /// Sets whether an account is active. The outside learns of it through
    /// [`App::announce`](crate::app::App::announce).
    pub async fn set_status(&self, did: &Did, status: Status) -> Result<(), AccountError> {
        let did = did.clone();
        self.write(move |connection| {
            let changed = connection
                .prepare_cached("UPDATE account SET status = ?2 WHERE did = ?1")
                .and_then(|mut statement| statement.execute([did.as_str(), status.as_str()]))
                .map_err(DatabaseError::from)?;
            if changed == 0 { Err(AccountError::Unknown) } else { Ok(()) }
        })
        .await
    }

    /// The account with this DID or handle.
    pub async fn find(&self, who: &AtIdentifier) -> Result<Option<Account>, DatabaseError> {
        match who {
            AtIdentifier::Did(did) => self.by_did(did).await,
            AtIdentifier::Handle(handle) => self.by_handle(handle).await,
        }
    }

    /// The account with this DID.
    pub async fn by_did(&self, did: &Did) -> Result<Option<Account>, DatabaseError> {
        let did = did.clone();
        self.read(move |connection| {
            one(connection, "SELECT * FROM account WHERE did = ?1", did.as_str())
        })
        .await
    }

    /// The account with this handle.
    pub async fn by_handle(&self, handle: &Handle) -> Result<Option<Account>, DatabaseError> {
        let handle = handle.clone();
        self.read(move |connection| {
            one(connection, "SELECT * FROM account WHERE handle = ?1", handle.as_str())
        })
        .await
    }

    /// The accounts in the order in which they were made, each with its place in that
    /// order: at most `limit` of those after the place `after`.
    pub async fn page(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, Account)>, DatabaseError> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT * FROM account WHERE id > ?1 ORDER BY id LIMIT ?2")?;
            let mut rows = statement.query(params![after, limit])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push((row.get("id")?, account(row)?));
            }
            Ok(page)
        })
        .await
    }

    /// The key that signs for an account.
    pub async fn signing_key(&self, did: &Did) -> Result<Option<Arc<SecretKey>>, DatabaseError> {
        if let Some(key) = self.keys().get(did) {
            return Ok(Some(Arc::clone(key)));
        }
        let wanted = did.clone();
        let found = self.read(move |connection| signing_key(connection, &wanted)).await?;
        let Some(key) = found.map(Arc::new) else { return Ok(None) };
        let mut keys = self.keys();
        if keys.len() >= KEYS {
            keys.clear();
        }
        keys.insert(did.clone(), Arc::clone(&key));
        Ok(Some(key))
    }

    /// Reads; all that `work` sees is of one state.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let mut connection = Arc::clone(&self.reader).lock_owned().await;
        self.pool
            .run(move || {
                let transaction = connection.transaction().map_err(DatabaseError::from)?;
                work(&transaction)
            })
            .await
    }

    /// Writes in one transaction; an error undoes it.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let mut connection = Arc::clone(&self.writer).lock_owned().await;
        self.pool
            .run(move || {
                let transaction = connection.transaction().map_err(DatabaseError::from)?;
                let result = work(&transaction)?;
                transaction.commit().map_err(DatabaseError::from)?;
                Ok(result)
            })
            .await
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, HashMap<Did, Arc<SecretKey>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(connection: &Connection, account: &Account, key: &SecretKey) -> Result<(), AccountError> {
    let Account { did, handle, email, password_hash, status, created_at } = account;
    let handle = handle.as_ref().map(Handle::as_str);
    connection
        .prepare_cached(
            "INSERT INTO account (did, handle, email, password_hash, status, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut statement| {
            let (did, status, created) = (did.as_str(), status.as_str(), created_at.as_str());
            statement.execute(params![did, handle, email, password_hash, status, created])
        })
        .map_err(taken)?;
    let curve = match key.public_key().curve() {
        Curve::K256 => "k256",
        Curve::P256 => "p256",
    };
    connection
        .prepare_cached("INSERT INTO signing_key (did, curve, secret) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| {
            statement.execute(params![did.as_str(), curve, key.to_bytes().as_slice()])
        })
        .map_err(DatabaseError::from)?;
    Ok(())
}

fn taken(error: rusqlite::Error) -> AccountError {
    let message = error.to_string();
    let columns = ["did", "handle", "email"];
    let column = columns.into_iter().find(|name| message.ends_with(&format!("account.{name}")));
    match column {
        Some(column) => AccountError::Taken(column),
        None => AccountError::Database(error.into()),
    }
}

fn one(
    connection: &Connection,
    sql: &'static str,
    key: &str,
) -> Result<Option<Account>, DatabaseError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(account).transpose()
}

fn account(row: &Row<'_>) -> Result<Account, DatabaseError> {
    let handle: Option<String> = row.get("handle")?;
    Ok(Account {
        did: column::text(row, "did")?,
        handle: handle.is_some().then(|| column::text(row, "handle")).transpose()?,
        email: row.get("email")?,
        password_hash: row.get("password_hash")?,
        status: column::text(row, "status")?,
        created_at: column::text(row, "created_at")?,
    })
}

fn signing_key(connection: &Connection, did: &Did) -> Result<Option<SecretKey>, DatabaseError> {
    let row: Option<(String, Vec<u8>)> = connection
        .prepare_cached("SELECT curve, secret FROM signing_key WHERE did = ?1")?
        .query_row([did.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((curve, secret)) = row else { return Ok(None) };
    let corrupt = || DatabaseError::Corrupt(format!("signing key of {did}"));
    let curve = match curve.as_str() {
        "k256" => Curve::K256,
        "p256" => Curve::P256,
        _ => return Err(corrupt()),
    };
    SecretKey::from_bytes(curve, &secret).map(Some).map_err(|_| corrupt())
}
