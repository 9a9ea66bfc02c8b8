//! How far repos are indexed, and which are to be fetched again.

use rusqlite::{OptionalExtension, Transaction, params};

/// The longest wait between two attempts at a repo, in seconds.
const MAX_WAIT: i64 = 3_600;

/// A repo that is to be fetched whole.
#[derive(Debug, Clone)]
pub(crate) struct Resync {
    pub(crate) did: String,
    pub(crate) reason: String,
    pub(crate) attempts: i64,
}

/// The rev up to which a repo is indexed.
pub(crate) fn rev(tx: &Transaction<'_>, did: &str) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached("SELECT rev FROM repo WHERE did = ?1")?
        .query_row([did], |row| row.get(0))
        .optional()
}

pub(crate) fn set_rev(tx: &Transaction<'_>, did: &str, rev: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO repo (did, rev) VALUES (?1, ?2)")?
        .execute([did, rev])?;
    Ok(())
}

/// Asks for a repo to be fetched. One that waits after a failure does not wait any less.
pub(crate) fn request(tx: &Transaction<'_>, did: &str, reason: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO resync (did, reason) VALUES (?1, ?2)")?
        .execute([did, reason])?;
    Ok(())
}

/// The repos whose time has come.
pub(crate) fn due(tx: &Transaction<'_>, now: i64, limit: usize) -> rusqlite::Result<Vec<Resync>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "SELECT did, reason, attempts FROM resync WHERE due <= ?1 ORDER BY due LIMIT ?2",
    )?
    .query_map([now, limit], |row| {
        Ok(Resync { did: row.get(0)?, reason: row.get(1)?, attempts: row.get(2)? })
    })?
    .collect()
}

/// How many repos wait to be fetched.
pub(crate) fn count_waiting(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("SELECT count(*) FROM resync")?.query_row([], |row| row.get(0))
}

/// The repo has been fetched, or is gone.
pub(crate) fn settle(tx: &Transaction<'_>, did: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM resync WHERE did = ?1")?.execute([did])?;
    Ok(())
}

/// The attempt failed; the next one waits twice as long.
pub(crate) fn postpone(tx: &Transaction<'_>, resync: &Resync, now: i64) -> rusqlite::Result<()> {
    let wait = 5_i64.saturating_mul(1 << resync.attempts.clamp(0, 12)).min(MAX_WAIT);
    tx.prepare_cached("UPDATE resync SET attempts = attempts + 1, due = ?2 WHERE did = ?1")?
        .execute(params![resync.did, now + wait])?;
    Ok(())
}

/// The paths of an account's records that are not newer than a rev.
pub(crate) fn uris_until(
    tx: &Transaction<'_>,
    did: &str,
    rev: &str,
) -> rusqlite::Result<Vec<String>> {
    tx.prepare_cached(
        "SELECT uri FROM record WHERE did = ?1 AND rev <= ?2
         UNION SELECT uri FROM dead_letter WHERE uri >= 'at://' || ?1 || '/' AND uri < 'at://' || ?1 || '0'",
    )?
    .query_map([did, rev], |row| row.get(0))?
    .collect()
}
