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
    /// The newest that was settled by more than being of no interest.
    settled: i64,
    open: BTreeSet<(i64, EntryId)>,
    /// Received before, by a process before this one or forgotten since; not
    /// settled, not seen again yet.
    replay: BTreeSet<i64>,
    /// What was not seen again on this connection when it should have been.
    given_up: BTreeSet<i64>,
}

impl Window {
    pub(crate) fn new(cursor: Option<i64>, received: i64, replay: BTreeSet<i64>) -> Self {
        let (open, given_up) = (BTreeSet::new(), BTreeSet::new());
        Self { base: cursor, received, settled: received, open, replay, given_up }
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
        self.given_up.remove(&seq);
        self.received = self.received.max(seq);
    }

    /// Something that is not an event holds the cursor at `seq - 1`.
    pub(crate) fn hold(&mut self, seq: i64, id: EntryId) {
        self.open.insert((seq, id));
    }

    /// A number that was passed over turns out to be an event.
    pub(crate) fn miss(&mut self, seq: i64) {
        self.replay.insert(seq);
    }

    /// The stream has come to `seq`. What a process before this one left open
    /// below, and did not come again, is gone at the upstream: not waited for.
    pub(crate) fn seen(&mut self, seq: i64) {
        while self.replay.first().is_some_and(|waiting| *waiting <= seq) {
            self.given_up.extend(self.replay.pop_first());
        }
    }

    /// Whether an event was not seen again, and may come late.
    pub(crate) fn is_given_up(&self, seq: i64) -> bool {
        self.given_up.contains(&seq)
    }

    /// The stream is read on from [`Self::resume`].
    pub(crate) fn reconnect(&mut self) {
        self.given_up.clear();
    }

    /// What was received is given up here, and comes again with the next
    /// connection.
    pub(crate) fn forget(&mut self, seq: i64, id: EntryId) {
        self.open.remove(&(seq, id));
        self.replay.insert(seq);
    }

    /// How many events are to come again.
    pub(crate) fn given_back(&self) -> u64 {
        self.replay.len() as u64
    }

    /// What holds the cursor.
    pub(crate) fn first_open(&self) -> Option<EntryId> {
        self.open.first().map(|(_, id)| *id)
    }

    pub(crate) fn settle(&mut self, seq: i64, id: EntryId) {
        self.open.remove(&(seq, id));
        // What holds the cursor need not have been received.
        self.settled = self.settled.max(seq.min(self.received));
    }

    /// An event came that is settled by being rejected or parked; the window moves past it.
    pub(crate) fn settle_new(&mut self, seq: i64) {
        self.pass(seq);
        self.settled = self.settled.max(seq);
    }

    /// An event came that needs nothing; the window moves past it.
    pub(crate) fn pass(&mut self, seq: i64) {
        self.base.get_or_insert(seq - 1);
        self.seen(seq);
        self.given_up.remove(&seq);
        self.received = self.received.max(seq);
    }

    pub(crate) fn received(&self) -> i64 {
        self.received
    }

    pub(crate) fn cursor(&self) -> Option<i64> {
        let first = self.open.first().map(|(seq, _)| *seq);
        self.reached(first.into_iter().chain(self.replay.first().copied()).min())
    }

    /// As if `settled` were settled: the cursor, the newest that counts as received, and what is
    /// open in between.
    ///
    /// What came after the newest settled one counts as not received: it comes again all the
    /// same, and nobody has to be told of each that is merely waiting.
    pub(crate) fn position(&self, settled: &HashSet<EntryId>) -> (Option<i64>, i64, Vec<i64>) {
        let is_settled = |(_, id): &&(i64, EntryId)| settled.contains(id);
        let newest = self.open.iter().rev().find(is_settled).filter(|_| !settled.is_empty());
        // As in `settle`.
        let newest =
            newest.map_or(self.settled, |(seq, _)| self.settled.max(self.received.min(*seq)));
        let mut waiting = self.open.iter().filter(|one| !is_settled(one)).map(|(seq, _)| *seq);
        let first = waiting.next();
        let cursor = self.reached(first.into_iter().chain(self.replay.first().copied()).min());
        let received = cursor.map_or(newest, |cursor| newest.max(cursor));
        let open = first.into_iter().chain(waiting).take_while(|seq| *seq <= received);
        let mut unsettled: Vec<i64> = open.chain(self.replay.range(..=received).copied()).collect();
        unsettled.sort_unstable();
        unsettled.dedup();
        (cursor, received, unsettled)
    }

    /// The cursor, if `first` is the first that is not settled.
    fn reached(&self, first: Option<i64>) -> Option<i64> {
        let base = self.base?;
        let received = self.received.max(base);
        Some(first.map_or(received, |first| received.min(first - 1)))
    }

    /// From where to read on after a lost connection: what was received is
    /// still here, except for what a process before this one left open or what
    /// was forgotten.
    pub(crate) fn resume(&self) -> Option<i64> {
        let lowest = self.replay.first();
        self.base.map(|base| lowest.map_or(self.received.max(base), |lowest| lowest - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(received: i64) -> Window {
        let mut window = Window::new(Some(0), 0, BTreeSet::new());
        (1..=received).for_each(|seq| window.open(seq, EntryId(seq as u64)));
        window
    }

    #[test]
    fn what_waits_behind_the_newest_settled_is_not_listed() {
        let mut window = window(9);
        assert_eq!(window.position(&HashSet::new()), (Some(0), 0, vec![]));
        for seq in [1, 2, 4, 5] {
            window.settle(seq, EntryId(seq as u64));
        }
        let batch = HashSet::from([EntryId(7)]);
        assert_eq!(window.position(&batch), (Some(2), 7, vec![3, 6]));
        assert_eq!(window.position(&HashSet::new()), (Some(2), 5, vec![3]));
        assert_eq!((window.cursor(), window.received()), (Some(2), 9));
    }

    #[test]
    fn what_is_passed_over_moves_the_cursor_and_what_is_rejected_counts_as_settled() {
        let mut window = window(0);
        (1..=3).for_each(|seq| window.pass(seq));
        assert_eq!(window.position(&HashSet::new()), (Some(3), 3, vec![]));
        window.open(4, EntryId(4));
        window.pass(5);
        assert_eq!(window.position(&HashSet::new()), (Some(3), 3, vec![]));
        window.settle_new(6);
        assert_eq!(window.position(&HashSet::new()), (Some(3), 6, vec![4]));
    }

    #[test]
    fn a_settled_hold_does_not_count_what_was_not_received() {
        let mut window = window(2);
        window.hold(3, EntryId(9));
        window.settle(3, EntryId(9));
        assert_eq!(window.position(&HashSet::new()), (Some(0), 2, vec![1, 2]));
        assert!(!window.is_known(3));
    }

    #[test]
    fn a_hold_that_a_caller_stores_as_settled_does_not_count_what_was_not_received() {
        let mut window = Window::new(Some(100), 100, BTreeSet::new());
        window.hold(101, EntryId(9));
        let batch = HashSet::from([EntryId(9)]);
        assert_eq!(window.position(&batch), (Some(100), 100, vec![]), "101 is still to come");
    }
}
