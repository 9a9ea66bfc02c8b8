//! Changes of an account's status, password and existence.

use atproto_core::syntax::Did;
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::{Account, AccountError, Accounts, Status, one, session};
use crate::database::DatabaseError;

impl Accounts {
    /// The account with this e-mail address.
    pub async fn by_email(&self, email: &str) -> Result<Option<Account>, DatabaseError> {
        let email = email.to_owned();
        self.read(move |connection| {
            one(connection, "SELECT * FROM account WHERE email = ?1", &email)
        })
        .await
    }

    /// Switches an account off or on for its owner. Under a takedown it takes effect when
    /// the takedown ends.
    pub async fn set_deactivated(
        &self,
        did: &Did,
        deactivated: bool,
    ) -> Result<Account, AccountError> {
        let status = if deactivated { Status::Deactivated } else { Status::Active };
        self.change(
            did,
            "UPDATE account SET
                 status = CASE WHEN status_below IS NULL THEN ?2 ELSE status END,
                 status_below = CASE WHEN status_below IS NULL THEN NULL ELSE ?2 END
             WHERE did = ?1 AND status <> 'deleted'",
            status.as_str().to_owned(),
            false,
        )
        .await
    }

    /// Takes an account down, with the operator's reference, and ends its sessions.
    pub async fn take_down(
        &self,
        did: &Did,
        reference: Option<String>,
    ) -> Result<Account, AccountError> {
        self.change(
            did,
            "UPDATE account SET status_below = coalesce(status_below, status),
                 status = 'takendown', takedown_ref = ?2
             WHERE did = ?1 AND status <> 'deleted'",
            reference,
            true,
        )
        .await
    }

    /// Ends a takedown: the account is what it was before.
    pub async fn lift_takedown(&self, did: &Did) -> Result<Account, AccountError> {
        self.change(
            did,
            "UPDATE account SET status = coalesce(status_below, status),
                 status_below = NULL, takedown_ref = ?2
             WHERE did = ?1 AND status <> 'deleted'",
            None::<String>,
            false,
        )
        .await
    }

    /// The operator's reference for a takedown.
    pub async fn takedown_ref(&self, did: &Did) -> Result<Option<String>, DatabaseError> {
        let did = did.clone();
        self.read(move |connection| {
            let found = connection
                .prepare_cached("SELECT takedown_ref FROM account WHERE did = ?1")?
                .query_row([did.as_str()], |row| row.get(0))
                .optional()?;
            Ok(found.flatten())
        })
        .await
    }

    /// Replaces the hash of an account's password and ends its sessions.
    pub async fn set_password(&self, did: &Did, hash: String) -> Result<Account, AccountError> {
        self.change(
            did,
            "UPDATE account SET password_hash = ?2 WHERE did = ?1 AND status <> 'deleted'",
            hash,
            true,
        )
        .await
    }

    /// Begins the end of an account: nobody can use it any more, and its handle and address
    /// are free.
    pub async fn begin_deletion(&self, did: &Did) -> Result<(), AccountError> {
        let marked = self.change(
            did,
            "UPDATE account SET status = ?2, status_below = NULL, handle = NULL,
                 email = NULL, password_hash = NULL
             WHERE did = ?1",
            Status::Deleted.as_str().to_owned(),
            true,
        );
        marked.await.map(drop)
    }

    /// Removes an account with everything in this database that belongs to it.
    pub async fn remove(&self, did: &Did) -> Result<(), DatabaseError> {
        let row = did.clone();
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM account WHERE did = ?1")?
                .execute([row.as_str()])?;
            Ok::<_, DatabaseError>(())
        })
        .await?;
        self.keys().remove(did);
        Ok(())
    }

    async fn change(
        &self,
        did: &Did,
        sql: &'static str,
        value: impl ToSql + Send + 'static,
        end_sessions: bool,
    ) -> Result<Account, AccountError> {
        let did = did.clone();
        self.write(move |connection| {
            execute(connection, sql, &did, &value)?;
            if end_sessions {
                session::end_all(connection, &did)?;
            }
            let account = one(connection, "SELECT * FROM account WHERE did = ?1", did.as_str())?;
            account.ok_or(AccountError::Unknown)
        })
        .await
    }
}

fn execute(
    connection: &Connection,
    sql: &'static str,
    did: &Did,
    value: &dyn ToSql,
) -> Result<(), AccountError> {
    let changed = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([&did.as_str() as &dyn ToSql, value]))
        .map_err(DatabaseError::from)?;
    if changed == 0 { Err(AccountError::Unknown) } else { Ok(()) }
}
