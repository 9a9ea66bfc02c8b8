use std::sync::Arc;

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_repo::sync::RepoState;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, types::Type};

use super::tracking;
use crate::{
    checkpoint::{Checkpoint, Head, ParkedRef, Reject, StoredFilter},
    state::{MAX_REJECTS, StoreError},
};

/// Creates the tables, whose names begin with `firehose_`, unless they are there.
///
/// # Errors
/// [`StoreError`].
pub fn create(connection: &Connection) -> Result<(), StoreError> {
    let tables = [TABLES, tracking::TABLES].concat();
    connection.execute_batch(&tables).map_err(StoreError::new)?;
    for table in LATER {
        add_gaps(connection, table).map_err(StoreError::new)?;
    }
    Ok(())
}

/// The checkpoint that was saved last, without heads and rejects. The default value if none
/// was.
///
/// # Errors
/// [`StoreError`].
pub fn load(connection: &Connection) -> Result<Checkpoint, StoreError> {
    let position = connection
        .query_row(
            "SELECT epoch, cursor, received, unsettled, gaps FROM firehose_position",
            [],
            |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?, row.get(4)?))
            },
        )
        .optional()
        .map_err(StoreError::new)?;
    let Some((epoch, cursor, received, unsettled, gaps)) = position else {
        return Ok(Checkpoint::default());
    };
    let unsettled = serde_json::from_str(&unsettled).map_err(StoreError::new)?;
    let filter = filter(connection).map_err(StoreError::new)?;
    let (upstream, positions) = upstreams(connection).map_err(StoreError::new)?;
    Ok(Checkpoint {
        epoch,
        cursor,
        received,
        unsettled,
        filter,
        upstream,
        positions,
        gaps,
        ..Checkpoint::default()
    })
}

/// As [`load`], and raises the stored epoch above the one returned, so that older consumers
/// are fenced off once the transaction is committed.
///
/// # Errors
/// [`StoreError`].
pub fn take_over(transaction: &Transaction<'_>) -> Result<Checkpoint, StoreError> {
    let before = load(transaction)?;
    transaction
        .execute(
            "INSERT INTO firehose_position (one, epoch, received, unsettled)
             VALUES (1, 1, 0, '[]') ON CONFLICT (one) DO UPDATE SET epoch = epoch + 1",
            [],
        )
        .map_err(StoreError::new)?;
    Ok(before)
}

/// What was last saved of an account.
///
/// # Errors
/// [`StoreError`].
pub fn head(connection: &Connection, did: &Did) -> Result<Option<Head>, StoreError> {
    let found = connection
        .prepare_cached("SELECT rev, data, active, gaps FROM firehose_head WHERE did = ?1")
        .and_then(|mut statement| statement.query_row([did.as_str()], columns).optional())
        .map_err(StoreError::new)?;
    let Some((rev, data, active, gaps)) = found else { return Ok(None) };
    let state = match (rev, data) {
        (Some(rev), Some(data)) => Some(RepoState {
            rev: rev.parse::<Tid>().map_err(StoreError::new)?,
            data: Cid::from_bytes(&data).map_err(StoreError::new)?,
        }),
        _ => None,
    };
    Ok(Some(Head { state, active, gaps }))
}

/// Saves a checkpoint in a transaction, together with whatever else is in it.
///
/// # Errors
/// [`StoreError`]; it [is fenced](StoreError::is_fenced) if a later consumer has taken over:
/// then the transaction must not be committed.
pub fn save(transaction: &Transaction<'_>, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    let stored: Option<u64> = transaction
        .query_row("SELECT epoch FROM firehose_position", [], |row| row.get(0))
        .optional()
        .map_err(StoreError::new)?;
    if let Some(stored) = stored.filter(|stored| *stored > checkpoint.epoch) {
        return Err(StoreError::fenced(checkpoint.epoch, stored));
    }
    let unsettled = serde_json::to_string(&checkpoint.unsettled).map_err(StoreError::new)?;
    let Checkpoint { epoch, cursor, received, gaps, .. } = checkpoint;
    transaction
        .execute(
            "INSERT OR REPLACE INTO firehose_position (one, epoch, cursor, received, unsettled, gaps)
             VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![epoch, cursor, received, unsettled, gaps],
        )
        .and_then(|_| save_heads(transaction, checkpoint))
        .and_then(|()| save_rejects(transaction, checkpoint))
        .and_then(|()| save_parked(transaction, checkpoint))
        .and_then(|()| save_filter(transaction, checkpoint))
        .and_then(|()| save_upstreams(transaction, checkpoint))
        .and_then(|()| tracking::save(transaction, &checkpoint.tracking))
        .map_err(StoreError::new)
}

/// Up to `max` rejects with a higher id than `after`, in the order of their ids, each with
/// its id.
///
/// # Errors
/// [`StoreError`].
pub fn rejects(
    connection: &Connection,
    after: i64,
    max: usize,
) -> Result<Vec<(i64, Reject)>, StoreError> {
    let query = || {
        let mut statement = connection.prepare_cached(
            "SELECT id, seq, did, label, reason, frame FROM firehose_reject
             WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after, max], reject)?;
        rows.collect::<rusqlite::Result<_>>()
    };
    query().map_err(StoreError::new)
}

/// All events that are parked, in the order of their ids, without their frames.
///
/// # Errors
/// [`StoreError`].
pub fn parked(connection: &Connection) -> Result<Vec<ParkedRef>, StoreError> {
    let query = || {
        let mut statement = connection.prepare_cached(
            "SELECT id, did, seq, since, length(frame) FROM firehose_parked ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            let (id, seq, since, bytes) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(ParkedRef { id, did: did(row, 1)?, seq, since, bytes })
        })?;
        rows.collect::<rusqlite::Result<_>>()
    };
    query().map_err(StoreError::new)
}

/// The frame of a parked event.
///
/// # Errors
/// [`StoreError`].
pub fn parked_frame(connection: &Connection, id: u64) -> Result<Option<Bytes>, StoreError> {
    connection
        .prepare_cached("SELECT frame FROM firehose_parked WHERE id = ?1")
        .and_then(|mut statement| {
            statement.query_row([id], |row| row.get::<_, Vec<u8>>(0)).optional()
        })
        .map(|frame| frame.map(Bytes::from))
        .map_err(StoreError::new)
}

/// How many rejects there are, by label.
///
/// # Errors
/// [`StoreError`].
pub fn reject_counts(connection: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let query = || {
        let mut statement = connection.prepare_cached(
            "SELECT label, count(*) FROM firehose_reject GROUP BY label ORDER BY label",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()
    };
    query().map_err(StoreError::new)
}

/// Forgets a reject; says whether there was one of that id.
///
/// # Errors
/// [`StoreError`].
pub fn discard_reject(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    let discarded = connection.execute("DELETE FROM firehose_reject WHERE id = ?1", [id]);
    discarded.map(|count| count > 0).map_err(StoreError::new)
}

/// Adds the column that tables of an earlier version lack. Of two who do so at once one finds it
/// there.
fn add_gaps(connection: &Connection, table: &str) -> rusqlite::Result<()> {
    if connection.column_exists(None, table, "gaps")? {
        return Ok(());
    }
    let added = connection
        .execute_batch(&format!("ALTER TABLE {table} ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0"));
    match added {
        Err(_) if connection.column_exists(None, table, "gaps")? => Ok(()),
        added => added,
    }
}

fn save_heads(transaction: &Transaction<'_>, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let mut head = transaction.prepare_cached(
        "INSERT INTO firehose_head (did, rev, data, active, gaps) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (did) DO UPDATE SET rev = excluded.rev, data = excluded.data,
             active = excluded.active, gaps = excluded.gaps",
    )?;
    // In the order of the table, so that neighbours are found on the same page.
    let mut heads: Vec<_> = checkpoint.heads.iter().collect();
    heads.sort_by_key(|(did, _)| did);
    for (did, Head { state, active, gaps }) in heads {
        let rev = state.map(|state| state.rev.to_string());
        let data = state.map(|state| state.data.to_bytes());
        let data = data.as_ref().map(|data| &data[..]);
        head.execute(params![did.as_str(), rev, data, active, gaps])?;
    }
    Ok(())
}

fn save_rejects(transaction: &Transaction<'_>, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let mut replayed = transaction.prepare_cached("DELETE FROM firehose_reject WHERE id = ?1")?;
    for id in &checkpoint.replayed {
        replayed.execute([id])?;
    }
    if checkpoint.rejects.is_empty() {
        return Ok(());
    }
    let mut reject = transaction.prepare_cached(
        "INSERT INTO firehose_reject (seq, did, label, reason, frame) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for one in &checkpoint.rejects {
        let did = one.did.as_ref().map(Did::as_str);
        reject.execute(params![one.seq, did, one.label, &*one.reason, &one.frame[..]])?;
    }
    transaction.execute(
        "DELETE FROM firehose_reject WHERE id <= (SELECT max(id) FROM firehose_reject) - ?1",
        [MAX_REJECTS],
    )?;
    Ok(())
}

fn save_parked(transaction: &Transaction<'_>, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let mut park = transaction.prepare_cached(
        "INSERT OR REPLACE INTO firehose_parked (id, did, seq, since, label, frame)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for one in &checkpoint.parked {
        let frame = &one.frame[..];
        park.execute(params![one.id, one.did.as_str(), one.seq, one.since, one.label, frame])?;
    }
    let mut unpark = transaction.prepare_cached("DELETE FROM firehose_parked WHERE id = ?1")?;
    for id in &checkpoint.unparked {
        unpark.execute([id])?;
    }
    Ok(())
}

fn save_filter(transaction: &Transaction<'_>, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let Some(filter) = &checkpoint.filter else { return Ok(()) };
    transaction
        .execute(
            "INSERT OR REPLACE INTO firehose_filter (one, version, since, text)
             VALUES (1, ?1, ?2, ?3)",
            params![filter.version, filter.since, filter.text],
        )
        .map(drop)
}

fn filter(connection: &Connection) -> rusqlite::Result<Option<StoredFilter>> {
    let read = |row: &Row<'_>| {
        let text: String = row.get(2)?;
        Ok(StoredFilter { version: row.get(0)?, since: row.get(1)?, text: text.into() })
    };
    connection.query_row("SELECT version, since, text FROM firehose_filter", [], read).optional()
}

fn save_upstreams(transaction: &Transaction<'_>, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM firehose_upstream")?.execute([])?;
    let mut insert = transaction
        .prepare_cached("INSERT INTO firehose_upstream (name, left_at) VALUES (?1, ?2)")?;
    if let Some(current) = &checkpoint.upstream {
        insert.execute(params![current, None::<i64>])?;
    }
    for (name, left_at) in &checkpoint.positions {
        insert.execute(params![name, left_at])?;
    }
    Ok(())
}

type Positions = (Option<Arc<str>>, Vec<(Arc<str>, i64)>);

/// The current upstream is the one that was not left.
fn upstreams(connection: &Connection) -> rusqlite::Result<Positions> {
    let mut statement =
        connection.prepare_cached("SELECT name, left_at FROM firehose_upstream ORDER BY rowid")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let (mut upstream, mut positions) = (None, Vec::new());
    for row in rows {
        match row? {
            (name, None) => upstream = Some(name.into()),
            (name, Some(left_at)) => positions.push((name.into(), left_at)),
        }
    }
    Ok((upstream, positions))
}

pub(super) fn did(row: &Row<'_>, column: usize) -> rusqlite::Result<Did> {
    let text: String = row.get(column)?;
    Did::new(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

type Columns = (Option<String>, Option<Vec<u8>>, bool, u64);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn reject(row: &Row<'_>) -> rusqlite::Result<(i64, Reject)> {
    let did: Option<String> = row.get(2)?;
    let reject = Reject {
        seq: row.get(1)?,
        did: did.map(Did::new).transpose().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(2, Type::Text, error.into())
        })?,
        label: row.get::<_, String>(3)?.into(),
        reason: row.get::<_, String>(4)?.into(),
        frame: Bytes::from(row.get::<_, Vec<u8>>(5)?),
    };
    Ok((row.get(0)?, reject))
}

/// Tables that have a column more than in their first version.
const LATER: [&str; 2] = ["firehose_position", "firehose_head"];

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS firehose_position (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        epoch INTEGER NOT NULL,
        cursor INTEGER,
        received INTEGER NOT NULL,
        unsettled TEXT NOT NULL,
        gaps INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE IF NOT EXISTS firehose_head (
        did TEXT PRIMARY KEY,
        rev TEXT,
        data BLOB,
        active INTEGER NOT NULL,
        gaps INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS firehose_reject (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        seq INTEGER NOT NULL,
        did TEXT,
        label TEXT NOT NULL,
        reason TEXT NOT NULL,
        frame BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS firehose_filter (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        version INTEGER NOT NULL,
        since INTEGER NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS firehose_upstream (
        name TEXT NOT NULL UNIQUE,
        left_at INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS firehose_parked (
        id INTEGER PRIMARY KEY,
        did TEXT NOT NULL,
        seq INTEGER NOT NULL,
        since INTEGER NOT NULL,
        label TEXT NOT NULL,
        frame BLOB NOT NULL
    ) STRICT;
";
