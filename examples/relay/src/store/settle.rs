//! Bringing the tables up to what the log holds.

use rusqlite::{Connection, params};

use super::account::{Account, find};
use super::host::id_of;
use super::{Store, StoreError};
use crate::change::{Change, Effect, Origin, Repo, Standing};
use crate::clock;
use crate::hostname::Hostname;

/// What is brought into the tables in one transaction.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Changes in the order of the log.
    pub changes: Vec<Change>,
    /// How far in the log these changes lead.
    pub applied: Option<i64>,
    /// Where hosts are to be taken up again.
    pub cursors: Vec<(Hostname, i64)>,
}

impl Store {
    /// Brings changes into the tables. All of them or none.
    pub async fn settle(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(move |connection| {
            for change in &batch.changes {
                apply(connection, change)?;
            }
            let mut cursor =
                connection.prepare_cached("UPDATE host SET cursor = ?2 WHERE hostname = ?1")?;
            for (hostname, seq) in &batch.cursors {
                cursor.execute(params![hostname.as_str(), seq])?;
            }
            if let Some(applied) = batch.applied {
                connection
                    .prepare_cached("UPDATE position SET applied = ?1")?
                    .execute([applied])?;
            }
            Ok(())
        })
        .await
    }

    /// How far in the log the tables have come.
    pub async fn applied(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            connection.query_row("SELECT applied FROM position", [], |row| row.get(0))
        })
        .await
    }
}

fn apply(connection: &Connection, change: &Change) -> rusqlite::Result<()> {
    let before = find(connection, &change.did)?;
    let id = match &change.origin {
        Origin::Host { host, seq } => seen_at(connection, change, before.as_ref(), host, *seq)?,
        Origin::Operator => match &before {
            Some(account) => account.id,
            // Only what is known can be taken down.
            None => return Ok(()),
        },
    };
    match &change.effect {
        Effect::Repo { repo, gained, lost } => {
            set_repo(connection, id, repo)?;
            let gain = "INSERT OR IGNORE INTO collection (collection, account) VALUES (?1, ?2)";
            for collection in gained {
                connection.prepare_cached(gain)?.execute(params![collection.as_str(), id])?;
            }
            let lose = "DELETE FROM collection WHERE collection = ?1 AND account = ?2";
            for collection in lost {
                connection.prepare_cached(lose)?.execute(params![collection.as_str(), id])?;
            }
        }
        Effect::Identity { digest } => {
            let sql = "UPDATE account SET identity = ?2, identity_at = ?3 WHERE id = ?1";
            let params = params![id, digest, clock::now_seconds()];
            connection.prepare_cached(sql)?.execute(params)?;
        }
        Effect::Standing(standing) => set_standing(connection, id, standing)?,
        Effect::Takedown(on) => {
            let sql = "UPDATE account SET taken_down = ?2 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute(params![id, on])?;
        }
    }
    recount(connection, before.as_ref(), &change.did)
}

/// Notes that a host has proven to host the account; returns the account's id.
fn seen_at(
    connection: &Connection,
    change: &Change,
    before: Option<&Account>,
    hostname: &Hostname,
    seq: i64,
) -> rusqlite::Result<i64> {
    let host = id_of(connection, hostname)?;
    match before {
        None => {
            let sql = "INSERT INTO account (did, host, host_seq) VALUES (?1, ?2, ?3)";
            let params = params![change.did.as_str(), host, seq];
            connection.prepare_cached(sql)?.execute(params)?;
            Ok(connection.last_insert_rowid())
        }
        Some(account) if account.host == *hostname => {
            let sql = "UPDATE account SET host_seq = max(host_seq, ?2) WHERE id = ?1";
            connection.prepare_cached(sql)?.execute(params![account.id, seq])?;
            Ok(account.id)
        }
        Some(account) => {
            // What the host before said of the account was said of its own copy.
            let sql = "UPDATE account SET host = ?2, host_seq = ?3, active = 1, status = NULL
                       WHERE id = ?1";
            connection.prepare_cached(sql)?.execute(params![account.id, host, seq])?;
            Ok(account.id)
        }
    }
}

fn set_repo(connection: &Connection, id: i64, repo: &Repo) -> rusqlite::Result<()> {
    let sql = "UPDATE account SET rev = ?2, data = ?3, head = ?4 WHERE id = ?1";
    let (data, head) = (repo.data.to_bytes(), repo.head.to_bytes());
    connection.prepare_cached(sql)?.execute(params![id, repo.rev.to_string(), data, head])?;
    Ok(())
}

fn set_standing(connection: &Connection, id: i64, standing: &Standing) -> rusqlite::Result<()> {
    let sql = "UPDATE account SET active = ?2, status = ?3 WHERE id = ?1";
    let params = params![id, standing.active, standing.status];
    connection.prepare_cached(sql)?.execute(params)?;
    if standing.is_deleted() {
        connection.prepare_cached("DELETE FROM collection WHERE account = ?1")?.execute([id])?;
    }
    Ok(())
}

/// Keeps the hosts' counts of accounts true: one that is deleted or has moved counts no more.
fn recount(
    connection: &Connection,
    before: Option<&Account>,
    did: &atproto_core::syntax::Did,
) -> rusqlite::Result<()> {
    let counted =
        |account: &Account| (!account.standing.is_deleted()).then(|| account.host.clone());
    let (from, to) = (before.and_then(counted), find(connection, did)?.as_ref().and_then(counted));
    if from == to {
        return Ok(());
    }
    let sql = "UPDATE host SET accounts = accounts + ?2 WHERE hostname = ?1";
    for (host, step) in [(from, -1), (to, 1)] {
        if let Some(host) = host {
            connection.prepare_cached(sql)?.execute(params![host.as_str(), step])?;
        }
    }
    Ok(())
}
