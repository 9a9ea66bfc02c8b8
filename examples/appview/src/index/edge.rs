//! Edges (likes, reposts, follows, blocks) and the tallies that count them.

use rusqlite::{Transaction, params};

/// What an edge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EdgeKind {
    Like,
    Repost,
    Follow,
    Block,
}

impl EdgeKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Like => "like",
            Self::Repost => "repost",
            Self::Follow => "follow",
            Self::Block => "block",
        }
    }
}

/// One edge; `subject` is the URI of a post or the DID of an actor.
pub(crate) struct Edge<'a> {
    pub(crate) uri: &'a str,
    pub(crate) kind: EdgeKind,
    pub(crate) did: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) sort_at: &'a str,
}

impl Edge<'_> {
    /// Adds the edge. Two records may say the same: each is stored, the first is counted.
    pub(crate) fn insert(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let first = !exists(tx, self.kind, self.did, self.subject)?;
        tx.prepare_cached(
            "INSERT INTO edge (uri, kind, did, subject, sort_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            self.uri,
            self.kind.as_str(),
            self.did,
            self.subject,
            self.sort_at
        ])?;
        if first { count(tx, self.kind, self.did, self.subject, 1) } else { Ok(()) }
    }
}

/// Removes the edge of a record, if it has one.
pub(crate) fn remove(tx: &Transaction<'_>, uri: &str, kind: EdgeKind) -> rusqlite::Result<()> {
    let mut statement =
        tx.prepare_cached("DELETE FROM edge WHERE uri = ?1 RETURNING did, subject")?;
    let ends: Vec<(String, String)> = statement
        .query_map([uri], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (did, subject) in ends {
        if !exists(tx, kind, &did, &subject)? {
            count(tx, kind, &did, &subject, -1)?;
        }
    }
    Ok(())
}

/// Changes a tally.
pub(crate) fn tally(
    tx: &Transaction<'_>,
    kind: &str,
    subject: &str,
    change: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO tally (kind, subject, count) VALUES (?1, ?2, ?3)
         ON CONFLICT (kind, subject) DO UPDATE SET count = count + ?3",
    )?
    .execute(params![kind, subject, change])?;
    Ok(())
}

fn exists(
    tx: &Transaction<'_>,
    kind: EdgeKind,
    did: &str,
    subject: &str,
) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM edge WHERE kind = ?1 AND did = ?2 AND subject = ?3")?
        .exists(params![kind.as_str(), did, subject])
}

/// Every kind is counted at its subject; follows also at the follower. Blocks are nobody's figure.
fn count(
    tx: &Transaction<'_>,
    kind: EdgeKind,
    did: &str,
    subject: &str,
    change: i64,
) -> rusqlite::Result<()> {
    match kind {
        EdgeKind::Like | EdgeKind::Repost => tally(tx, kind.as_str(), subject, change),
        EdgeKind::Follow => {
            tally(tx, "follower", subject, change)?;
            tally(tx, "following", did, change)
        }
        EdgeKind::Block => Ok(()),
    }
}
