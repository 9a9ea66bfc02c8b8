//! Handles that are taken before the directory is asked, so that two requests cannot both
//! have it asked for the same one.

use std::sync::Arc;

use atproto_core::{
    crypto::SecretKey,
    syntax::{Datetime, Did, Handle},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Account, AccountError, Accounts, insert};
use crate::{database::DatabaseError, store::column};

/// What is kept free for one change of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its number.
    pub id: i64,
    /// The handle.
    pub handle: Handle,
    /// Who is going to have it.
    pub did: Did,
}

/// What is going to be reserved.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The handle.
    pub handle: Handle,
    /// The address of a new account.
    pub email: Option<String>,
    /// Who is going to have them.
    pub did: Did,
    /// The invite code that is used up for it.
    pub invite_code: Option<String>,
}

impl Accounts {
    /// Reserves a handle, and for a new account its address and one use of its invite
    /// code: all of them or none.
    pub async fn reserve(&self, wish: Wish) -> Result<Reservation, AccountError> {
        self.write(move |connection| {
            check_free(connection, &wish)?;
            if let Some(code) = &wish.invite_code {
                use_invite(connection, code)?;
            }
            let (handle, did) = (wish.handle.as_str(), wish.did.as_str());
            connection
                .prepare_cached(
                    "INSERT INTO reservation (handle, email, did, invite_code)
                     VALUES (?1, ?2, ?3, ?4)",
                )
                .and_then(|mut statement| {
                    statement.execute(params![handle, wish.email, did, wish.invite_code])
                })
                .map_err(DatabaseError::from)?;
            let id = connection.last_insert_rowid();
            Ok(Reservation { id, handle: wish.handle, did: wish.did })
        })
        .await
    }

    /// Turns a reservation into an account with its signing key.
    pub async fn redeem(
        &self,
        reservation: &Reservation,
        account: Account,
        key: Arc<SecretKey>,
    ) -> Result<(), AccountError> {
        let id = reservation.id;
        self.write(move |connection| {
            insert(connection, &account, &key)?;
            note_invite_use(connection, id)?;
            Ok(forget(connection, id)?)
        })
        .await
    }

    /// Gives an existing account the handle that was reserved for it.
    pub async fn take_handle(&self, reservation: Reservation) -> Result<(), AccountError> {
        self.write(move |connection| {
            let (did, handle) = (reservation.did.as_str(), reservation.handle.as_str());
            let changed = connection
                .prepare_cached("UPDATE account SET handle = ?2 WHERE did = ?1")
                .and_then(|mut statement| statement.execute([did, handle]))
                .map_err(DatabaseError::from)?;
            forget(connection, reservation.id)?;
            if changed == 0 { Err(AccountError::Unknown) } else { Ok(()) }
        })
        .await
    }

    /// Frees what was reserved; the invite code can be used again.
    pub async fn release(&self, reservation: &Reservation) -> Result<(), DatabaseError> {
        let id = reservation.id;
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE invite_code SET uses_left = uses_left + 1
                     WHERE code = (SELECT invite_code FROM reservation WHERE id = ?1)",
                )?
                .execute([id])?;
            forget(connection, id)
        })
        .await
    }

    /// What is reserved at the moment.
    pub async fn reservations(&self) -> Result<Vec<Reservation>, DatabaseError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, handle, did FROM reservation")?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(reservation(row)?);
            }
            Ok(found)
        })
        .await
    }
}

/// Whether anybody has, or is about to have, any of it.
fn check_free(connection: &Connection, wish: &Wish) -> Result<(), AccountError> {
    let columns = [("handle", Some(wish.handle.as_str())), ("email", wish.email.as_deref())];
    for (column, value) in columns {
        let Some(value) = value else { continue };
        for table in ["account", "reservation"] {
            let sql = format!("SELECT 1 FROM {table} WHERE {column} = ?1");
            let found: Option<i64> = connection
                .prepare_cached(&sql)
                .and_then(|mut statement| statement.query_row([value], |row| row.get(0)).optional())
                .map_err(DatabaseError::from)?;
            if found.is_some() {
                return Err(AccountError::Taken(column));
            }
        }
    }
    Ok(())
}

/// Takes one use of a code. One conditional statement: two requests cannot take the same.
fn use_invite(connection: &Connection, code: &str) -> Result<(), AccountError> {
    let taken = connection
        .prepare_cached(
            "UPDATE invite_code SET uses_left = uses_left - 1
             WHERE code = ?1 AND uses_left > 0",
        )
        .and_then(|mut statement| statement.execute([code]))
        .map_err(DatabaseError::from)?;
    if taken == 0 { Err(AccountError::InviteCode) } else { Ok(()) }
}

fn note_invite_use(connection: &Connection, reservation: i64) -> Result<(), DatabaseError> {
    connection
        .prepare_cached(
            "INSERT INTO invite_use (code, used_by, used_at)
             SELECT invite_code, did, ?2 FROM reservation
             WHERE id = ?1 AND invite_code IS NOT NULL",
        )?
        .execute(params![reservation, Datetime::now().as_str()])?;
    Ok(())
}

fn forget(connection: &Connection, id: i64) -> Result<(), DatabaseError> {
    connection.prepare_cached("DELETE FROM reservation WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn reservation(row: &Row<'_>) -> Result<Reservation, DatabaseError> {
    Ok(Reservation {
        id: row.get("id")?,
        handle: column::text(row, "handle")?,
        did: column::text(row, "did")?,
    })
}
