//! Lists of likes, followers and follows.

use rusqlite::{OptionalExtension, Transaction, params};

use super::Page;

/// One end of an edge, seen from the other.
pub(crate) struct Neighbour {
    pub(crate) uri: String,
    pub(crate) did: String,
    pub(crate) sort_at: String,
}

/// Who points at a subject, newest first. Whoever does so twice is listed once.
pub(crate) fn incoming(
    tx: &Transaction<'_>,
    kind: &str,
    subject: &str,
    page: &Page,
) -> rusqlite::Result<Vec<Neighbour>> {
    neighbours(
        tx,
        "SELECT uri, did, sort_at FROM edge
         WHERE kind = ?4 AND subject = ?5 AND (sort_at, uri) < (?1, ?2) AND NOT EXISTS (
             SELECT 1 FROM edge twin WHERE twin.kind = ?4 AND twin.did = edge.did
             AND twin.subject = ?5 AND twin.uri < edge.uri)
         ORDER BY sort_at DESC, uri DESC LIMIT ?3",
        [kind, subject],
        page,
    )
}

/// What an actor points at, newest first.
pub(crate) fn outgoing(
    tx: &Transaction<'_>,
    kind: &str,
    did: &str,
    page: &Page,
) -> rusqlite::Result<Vec<Neighbour>> {
    neighbours(
        tx,
        "SELECT uri, subject, sort_at FROM edge
         WHERE kind = ?4 AND did = ?5 AND (sort_at, uri) < (?1, ?2) AND NOT EXISTS (
             SELECT 1 FROM edge twin WHERE twin.kind = ?4 AND twin.did = ?5
             AND twin.subject = edge.subject AND twin.uri < edge.uri)
         ORDER BY sort_at DESC, uri DESC LIMIT ?3",
        [kind, did],
        page,
    )
}

/// The URI of the record by which an actor points at a subject.
pub(crate) fn between(
    tx: &Transaction<'_>,
    kind: &str,
    did: &str,
    subject: &str,
) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached("SELECT uri FROM edge WHERE kind = ?1 AND did = ?2 AND subject = ?3 LIMIT 1")?
        .query_row([kind, did, subject], |row| row.get(0))
        .optional()
}

/// How many edges of a kind there are at a subject.
pub(crate) fn tally(tx: &Transaction<'_>, kind: &str, subject: &str) -> rusqlite::Result<i64> {
    tx.prepare_cached("SELECT count FROM tally WHERE kind = ?1 AND subject = ?2")?
        .query_row([kind, subject], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
}

fn neighbours(
    tx: &Transaction<'_>,
    sql: &str,
    [kind, end]: [&str; 2],
    page: &Page,
) -> rusqlite::Result<Vec<Neighbour>> {
    let (sort_at, uri, limit) = page.bounds();
    tx.prepare_cached(sql)?
        .query_map(params![sort_at, uri, limit, kind, end], |row| {
            Ok(Neighbour { uri: row.get(0)?, did: row.get(1)?, sort_at: row.get(2)? })
        })?
        .collect()
}
