//! App passwords: for clients that should not have the account's own.

use atproto_core::syntax::{Datetime, Did};
use rusqlite::{Row, params};
use sha2::{Digest, Sha256};

use super::{AccountError, Accounts};
use crate::{database::DatabaseError, store::column};

/// App passwords of one account. Ours: 100, far more than anybody has clients.
const LIMIT: i64 = 100;

/// An app password, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword {
    /// What its owner calls it.
    pub name: String,
    /// Whether it may read and write private messages.
    pub privileged: bool,
    /// When it was made.
    pub created_at: Datetime,
}

impl Accounts {
    /// Adds an app password. Names are unique in an account.
    pub async fn add_app_password(
        &self,
        did: &Did,
        app_password: AppPassword,
        password: &str,
    ) -> Result<(), AccountError> {
        let (did, hash) = (did.clone(), hash(did, password));
        self.write(move |connection| {
            let AppPassword { name, privileged, created_at } = app_password;
            let added = connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO app_password (did, name, hash, privileged, created_at)
                     SELECT ?1, ?2, ?3, ?4, ?5
                     WHERE (SELECT count(*) FROM app_password WHERE did = ?1) < ?6",
                )
                .and_then(|mut statement| {
                    let (did, created) = (did.as_str(), created_at.as_str());
                    statement.execute(params![did, name, hash, privileged, created, LIMIT])
                })
                .map_err(DatabaseError::from)?;
            if added == 0 { Err(AccountError::Taken("name")) } else { Ok(()) }
        })
        .await
    }

    /// The account's app password that this is, if it is one.
    pub async fn app_password(
        &self,
        did: &Did,
        password: &str,
    ) -> Result<Option<AppPassword>, DatabaseError> {
        let (did, hash) = (did.clone(), hash(did, password));
        self.read(move |connection| {
            // Comparing hashes of random passwords tells nothing through its timing.
            let mut statement = connection.prepare_cached(
                "SELECT name, privileged, created_at FROM app_password
                 WHERE did = ?1 AND hash = ?2",
            )?;
            let mut rows = statement.query(params![did.as_str(), hash])?;
            rows.next()?.map(app_password).transpose()
        })
        .await
    }

    /// An account's app passwords, by name.
    pub async fn app_passwords(&self, did: &Did) -> Result<Vec<AppPassword>, DatabaseError> {
        let did = did.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name, privileged, created_at FROM app_password
                 WHERE did = ?1 ORDER BY name",
            )?;
            let mut rows = statement.query([did.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(app_password(row)?);
            }
            Ok(found)
        })
        .await
    }

    /// Removes an app password and ends the sessions that it began.
    pub async fn revoke_app_password(&self, did: &Did, name: &str) -> Result<(), DatabaseError> {
        let (did, name) = (did.clone(), name.to_owned());
        self.write(move |connection| {
            for sql in [
                "DELETE FROM app_password WHERE did = ?1 AND name = ?2",
                "DELETE FROM refresh_token WHERE did = ?1 AND app_password = ?2",
            ] {
                connection.prepare_cached(sql)?.execute([did.as_str(), &name])?;
            }
            Ok(())
        })
        .await
    }
}

/// Salted with the account, which keeps equal passwords of two accounts apart.
fn hash(did: &Did, password: &str) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(b"app password\0");
    digest.update(did.as_str());
    digest.update(b"\0");
    digest.update(password);
    digest.finalize().to_vec()
}

fn app_password(row: &Row<'_>) -> Result<AppPassword, DatabaseError> {
    Ok(AppPassword {
        name: row.get("name")?,
        privileged: row.get("privileged")?,
        created_at: column::text(row, "created_at")?,
    })
}
