//! How far repos are indexed.

use rusqlite::{OptionalExtension, Transaction};

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

/// Nothing of the repo is indexed any more.
pub(crate) fn forget(tx: &Transaction<'_>, did: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM repo WHERE did = ?1")?.execute([did])?;
    Ok(())
}

/// Every repo of which something is indexed.
pub(crate) fn all(tx: &Transaction<'_>) -> rusqlite::Result<Vec<String>> {
    tx.prepare_cached("SELECT did FROM repo")?.query_map([], |row| row.get(0))?.collect()
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
