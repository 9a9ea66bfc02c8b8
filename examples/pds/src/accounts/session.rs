//! Sessions: families of refresh tokens, each made from the one before.
//!
//! A token that is presented a second time soon after the first (two tabs of a browser, an
//! answer that was lost) gets the same successor again. Presented later it has been stolen,
//! from whoever holds its successors or by them, and the whole session ends.

use atproto_core::syntax::Did;
use atproto_xrpc::auth::session::Scope;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Account, Accounts, one};
use crate::database::DatabaseError;

/// How long a used token is still good for the same successor: 2 hours, as at the
/// reference PDS.
pub const GRACE_SECONDS: u64 = 2 * 60 * 60;

/// A token to continue a session with.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    /// Its `jti`.
    pub id: String,
    /// Whose session it is.
    pub did: Did,
    /// What the session's access tokens are good for.
    pub scope: Scope,
    /// The name of the app password that began the session.
    pub app_password: Option<String>,
    /// From when on it is refused, in Unix seconds.
    pub expires: u64,
}

/// What presenting a refresh token leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// Its successor has this id and scope.
    Next {
        /// The `jti` of the next pair of tokens.
        id: String,
        /// What the session is good for.
        scope: Scope,
    },
    /// It was used too long ago. Its session has ended now.
    Reused,
    /// There is no such token: its session has ended.
    Unknown,
}

impl Accounts {
    /// Begins a session.
    pub async fn begin_session(&self, token: RefreshToken) -> Result<(), DatabaseError> {
        self.write(move |connection| add(connection, &token, &token.id)).await
    }

    /// Exchanges a refresh token. `next` and `expires` are those of the successor, should
    /// there be none yet; times are Unix seconds.
    pub async fn rotate_session(
        &self,
        id: &str,
        next: &str,
        expires: u64,
        now: u64,
    ) -> Result<Rotation, DatabaseError> {
        let (id, next) = (id.to_owned(), next.to_owned());
        self.write(move |connection| rotate(connection, &id, next, expires, now)).await
    }

    /// Ends the session that a token belongs to. One that has ended stays so.
    pub async fn end_session(&self, id: &str) -> Result<(), DatabaseError> {
        let id = id.to_owned();
        self.write(move |connection| end_family(connection, &id)).await
    }

    /// Ends all sessions of an account.
    pub async fn end_sessions(&self, did: &Did) -> Result<(), DatabaseError> {
        let did = did.clone();
        self.write(move |connection| end_all(connection, &did)).await
    }

    /// The account of a session that has not ended, by the `jti` of one of its tokens.
    pub async fn by_session(&self, did: &Did, id: &str) -> Result<Option<Account>, DatabaseError> {
        let (did, id) = (did.clone(), id.to_owned());
        self.read(move |connection| {
            let alive: Option<i64> = connection
                .prepare_cached("SELECT 1 FROM refresh_token WHERE id = ?1 AND did = ?2")?
                .query_row([id.as_str(), did.as_str()], |row| row.get(0))
                .optional()?;
            if alive.is_none() {
                return Ok(None);
            }
            one(connection, "SELECT * FROM account WHERE did = ?1", did.as_str())
        })
        .await
    }
}

/// Ends all sessions of an account, inside a transaction.
pub(super) fn end_all(connection: &Connection, did: &Did) -> Result<(), DatabaseError> {
    connection
        .prepare_cached("DELETE FROM refresh_token WHERE did = ?1")?
        .execute([did.as_str()])?;
    Ok(())
}

fn add(connection: &Connection, token: &RefreshToken, family: &str) -> Result<(), DatabaseError> {
    let RefreshToken { id, did, scope, app_password, expires } = token;
    connection
        .prepare_cached(
            "INSERT INTO refresh_token (id, did, family, scope, app_password, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id, did.as_str(), family, scope_name(*scope), app_password, expires])?;
    Ok(())
}

fn rotate(
    connection: &Connection,
    id: &str,
    next: String,
    expires: u64,
    now: u64,
) -> Result<Rotation, DatabaseError> {
    let Some(found) = stored(connection, id)? else { return Ok(Rotation::Unknown) };
    let Stored { token, family, used } = found;
    connection
        .prepare_cached("DELETE FROM refresh_token WHERE did = ?1 AND expires <= ?2")?
        .execute(params![token.did.as_str(), now])?;
    match used {
        None => {
            let successor = RefreshToken { id: next, expires, ..token };
            add(connection, &successor, &family)?;
            connection
                .prepare_cached("UPDATE refresh_token SET used = ?2, next_id = ?3 WHERE id = ?1")?
                .execute(params![id, now, successor.id])?;
            Ok(Rotation::Next { id: successor.id, scope: successor.scope })
        }
        Some((used, next)) if now < used.saturating_add(GRACE_SECONDS) => {
            Ok(Rotation::Next { id: next, scope: token.scope })
        }
        Some(_) => {
            end_family(connection, id)?;
            Ok(Rotation::Reused)
        }
    }
}

struct Stored {
    token: RefreshToken,
    family: String,
    /// When it was used, and the `jti` of its successor.
    used: Option<(u64, String)>,
}

fn stored(connection: &Connection, id: &str) -> Result<Option<Stored>, DatabaseError> {
    let mut statement = connection.prepare_cached("SELECT * FROM refresh_token WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (used, next): (Option<u64>, Option<String>) = (row.get("used")?, row.get("next_id")?);
    let token = RefreshToken {
        id: row.get("id")?,
        did: crate::store::column::text(row, "did")?,
        scope: scope(&row.get::<_, String>("scope")?)?,
        app_password: row.get("app_password")?,
        expires: row.get("expires")?,
    };
    Ok(Some(Stored { token, family: row.get("family")?, used: used.zip(next) }))
}

fn end_family(connection: &Connection, id: &str) -> Result<(), DatabaseError> {
    connection
        .prepare_cached(
            "DELETE FROM refresh_token
             WHERE family = (SELECT family FROM refresh_token WHERE id = ?1)",
        )?
        .execute([id])?;
    Ok(())
}

const SCOPES: [(Scope, &str); 4] = [
    (Scope::Access, "access"),
    (Scope::AppPassword, "app-password"),
    (Scope::AppPasswordPrivileged, "app-password-privileged"),
    (Scope::Takendown, "takendown"),
];

fn scope_name(scope: Scope) -> Option<&'static str> {
    SCOPES.into_iter().find(|(known, _)| *known == scope).map(|(_, name)| name)
}

fn scope(name: &str) -> Result<Scope, DatabaseError> {
    let found = SCOPES.into_iter().find(|(_, known)| *known == name).map(|(scope, _)| scope);
    found.ok_or_else(|| DatabaseError::Corrupt(format!("scope {name:?}")))
}
