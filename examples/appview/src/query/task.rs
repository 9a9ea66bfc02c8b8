//! Work that waits for the network, one piece an account and kind.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Transaction, params};

/// The first wait after a failure, in seconds; each further one is twice as long.
const FIRST_WAIT: i64 = 5;
/// The longest wait between two attempts, in seconds.
const MAX_WAIT: i64 = 3_600;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Look up the account's identity and prove its handle.
    Identity,
    /// Fetch the account's repo whole.
    Resync,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Resync => "resync",
        }
    }
}

/// One piece of work, as it stood when it was begun.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    kind: Kind,
    pub(crate) did: String,
    pub(crate) reason: String,
    pub(crate) attempts: i64,
    requests: i64,
}

/// Asks for work. What waits after a failure does not wait any less.
pub(crate) fn request(
    tx: &Transaction<'_>,
    kind: Kind,
    did: &str,
    reason: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO task (kind, did, reason) VALUES (?1, ?2, ?3)
         ON CONFLICT (kind, did) DO UPDATE SET reason = ?3, requests = requests + 1",
    )?
    .execute([kind.as_str(), did, reason])?;
    Ok(())
}

/// The work whose time has come, the longest overdue first.
pub(crate) fn due(tx: &Transaction<'_>, kind: Kind, limit: usize) -> rusqlite::Result<Vec<Task>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "SELECT did, reason, attempts, requests FROM task
         WHERE kind = ?1 AND due <= ?2 ORDER BY due LIMIT ?3",
    )?
    .query_map(params![kind.as_str(), unix_now(), limit], |row| {
        Ok(Task {
            kind,
            did: row.get(0)?,
            reason: row.get(1)?,
            attempts: row.get(2)?,
            requests: row.get(3)?,
        })
    })?
    .collect()
}

/// How much work of a kind waits.
pub(crate) fn count(tx: &Transaction<'_>, kind: Kind) -> rusqlite::Result<i64> {
    tx.prepare_cached("SELECT count(*) FROM task WHERE kind = ?1")?
        .query_row([kind.as_str()], |row| row.get(0))
}

/// The work is done, unless it was asked for again meanwhile.
pub(crate) fn settle(tx: &Transaction<'_>, task: &Task) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM task WHERE kind = ?1 AND did = ?2 AND requests = ?3")?
        .execute(params![task.kind.as_str(), task.did, task.requests])?;
    Ok(())
}

/// Nobody needs the work any more.
pub(crate) fn cancel(tx: &Transaction<'_>, kind: Kind, did: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM task WHERE kind = ?1 AND did = ?2")?
        .execute([kind.as_str(), did])?;
    Ok(())
}

/// The attempt failed; the next one waits twice as long.
pub(crate) fn postpone(tx: &Transaction<'_>, task: &Task) -> rusqlite::Result<()> {
    let wait = FIRST_WAIT.saturating_mul(1 << task.attempts.clamp(0, 12)).min(MAX_WAIT);
    tx.prepare_cached(
        "UPDATE task SET attempts = attempts + 1, due = ?3 WHERE kind = ?1 AND did = ?2",
    )?
    .execute(params![task.kind.as_str(), task.did, unix_now() + wait])?;
    Ok(())
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
