//! Posts and their places in threads.

use rusqlite::{OptionalExtension, Row, Transaction, params};

/// A post as stored.
pub(crate) struct StoredPost {
    pub(crate) did: String,
    pub(crate) cid: String,
    pub(crate) body: Vec<u8>,
    pub(crate) indexed_at: String,
    pub(crate) reply_parent: Option<String>,
    pub(crate) reply_root: Option<String>,
}

impl StoredPost {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            did: row.get(0)?,
            cid: row.get(1)?,
            body: row.get(2)?,
            indexed_at: row.get(3)?,
            reply_parent: row.get(4)?,
            reply_root: row.get(5)?,
        })
    }
}

/// One post, unless it does not exist or its account is not active.
pub(crate) fn by_uri(tx: &Transaction<'_>, uri: &str) -> rusqlite::Result<Option<StoredPost>> {
    tx.prepare_cached(
        "SELECT p.did, r.cid, r.body, r.indexed_at, p.reply_parent, p.reply_root
         FROM post p JOIN record r USING (uri) LEFT JOIN actor a ON a.did = p.did
         WHERE p.uri = ?1 AND a.status IS NULL",
    )?
    .query_row([uri], StoredPost::from_row)
    .optional()
}

/// The direct replies to a post, oldest first.
pub(crate) fn replies(
    tx: &Transaction<'_>,
    parent: &str,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.prepare_cached("SELECT uri FROM post WHERE reply_parent = ?1 ORDER BY sort_at LIMIT ?2")?
        .query_map(params![parent, limit], |row| row.get(0))?
        .collect()
}
