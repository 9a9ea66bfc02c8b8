use std::collections::VecDeque;

use crate::log::Record;

/// What a frame costs beyond its bytes: the record and its place.
const OVERHEAD: usize = size_of::<Slot>();

/// The newest records, without gaps, bounded in bytes.
#[derive(Debug)]
pub(crate) struct Ring {
    slots: VecDeque<Slot>,
    bytes: usize,
    limit: usize,
    /// Every record from this sequence number on is here.
    covers_from: i64,
}

/// A record and the end of its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) record: Record,
    pub(crate) end: u64,
}

impl Ring {
    /// An empty ring behind a log whose newest record is `last_seq`.
    pub(crate) fn new(last_seq: i64, limit: usize) -> Self {
        Self { slots: VecDeque::new(), bytes: 0, limit, covers_from: last_seq + 1 }
    }

    pub(crate) fn push(&mut self, slot: Slot) {
        self.bytes += cost(&slot);
        self.slots.push_back(slot);
        while self.bytes > self.limit
            && let Some(oldest) = self.slots.pop_front()
        {
            self.bytes -= cost(&oldest);
            self.covers_from = oldest.record.seq + 1;
        }
    }

    /// Whether no record at or above `seq` is missing here.
    pub(crate) fn covers(&self, seq: i64) -> bool {
        seq >= self.covers_from
    }

    /// The first record at or above `seq`.
    pub(crate) fn at(&self, seq: i64) -> Option<&Slot> {
        let index = self.slots.partition_point(|slot| slot.record.seq < seq);
        self.slots.get(index)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}

fn cost(slot: &Slot) -> usize {
    OVERHEAD + slot.record.key.len() + slot.record.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Entry, LogConfig, SegmentLog};

    #[test]
    fn stays_within_its_bytes_and_knows_what_it_covers() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = SegmentLog::open(dir.path(), LogConfig::default()).unwrap();
        let entries = (0..100).map(|_| Entry::new("", |_| vec![0; 1_000])).collect();
        let appended = log.append_groups(vec![entries], 0).unwrap();
        let mut ring = Ring::new(0, 10_000);
        for (record, end) in appended.records.into_iter().zip(appended.end_positions) {
            ring.push(Slot { record, end });
            assert!(ring.bytes() <= 10_000);
        }
        assert!(ring.covers(101) && ring.covers(95) && !ring.covers(50));
        assert_eq!(ring.at(97).unwrap().record.seq, 97);
        assert!(ring.at(101).is_none());
        assert!((5..10).contains(&ring.len()));
    }
}
