//! Requests, and the codes that they become.

use rusqlite::{Connection, Row, params};

use super::{
    super::{Approval, Authorization, CodeUse, ResponseMode, Session, StoreError, StoredRequest},
    account, key, key_to_text, parsed,
};
use crate::oauth::authorization_server::Fingerprint;

pub(super) fn add(
    connection: &Connection,
    id: Fingerprint,
    request: &StoredRequest,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO request (id, client_id, client_key, redirect_uri, response_mode, scopes,
                 state, code_challenge, login_hint, jkt, expires, forgotten)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
        )?
        .execute(params![
            id.as_bytes(),
            request.client_id,
            key_to_text(request.client_key.as_ref()),
            request.redirect_uri,
            request.response_mode.as_str(),
            request.scopes.to_string(),
            request.state,
            request.code_challenge,
            request.login_hint,
            request.jkt,
            request.expires,
        ])?;
    Ok(())
}

pub(super) fn open(
    connection: &Connection,
    id: Fingerprint,
    browser: Fingerprint,
    now: u64,
) -> Result<Option<StoredRequest>, StoreError> {
    connection
        .prepare_cached(
            "UPDATE request SET browser = ?2
             WHERE id = ?1 AND browser IS NULL AND expires > ?3 AND code IS NULL",
        )?
        .execute(params![id.as_bytes(), browser.as_bytes(), now])?;
    owned(connection, id, browser, now)
}

pub(super) fn take(
    connection: &Connection,
    id: Fingerprint,
    browser: Fingerprint,
    now: u64,
) -> Result<Option<StoredRequest>, StoreError> {
    let found = owned(connection, id, browser, now)?;
    if found.is_some() {
        connection.prepare_cached("DELETE FROM request WHERE id = ?1")?.execute([id.as_bytes()])?;
    }
    Ok(found)
}

pub(super) fn approve(
    connection: &Connection,
    id: Fingerprint,
    browser: Fingerprint,
    approval: &Approval,
    now: u64,
) -> Result<Option<StoredRequest>, StoreError> {
    let found = owned(connection, id, browser, now)?;
    if found.is_some() {
        let Approval { account, code, code_expires } = approval;
        connection
            .prepare_cached(
                "UPDATE request SET code = ?2, account = ?3, code_expires = ?4, forgotten = ?4
                 WHERE id = ?1",
            )?
            .execute(params![id.as_bytes(), code.as_bytes(), account.as_str(), code_expires])?;
    }
    Ok(found)
}

pub(super) fn consume_code(
    connection: &Connection,
    code: Fingerprint,
    now: u64,
) -> Result<CodeUse, StoreError> {
    let mut statement = connection.prepare_cached("SELECT * FROM request WHERE code = ?1")?;
    let mut rows = statement.query([code.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(CodeUse::Unknown) };
    let (uses, expires): (u64, u64) = (row.get("uses")?, row.get("code_expires")?);
    if uses == 0 && expires <= now {
        return Ok(CodeUse::Unknown);
    }
    connection
        .prepare_cached("UPDATE request SET uses = uses + 1 WHERE code = ?1")?
        .execute([code.as_bytes()])?;
    if uses == 0 {
        let authorization = Authorization::new(request(row)?, account(row)?);
        return Ok(CodeUse::First(Box::new(authorization)));
    }
    connection
        .prepare_cached(
            "DELETE FROM session WHERE id = (SELECT session FROM request WHERE code = ?1)",
        )?
        .execute([code.as_bytes()])?;
    Ok(CodeUse::Reused)
}

/// Notes the session that a code is exchanged for, if the code was used exactly once.
pub(super) fn attach(
    connection: &Connection,
    code: Fingerprint,
    session: &Session,
) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE request SET session = ?2, forgotten = ?3
             WHERE code = ?1 AND uses = 1 AND session IS NULL",
        )?
        .execute(params![code.as_bytes(), session.id, session.expires])?;
    Ok(changed > 0)
}

/// A request that waits for its answer.
fn owned(
    connection: &Connection,
    id: Fingerprint,
    browser: Fingerprint,
    now: u64,
) -> Result<Option<StoredRequest>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM request WHERE id = ?1 AND browser = ?2 AND expires > ?3 AND code IS NULL",
    )?;
    let mut rows = statement.query(params![id.as_bytes(), browser.as_bytes(), now])?;
    rows.next()?.map(request).transpose()
}

fn request(row: &Row<'_>) -> Result<StoredRequest, StoreError> {
    let mode: String = row.get("response_mode")?;
    let corrupt = || StoreError::Corrupt(format!("response mode {mode:?}"));
    Ok(StoredRequest {
        client_id: row.get("client_id")?,
        client_key: key(row)?,
        redirect_uri: row.get("redirect_uri")?,
        response_mode: ResponseMode::from_name(&mode).ok_or_else(corrupt)?,
        scopes: parsed(row, "scopes")?,
        state: row.get("state")?,
        code_challenge: row.get("code_challenge")?,
        login_hint: row.get("login_hint")?,
        jkt: row.get("jkt")?,
        expires: row.get("expires")?,
    })
}
