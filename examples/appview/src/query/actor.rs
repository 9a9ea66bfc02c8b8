//! Actors.

use rusqlite::{OptionalExtension, Row, Transaction, params};

/// An account as stored, with its profile record if it has one.
pub(crate) struct StoredActor {
    pub(crate) did: String,
    pub(crate) handle: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) indexed_at: String,
    pub(crate) profile: Option<Vec<u8>>,
}

const COLUMNS: &str = "SELECT a.did, a.handle, a.status, a.indexed_at, r.body FROM actor a
    LEFT JOIN record r ON r.uri = 'at://' || a.did || '/app.bsky.actor.profile/self'";

impl StoredActor {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            did: row.get(0)?,
            handle: row.get(1)?,
            status: row.get(2)?,
            indexed_at: row.get(3)?,
            profile: row.get(4)?,
        })
    }
}

pub(crate) fn by_did(tx: &Transaction<'_>, did: &str) -> rusqlite::Result<Option<StoredActor>> {
    tx.prepare_cached(&format!("{COLUMNS} WHERE a.did = ?1"))?
        .query_row([did], StoredActor::from_row)
        .optional()
}

/// The DID that holds a handle, as far as this AppView has verified it.
pub(crate) fn did_of_handle(
    tx: &Transaction<'_>,
    handle: &str,
) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached("SELECT did FROM actor WHERE handle = ?1 AND status IS NULL")?
        .query_row([handle], |row| row.get(0))
        .optional()
}

/// Active actors whose handle begins with the prefix, then those whose display name holds it.
pub(crate) fn typeahead(
    tx: &Transaction<'_>,
    prefix: &str,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let prefix = prefix.to_lowercase();
    tx.prepare_cached(
        "SELECT a.did FROM actor a LEFT JOIN profile p USING (did)
         WHERE a.status IS NULL
           AND (substr(a.handle, 1, length(?1)) = ?1 OR instr(lower(p.display_name), ?1) > 0)
         ORDER BY substr(a.handle, 1, length(?1)) = ?1 DESC, a.handle LIMIT ?2",
    )?
    .query_map(params![prefix, limit], |row| row.get(0))?
    .collect()
}

/// Notes that an actor exists, and that its identity is to be looked up.
pub(crate) fn discover(tx: &Transaction<'_>, did: &str, now: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO actor (did, indexed_at) VALUES (?1, ?2)")?
        .execute([did, now])?;
    Ok(())
}

/// Notes that an actor's identity may have changed.
pub(crate) fn mark_stale(tx: &Transaction<'_>, did: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE actor SET stale = 1 WHERE did = ?1")?.execute([did])?;
    Ok(())
}

/// Sets what upstream says of the account: `None` is active.
pub(crate) fn set_status(
    tx: &Transaction<'_>,
    did: &str,
    status: Option<&str>,
) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE actor SET status = ?2 WHERE did = ?1")?
        .execute(params![did, status])?;
    Ok(())
}

/// Actors whose identity should be looked up.
pub(crate) fn stale(tx: &Transaction<'_>, limit: usize) -> rusqlite::Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.prepare_cached("SELECT did FROM actor WHERE stale LIMIT ?1")?
        .query_map([limit], |row| row.get(0))?
        .collect()
}

/// Stores a verified handle. A handle belongs to one account: who had it before has to prove
/// it again.
pub(crate) fn set_handle(tx: &Transaction<'_>, did: &str, handle: &str) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE actor SET handle = NULL, stale = 1
         WHERE handle = ?2 AND did <> ?1 AND handle <> 'handle.invalid'",
    )?
    .execute([did, handle])?;
    tx.prepare_cached("UPDATE actor SET handle = ?2, stale = 0 WHERE did = ?1")?
        .execute([did, handle])?;
    Ok(())
}
