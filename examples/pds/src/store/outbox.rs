//! Events between the transaction that caused them and the log that numbers them.

use atproto_repo::event::Event;
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
    /// The event, with a placeholder as sequence number.
    pub event: Event,
}

impl View<'_> {
    /// The oldest waiting events after `after`: at most `count`, and no more once `bytes`
    /// have been read.
    pub fn waiting(
        &self,
        after: i64,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<Waiting>, DatabaseError> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT id, frame FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let mut rows = statement.query(params![after, count])?;
        let mut waiting = Vec::new();
        let mut read = 0;
        while read < bytes
            && let Some(row) = rows.next()?
        {
            let (id, frame): (i64, Vec<u8>) = (row.get("id")?, row.get("frame")?);
            read += frame.len();
            let event = Event::decode(frame)
                .map_err(|error| DatabaseError::Corrupt(format!("outbox {id}: {error}")))?;
            waiting.push(Waiting { id, event });
        }
        Ok(waiting)
    }

    /// Whether any event waits.
    pub fn has_waiting(&self) -> Result<bool, DatabaseError> {
        self.has_waiting_after(0)
    }

    /// Whether any event after `after` waits.
    pub fn has_waiting_after(&self, after: i64) -> Result<bool, DatabaseError> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox WHERE id > ?1)")?;
        Ok(statement.query_row([after], |row| row.get(0))?)
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
        self.connection().prepare_cached("DELETE FROM outbox WHERE id <= ?1")?.execute([id])?;
        Ok(())
    }
}
