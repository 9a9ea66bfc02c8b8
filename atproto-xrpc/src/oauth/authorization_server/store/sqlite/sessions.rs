//! Sessions and their refresh tokens.

use atproto_core::syntax::Did;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    super::{Presented, Renewal, Rotation, Session, StoreError},
    account, key, key_to_text, parsed,
};
use crate::oauth::authorization_server::Fingerprint;

pub(super) fn add(connection: &Connection, session: &Session) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO session (id, account, client_id, client_key, jkt, approved, granted,
                 token_id, began, renewed, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            session.id,
            session.account.as_str(),
            session.client_id,
            key_to_text(session.client_key.as_ref()),
            session.jkt,
            session.approved.to_string(),
            session.granted.to_string(),
            session.token_id,
            session.began,
            session.renewed,
            session.expires,
        ])?;
    Ok(())
}

pub(super) fn add_refresh_token(
    connection: &Connection,
    token: Fingerprint,
    session: &Session,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO refresh_token (token, session, expires) VALUES (?1, ?2, ?3)")?
        .execute(params![token.as_bytes(), session.id, session.expires])?;
    Ok(())
}

pub(super) fn find(
    connection: &Connection,
    id: &str,
    now: u64,
) -> Result<Option<Session>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM session WHERE id = ?1 AND expires > ?2")?;
    let mut rows = statement.query(params![id, now])?;
    rows.next()?.map(session).transpose()
}

pub(super) fn of_account(
    connection: &Connection,
    did: &Did,
    now: u64,
) -> Result<Vec<Session>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM session WHERE account = ?1 AND expires > ?2 ORDER BY began, id",
    )?;
    let mut rows = statement.query(params![did.as_str(), now])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(session(row)?);
    }
    Ok(found)
}

pub(super) fn present(
    connection: &Connection,
    token: Fingerprint,
    now: u64,
) -> Result<Presented, StoreError> {
    let row: Option<(String, bool)> = connection
        .prepare_cached("SELECT session, used FROM refresh_token WHERE token = ?1")?
        .query_row([token.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, used)) = row else { return Ok(Presented::Unknown) };
    if used {
        end(connection, &id)?;
        return Ok(Presented::Reused);
    }
    let session = find(connection, &id, now)?;
    Ok(session.map_or(Presented::Unknown, |session| Presented::Current(Box::new(session))))
}

pub(super) fn rotate(
    connection: &Connection,
    token: Fingerprint,
    renewal: &Renewal,
    now: u64,
) -> Result<Rotation, StoreError> {
    let mut session = match present(connection, token, now)? {
        Presented::Current(session) => *session,
        Presented::Reused => return Ok(Rotation::Reused),
        Presented::Unknown => return Ok(Rotation::Unknown),
    };
    session.token_id.clone_from(&renewal.token_id);
    session.granted = renewal.granted.clone();
    (session.expires, session.renewed) = (renewal.expires, now);
    connection
        .prepare_cached("UPDATE refresh_token SET used = 1 WHERE token = ?1")?
        .execute([token.as_bytes()])?;
    connection
        .prepare_cached(
            "UPDATE session SET token_id = ?2, granted = ?3, expires = ?4, renewed = ?5
             WHERE id = ?1",
        )?
        .execute(params![
            session.id,
            session.token_id,
            session.granted.to_string(),
            session.expires,
            session.renewed,
        ])?;
    connection
        .prepare_cached("UPDATE request SET forgotten = ?2 WHERE session = ?1")?
        .execute(params![session.id, session.expires])?;
    add_refresh_token(connection, renewal.refresh, &session)?;
    Ok(Rotation::Renewed(Box::new(session)))
}

pub(super) fn end(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    let removed = connection.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([id])?;
    Ok(removed > 0)
}

fn session(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.get("id")?,
        account: account(row)?,
        client_id: row.get("client_id")?,
        client_key: key(row)?,
        jkt: row.get("jkt")?,
        approved: parsed(row, "approved")?,
        granted: parsed(row, "granted")?,
        token_id: row.get("token_id")?,
        began: row.get("began")?,
        renewed: row.get("renewed")?,
        expires: row.get("expires")?,
    })
}
