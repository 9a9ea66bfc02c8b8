use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_repo::sync::RepoState;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Store, StoreError};
use crate::checkpoint::{Checkpoint, Head};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS position (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        epoch INTEGER NOT NULL,
        cursor INTEGER,
        received INTEGER NOT NULL,
        unsettled TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS head (
        did TEXT PRIMARY KEY,
        rev TEXT,
        data BLOB,
        active INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reject (
        id INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        did TEXT,
        label TEXT NOT NULL,
        reason TEXT NOT NULL,
        frame BLOB NOT NULL
    ) STRICT;
";

/// Rejects that are kept; the oldest go first.
const MAX_REJECTS: i64 = 10_000;

/// Checkpoints in a SQLite file. Every save is durable when it returns.
#[derive(Debug)]
pub struct SqliteState {
    /// Reads do not wait for the sync of a save.
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl SqliteState {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let writer = connect().map_err(StoreError::new)?;
        writer.execute_batch(SCHEMA).map_err(StoreError::new)?;
        let reader = connect().map_err(StoreError::new)?;
        Ok(Self { reader: Mutex::new(reader), writer: Mutex::new(writer) })
    }

    /// How many rejected events are kept for inspection, by label.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rejects(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let reader = lock(&self.reader);
        let query = || -> rusqlite::Result<Vec<(String, u64)>> {
            let mut statement = reader
                .prepare("SELECT label, count(*) FROM reject GROUP BY label ORDER BY label")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        query().map_err(StoreError::new)
    }
}

impl Store for SqliteState {
    fn load(&self) -> Result<Checkpoint, StoreError> {
        let row = lock(&self.reader)
            .query_row("SELECT epoch, cursor, received, unsettled FROM position", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?))
            })
            .optional()
            .map_err(StoreError::new)?;
        let Some((epoch, cursor, received, unsettled)) = row else {
            return Ok(Checkpoint::default());
        };
        let unsettled = serde_json::from_str(&unsettled).map_err(StoreError::new)?;
        Ok(Checkpoint { epoch, cursor, received, unsettled, ..Checkpoint::default() })
    }

    fn head(&self, did: &Did) -> Result<Option<Head>, StoreError> {
        let reader = lock(&self.reader);
        let mut statement = reader
            .prepare_cached("SELECT rev, data, active FROM head WHERE did = ?1")
            .map_err(StoreError::new)?;
        let row = statement
            .query_row([did.as_str()], |row| {
                Ok((
                    row.get::<_, Option<String>>(0)?,
                    row.get::<_, Option<Vec<u8>>>(1)?,
                    row.get(2)?,
                ))
            })
            .optional()
            .map_err(StoreError::new)?;
        let Some((rev, data, active)) = row else { return Ok(None) };
        let state = match (rev, data) {
            (Some(rev), Some(data)) => Some(RepoState {
                rev: rev.parse::<Tid>().map_err(StoreError::new)?,
                data: Cid::from_bytes(&data).map_err(StoreError::new)?,
            }),
            _ => None,
        };
        Ok(Some(Head { state, active }))
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut writer = lock(&self.writer);
        write(&mut writer, checkpoint)
    }
}

fn write(writer: &mut Connection, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    let transaction = writer
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(StoreError::new)?;
    let stored: Option<u64> = transaction
        .query_row("SELECT epoch FROM position", [], |row| row.get(0))
        .optional()
        .map_err(StoreError::new)?;
    if let Some(stored) = stored.filter(|stored| *stored > checkpoint.epoch) {
        return Err(StoreError::fenced(checkpoint.epoch, stored));
    }
    replace(&transaction, checkpoint).and_then(|()| transaction.commit()).map_err(StoreError::new)
}

fn replace(transaction: &Transaction<'_>, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    {
        let mut head = transaction.prepare_cached(
            "INSERT OR REPLACE INTO head (did, rev, data, active) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (did, Head { state, active }) in &checkpoint.heads {
            let rev = state.map(|state| state.rev.to_string());
            let data = state.map(|state| state.data.to_bytes());
            head.execute(params![did.as_str(), rev, data.as_ref().map(|data| &data[..]), active])?;
        }
        let mut reject = transaction.prepare_cached(
            "INSERT INTO reject (seq, did, label, reason, frame) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for one in &checkpoint.rejects {
            let did = one.did.as_ref().map(Did::as_str);
            reject.execute(params![one.seq, did, one.label, &*one.reason, &one.frame[..]])?;
        }
        transaction.execute(
            "DELETE FROM reject WHERE id <= (SELECT max(id) FROM reject) - ?1",
            [MAX_REJECTS],
        )?;
        let unsettled = serde_json::to_string(&checkpoint.unsettled)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        transaction.execute(
            "INSERT OR REPLACE INTO position (one, epoch, cursor, received, unsettled)
             VALUES (1, ?1, ?2, ?3, ?4)",
            params![checkpoint.epoch, checkpoint.cursor, checkpoint.received, unsettled],
        )?;
    }
    Ok(())
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A transaction that a panic cut short was rolled back by its drop.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
