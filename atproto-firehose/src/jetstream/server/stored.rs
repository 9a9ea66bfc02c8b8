//! Events in the log.
//!
//! ```text
//! key      the account, and behind a space the collection if it is an event of a record
//! payload  time_us  i64, little-endian
//!          the JSON as it is sent
//! ```
//! What a filter looks at stands in the key, so that no JSON is read for it.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;

use super::{
    super::{JetstreamContent, JetstreamError, JetstreamEvent},
    MAX_EVENT_BYTES,
};
use crate::{
    log::{Entry, LogError, LogHandle, Record},
    producer::Clock,
};

/// An event as it lies in the log.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Its number in the log.
    pub(super) seq: i64,
    pub(super) time_us: i64,
    pub(super) json: Bytes,
    key: Bytes,
}

impl Stored {
    /// An entry of the log, which gets its time when it is its turn.
    pub(super) fn entry(event: &JetstreamEvent, stamp: &Stamp) -> Result<Entry, JetstreamError> {
        let json = JetstreamEvent { time_us: 0, ..event.clone() }.to_json();
        let (bytes, limit) = (json.len() + MAX_DIGITS, MAX_EVENT_BYTES);
        if bytes > limit {
            return Err(JetstreamError::TooLarge { bytes, limit });
        }
        let collection = match &event.content {
            JetstreamContent::Commit(commit) => Some(&commit.path.collection),
            _ => None,
        };
        let key = collection.map_or_else(
            || event.did.to_string(),
            |collection| format!("{} {collection}", event.did),
        );
        let (stamp, zero) = (stamp.clone(), BEFORE_TIME + event.did.as_str().len());
        Ok(Entry::new(key, move |_| {
            let time_us = stamp.next();
            let mut payload = Vec::with_capacity(TIME_LEN + bytes);
            payload.extend_from_slice(&time_us.to_le_bytes());
            payload.extend_from_slice(&json.as_bytes()[..zero]);
            // Writing to memory does not fail.
            let _ = write!(payload, "{time_us}");
            payload.extend_from_slice(&json.as_bytes()[zero + 1..]);
            payload
        }))
    }

    /// The event of a record; `None` if it is not one of ours.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let time_us = i64::from_le_bytes(*record.payload.first_chunk()?);
        let (key, json) = (record.key.clone(), record.payload.slice(TIME_LEN..));
        Some(Self { seq: record.seq, time_us, json, key })
    }

    /// The account, and the collection of a record.
    pub(super) fn subject(&self) -> (&str, Option<&str>) {
        let key = std::str::from_utf8(&self.key).unwrap_or_default();
        key.split_once(' ').map_or((key, None), |(did, collection)| (did, Some(collection)))
    }
}

/// The time of the newest event; 0 where there is none.
pub(super) fn newest_time(log: &LogHandle) -> Result<i64, LogError> {
    let tail = match log.tail(1) {
        // What is damaged is older than the clock.
        Err(LogError::Corrupt { .. }) => return Ok(0),
        tail => tail?,
    };
    let Some(newest) = tail.last() else { return Ok(0) };
    let record = log.reader(newest.seq).next_record()?;
    Ok(record.and_then(|record| Stored::of(&record)).map_or(0, |event| event.time_us))
}

/// Gives each event a later time than the one before. Only the writer of the log asks.
#[derive(Clone)]
pub(super) struct Stamp {
    newest: Arc<AtomicI64>,
    clock: Clock,
}

impl Stamp {
    pub(super) fn new(newest: i64, clock: Clock) -> Self {
        Self { newest: Arc::new(AtomicI64::new(newest)), clock }
    }

    fn next(&self) -> i64 {
        let time_us = (self.clock)().max(self.newest.load(Ordering::Relaxed) + 1);
        self.newest.store(time_us, Ordering::Relaxed);
        time_us
    }
}

impl std::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stamp").field("newest", &self.newest).finish_non_exhaustive()
    }
}

/// What stands before the time in the JSON of an event, but for the account.
const BEFORE_TIME: usize = r#"{"did":"","time_us":"#.len();

const TIME_LEN: usize = size_of::<i64>();

/// The digits of a time, at most.
const MAX_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{LogConfig, SegmentLog};

    const ACCOUNT: &str = r#"{"did":"did:web:alice.example.com","time_us":7,"kind":"account","account":{"active":true,"did":"did:web:alice.example.com","seq":5,"time":"2026-01-01T00:00:00Z"}}"#;

    #[test]
    fn the_time_of_an_event_is_put_into_its_json() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = SegmentLog::open(dir.path(), LogConfig::default()).unwrap();
        let event = JetstreamEvent::parse(ACCOUNT.as_bytes()).unwrap();
        let stamp = Stamp::new(1_783_175_888_085_434, Arc::new(|| 5));
        let entries = vec![Stored::entry(&event, &stamp).unwrap()];
        log.append_batch(entries, 0).unwrap();
        let record = log.handle().reader(1).next_record().unwrap().unwrap();
        let stored = Stored::of(&record).unwrap();
        assert_eq!(stored.time_us, 1_783_175_888_085_435, "the clock is behind");
        assert_eq!(stored.subject(), ("did:web:alice.example.com", None));
        let expected = ACCOUNT.replace(":7,", ":1783175888085435,");
        assert_eq!(stored.json, expected);
        assert_eq!(newest_time(&log.handle()).unwrap(), stored.time_us);
    }
}
