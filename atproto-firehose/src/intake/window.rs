use std::collections::{BTreeSet, HashSet};

use super::action::EntryId;

/// Which sequence numbers have been received and not settled.
///
/// What is settled above the cursor is not listed: it is everything received
/// that is not here. So the window is as large as what is in flight, however
/// long one event takes.
#[derive(Debug)]
pub(crate) struct Window {
    /// The cursor while nothing is open.
    base: Option<i64>,
    received: i64,
    open: BTreeSet<(i64, EntryId)>,
    /// Received before, by a process before this one or forgotten since; not
    /// settled, not seen again yet.
    replay: HashSet<i64>,
}

impl Window {
    pub(crate) fn new(cursor: Option<i64>, received: i64, replay: HashSet<i64>) -> Self {
        Self { base: cursor, received, open: BTreeSet::new(), replay }
    }

    /// Whether an event that comes was received before, and is settled or still
    /// in memory.
    pub(crate) fn is_known(&self, seq: i64) -> bool {
        seq <= self.received && !self.replay.contains(&seq)
    }

    /// An event has arrived.
    pub(crate) fn open(&mut self, seq: i64, id: EntryId) {
        // A stream that is read from live begins just before its first event.
        self.base.get_or_insert(seq - 1);
        self.open.insert((seq, id));
        self.seen(seq);
        self.received = self.received.max(seq);
    }

    /// Something that is not an event holds the cursor at `seq - 1`.
    pub(crate) fn hold(&mut self, seq: i64, id: EntryId) {
        self.open.insert((seq, id));
    }

    /// The stream has come to `seq`. What a process before this one left open
    /// below, and did not come again, is gone at the upstream: not waited for.
    pub(crate) fn seen(&mut self, seq: i64) {
        if !self.replay.is_empty() {
            self.replay.retain(|waiting| *waiting > seq);
        }
    }

    /// What was received is given up here, and comes again with the next
    /// connection.
    pub(crate) fn forget(&mut self, seq: i64, id: EntryId) {
        self.open.remove(&(seq, id));
        self.replay.insert(seq);
    }

    /// What holds the cursor.
    pub(crate) fn first_open(&self) -> Option<EntryId> {
        self.open.first().map(|(_, id)| *id)
    }

    pub(crate) fn settle(&mut self, seq: i64, id: EntryId) {
        self.open.remove(&(seq, id));
    }

    /// An event came that needs nothing; the window moves past it.
    pub(crate) fn pass(&mut self, seq: i64) {
        self.base.get_or_insert(seq - 1);
        self.seen(seq);
        self.received = self.received.max(seq);
    }

    pub(crate) fn received(&self) -> i64 {
        self.received
    }

    pub(crate) fn cursor(&self) -> Option<i64> {
        self.position(&HashSet::new()).0
    }

    /// Cursor, newest received, and what is open in between, as if `settled`
    /// were settled.
    pub(crate) fn position(&self, settled: &HashSet<EntryId>) -> (Option<i64>, i64, Vec<i64>) {
        let open = self.open.iter().filter(|(_, id)| !settled.contains(id));
        let mut unsettled: Vec<i64> = open.map(|(seq, _)| *seq).collect();
        unsettled.extend(&self.replay);
        unsettled.sort_unstable();
        unsettled.dedup();
        let cursor = self.base.map(|base| {
            let reached = self.received.max(base);
            unsettled.first().map_or(reached, |first| reached.min(first - 1))
        });
        (cursor, self.received, unsettled)
    }

    /// From where to read on after a lost connection: what was received is
    /// still here, except for what a process before this one left open or what
    /// was forgotten.
    pub(crate) fn resume(&self) -> Option<i64> {
        let lowest = self.replay.iter().min();
        self.base.map(|base| lowest.map_or(self.received.max(base), |lowest| lowest - 1))
    }
}
