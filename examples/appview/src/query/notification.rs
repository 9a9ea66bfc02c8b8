//! What somebody was told.

use rusqlite::{OptionalExtension, Transaction, params};

use super::Page;

/// One notification, with the record that caused it.
pub(crate) struct StoredNotification {
    pub(crate) uri: String,
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) subject: Option<String>,
    pub(crate) sort_at: String,
    pub(crate) cid: String,
    pub(crate) body: Vec<u8>,
    pub(crate) indexed_at: String,
}

/// A page of notifications of active authors, newest first.
pub(crate) fn list(
    tx: &Transaction<'_>,
    recipient: &str,
    page: &Page,
) -> rusqlite::Result<Vec<StoredNotification>> {
    let (sort_at, uri, limit) = page.bounds();
    tx.prepare_cached(
        "SELECT n.uri, n.author, n.reason, n.subject, n.sort_at, r.cid, r.body, r.indexed_at
         FROM notification n JOIN record r USING (uri) LEFT JOIN actor a ON a.did = n.author
         WHERE n.recipient = ?4 AND (n.sort_at, n.uri) < (?1, ?2) AND a.status IS NULL
         ORDER BY n.sort_at DESC, n.uri DESC LIMIT ?3",
    )?
    .query_map(params![sort_at, uri, limit, recipient], |row| {
        Ok(StoredNotification {
            uri: row.get(0)?,
            author: row.get(1)?,
            reason: row.get(2)?,
            subject: row.get(3)?,
            sort_at: row.get(4)?,
            cid: row.get(5)?,
            body: row.get(6)?,
            indexed_at: row.get(7)?,
        })
    })?
    .collect()
}

/// How many of those that [`list`] shows came after the recipient last looked.
pub(crate) fn count_unread(tx: &Transaction<'_>, recipient: &str) -> rusqlite::Result<i64> {
    let seen = seen_at(tx, recipient)?.unwrap_or_default();
    tx.prepare_cached(
        "SELECT count(*) FROM notification n JOIN record r USING (uri)
         LEFT JOIN actor a ON a.did = n.author
         WHERE n.recipient = ?1 AND n.sort_at > ?2 AND a.status IS NULL AND NOT EXISTS (
             SELECT 1 FROM edge WHERE kind = 'block'
             AND ((did = ?1 AND subject = n.author) OR (did = n.author AND subject = ?1)))",
    )?
    .query_row([recipient, &seen], |row| row.get(0))
}

/// When the recipient last looked.
pub(crate) fn seen_at(tx: &Transaction<'_>, recipient: &str) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached("SELECT seen_at FROM seen WHERE did = ?1")?
        .query_row([recipient], |row| row.get(0))
        .optional()
}

/// Notes that the recipient has looked.
pub(crate) fn set_seen(tx: &Transaction<'_>, recipient: &str, at: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO seen (did, seen_at) VALUES (?1, ?2)")?
        .execute([recipient, at])?;
    Ok(())
}
