//! Events between the transaction that caused them and the log that numbers them.

use atproto_repo::event::Event;
use bytes::Bytes;
use rusqlite::params;

use super::{Edit, View};
use crate::database::DatabaseError;

/// The sequence number of an event that has none yet: the lowest that decodes.
pub(super) const PLACEHOLDER: i64 = 1;

/// An event that waits for its sequence number.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Its number in this account's outbox; later events have higher ones.
    pub id: i64,
    /// The encoded frame, with a placeholder as sequence number.
    pub frame: Bytes,
}

impl View<'_> {
    /// The oldest waiting events after `after`, at most `limit`.
    pub fn waiting(&self, after: i64, limit: usize) -> Result<Vec<Waiting>, DatabaseError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT id, frame FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after, limit], |row| {
            Ok(Waiting { id: row.get(0)?, frame: Bytes::from(row.get::<_, Vec<u8>>(1)?) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether any event waits.
    pub fn has_waiting(&self) -> Result<bool, DatabaseError> {
        let mut statement =
            self.connection().prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox)")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}

impl Edit<'_> {
    /// Puts an event into the outbox, where the sequencer finds it after the transaction.
    pub fn post(&mut self, event: &Event) -> Result<(), DatabaseError> {
        let frame = event.encode();
        self.connection()
            .prepare_cached("INSERT INTO outbox (frame) VALUES (?1)")?
            .execute([frame])?;
        self.mark_posted();
        Ok(())
    }

    /// Takes events out that are durable in the log: all up to and including `id`.
    pub fn sequenced(&mut self, id: i64) -> Result<(), DatabaseError> {
        self.connection()
            .prepare_cached("DELETE FROM outbox WHERE id <= ?1")?
            .execute([id])?;
        Ok(())
    }
}
