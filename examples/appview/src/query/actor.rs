//! Actors.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::task::{self, Kind};

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

/// Notes that an actor exists; its identity is looked up the first time.
pub(crate) fn discover(tx: &Transaction<'_>, did: &str, now: &str) -> rusqlite::Result<()> {
    let new = tx
        .prepare_cached("INSERT OR IGNORE INTO actor (did, indexed_at) VALUES (?1, ?2)")?
        .execute([did, now])?;
    if new > 0 { task::request(tx, Kind::Identity, did, "new") } else { Ok(()) }
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

/// Notes whether the account's records were removed for good.
pub(crate) fn note_purged(tx: &Transaction<'_>, did: &str, purged: bool) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE actor SET purged = ?2 WHERE did = ?1")?
        .execute(params![did, purged])?;
    Ok(())
}

/// Whether the account's records were removed for good.
pub(crate) fn is_purged(tx: &Transaction<'_>, did: &str) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM actor WHERE did = ?1 AND purged")?.exists([did])
}

/// Stores a verified handle. A handle belongs to one account: who had it before has to prove
/// it again.
pub(crate) fn set_handle(tx: &Transaction<'_>, did: &str, handle: &str) -> rusqlite::Result<()> {
    let losers: Vec<String> = tx
        .prepare_cached(
            "UPDATE actor SET handle = NULL
             WHERE handle = ?2 AND did <> ?1 AND handle <> 'handle.invalid' RETURNING did",
        )?
        .query_map([did, handle], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for loser in losers {
        task::request(tx, Kind::Identity, &loser, "contested")?;
    }
    tx.prepare_cached("UPDATE actor SET handle = ?2 WHERE did = ?1")?.execute([did, handle])?;
    Ok(())
}
