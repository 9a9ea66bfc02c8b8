use std::ops::Range;

use super::Entry;
use super::config::SEQ_LIMIT;
use super::error::LogError;
use super::record::{self, Record};

/// Entries in the form in which they are written at once.
pub(crate) struct Batch {
    /// Offset of the batch in its file.
    start: u64,
    now: i64,
    pub(crate) next_seq: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<Record>,
    /// Where each record begins in the file.
    pub(crate) offsets: Vec<u64>,
}

/// What became of the groups of a batch that was written.
pub(crate) struct Appended {
    /// One result for each group.
    pub(crate) ranges: Vec<Result<Range<i64>, LogError>>,
    /// All records, as readers will see them.
    pub(crate) records: Vec<Record>,
    /// For each record its end, on the scale of `LogHandle::end_position`.
    pub(crate) end_positions: Vec<u64>,
}

impl Batch {
    pub(crate) fn new(start: u64, next_seq: i64, now: i64) -> Self {
        let (bytes, records, offsets) = Default::default();
        Self { start, now, next_seq, bytes, records, offsets }
    }

    /// Adds all of a group or, if an entry is too large, nothing of it.
    pub(crate) fn add(&mut self, group: Vec<Entry>, limit: usize) -> Result<Range<i64>, LogError> {
        let (length, count, first) = (self.bytes.len(), self.records.len(), self.next_seq);
        for entry in group {
            if let Err(error) = self.push(entry, limit) {
                self.bytes.truncate(length);
                self.records.truncate(count);
                self.offsets.truncate(count);
                self.next_seq = first;
                return Err(error);
            }
        }
        Ok(first..self.next_seq)
    }

    fn push(&mut self, entry: Entry, limit: usize) -> Result<(), LogError> {
        let seq = self.next_seq;
        if seq >= SEQ_LIMIT {
            return Err(LogError::Exhausted);
        }
        let payload = (entry.make)(seq);
        let found = entry.key.len() + payload.len();
        if found > limit {
            return Err(LogError::TooLarge { found, limit });
        }
        self.offsets.push(self.start + self.bytes.len() as u64);
        record::write(&mut self.bytes, self.start, seq, self.now, &entry.key, &payload);
        self.records.push(Record { seq, time: self.now, key: entry.key, payload });
        self.next_seq += 1;
        Ok(())
    }
}
