//! Connections and what comes over them.

use std::sync::Arc;
use std::time::Instant;

use atproto_core::syntax::Did;
use bytes::Bytes;

use super::action::{Action, EntryId};
use super::entry::{Entry, OVERHEAD, Stage};
use super::filtering::FILTER;
use super::parking::{BEHIND, SLOW};
use super::spool::SPOOL;
use super::stats::count;
use super::wire::{Content, Frame, Incoming};
use super::{Intake, Phase, Stream};
use crate::checkpoint::{Head, Reject};
use crate::event::Gap;
use crate::log::SEQ_LIMIT;

impl Intake {
    /// The connection of [`Action::Connect`] is open.
    pub fn handle_connected(&mut self, now: Instant) {
        if self.stream.phase == Phase::Connecting {
            self.stream.phase = Phase::Open { since: now };
            self.stream.last_seq = None;
            self.stream.recent.clear();
            self.stats.connections += 1;
            if let Some(reason) = self.stream.outdated.take() {
                self.disconnect(reason);
            } else if self.is_beyond_replay(now) {
                self.outdated(now);
            }
        }
    }

    /// The connection ended, or could not be opened. `reason` is a short
    /// constant name for statistics.
    pub fn handle_closed(&mut self, now: Instant, reason: &'static str) {
        count(&mut self.stats.disconnects, reason);
        let stable = matches!(self.stream.phase, Phase::Open { since }
            if now.duration_since(since) >= self.config.stable_after);
        if stable {
            self.stream.backoff.reset();
        }
        // What is read again is no fault of the upstream.
        if ![SPOOL, FILTER].contains(&reason) {
            self.note_closed(stable);
        }
        if self.stream.phase != Phase::Halted {
            let wait = self.stream.backoff.fail();
            self.stream.phase = Phase::Waiting { until: now + wait };
        }
    }

    /// A frame has come. Malformed ones lead to [`Action::Disconnect`]: there
    /// is no telling what the next ones mean.
    pub fn handle_frame(&mut self, now: Instant, frame: Bytes) {
        if !matches!(self.stream.phase, Phase::Open { .. }) {
            return;
        }
        self.stats.frames += 1;
        self.stats.frame_bytes += frame.len() as u64;
        match self.config.wire.read(frame.clone()) {
            Frame::Outdated => self.outdated(now),
            Frame::Info => count(&mut self.stats.ignored, "info"),
            Frame::Content(incoming) => self.arrive(now, incoming, frame),
            Frame::Labels(labels) => self.arrive_labels(now, labels, frame),
            Frame::Unknown { seq } => {
                if let Some(seq) = self.number(now, seq) {
                    self.skip(now, seq, "unknown_kind");
                }
            }
            Frame::Invalid { seq, did, reason } => {
                if let Some(seq) = self.number(now, seq) {
                    self.arrive_invalid(now, seq, did, reason, frame);
                }
            }
            Frame::Passed { seq } => {
                if let Some(seq) = self.number(now, Some(seq)) {
                    self.skip(now, seq, "passed");
                }
            }
            Frame::End { name, message } => self.upstream(now, name, message),
            Frame::Malformed => self.disconnect("malformed_frame"),
        }
    }

    fn arrive(&mut self, now: Instant, incoming: Incoming, frame: Bytes) {
        let Incoming { seq, did, time, content } = incoming;
        let Some(Some(seq)) = self.number(now, Some(seq)) else { return };
        let filtered = || content.is_filtered(&self.config.filter).then_some("filtered");
        match self.unwanted(&did).or_else(filtered) {
            Some(why) => self.skip(now, Some(seq), why),
            None if self.admit(now, seq) => {
                self.newest_time = time.unwrap_or_else(|| std::mem::take(&mut self.newest_time));
                self.begin(now, seq, &did, frame, Ok(content));
            }
            None => {}
        }
    }

    fn arrive_invalid(
        &mut self,
        now: Instant,
        seq: Option<i64>,
        did: Option<Did>,
        reason: String,
        frame: Bytes,
    ) {
        if let Some(why) = did.as_ref().and_then(|did| self.unwanted(did)) {
            return self.skip(now, seq, why);
        }
        match (seq, did) {
            (Some(seq), Some(did)) => {
                if self.admit(now, seq) {
                    self.begin(now, seq, &did, frame, Err(reason));
                }
            }
            (seq, _) => {
                if seq.is_some_and(|seq| !self.admit(now, seq)) {
                    return;
                }
                self.reject(seq.unwrap_or(0), None, INVALID, &reason, frame);
                if let Some(seq) = seq {
                    self.window.settle_new(seq);
                }
                // Reading stops when too many rejects wait to be stored.
                self.mark_dirty(now);
            }
        }
    }

    pub(super) fn poll_stream(&mut self, now: Instant) -> Option<Action> {
        match self.stream.phase {
            Phase::Waiting { .. } | Phase::Idle if self.stream.halted.is_some() => {
                self.stream.phase = Phase::Halted;
                None
            }
            Phase::Waiting { until } if until <= now && self.may_connect() => {
                self.restart(now);
                self.stream.phase = Phase::Connecting;
                self.stream.outdated = None;
                self.stream.cursor = self.window.resume();
                self.stream.received = self.window.received();
                self.window.reconnect();
                let (upstream, cursor) = (self.upstreams.current, self.ask_from());
                Some(Action::Connect { upstream, cursor })
            }
            Phase::Closing { reason } => {
                self.stream.phase = Phase::Idle;
                Some(Action::Disconnect { reason })
            }
            Phase::Open { .. } | Phase::Connecting if self.stream.halted.is_some() => {
                self.stream.phase = Phase::Halted;
                Some(Action::Disconnect { reason: "halted" })
            }
            _ => None,
        }
    }

    pub(super) fn disconnect(&mut self, reason: &'static str) {
        self.stream.phase = Phase::Closing { reason };
    }

    /// Reads again from the lowest event that was forgotten. A connection that
    /// is being opened would begin too late.
    pub(super) fn reread(&mut self, reason: &'static str) {
        match self.stream.phase {
            Phase::Open { .. } => self.disconnect(reason),
            Phase::Connecting => self.stream.outdated = Some(reason),
            _ => {}
        }
    }

    /// Holds a sequence number against what came before. False if the event is
    /// not to be processed.
    pub(super) fn admit(&mut self, now: Instant, seq: i64) -> bool {
        if seq >= SEQ_LIMIT || self.stream.last_seq.is_some_and(|last| seq <= last) {
            if seq < SEQ_LIMIT && self.is_late(seq) {
                // It should have come before, and did not: it is asked for again.
                self.window.miss(seq);
            }
            self.disconnect("seq_not_increasing");
            return false;
        }
        if let Some(cursor) = self.stream.cursor.filter(|cursor| seq < *cursor) {
            // The upstream counts anew. To take up the new numbers would lose
            // whatever lies between, unseen: somebody has to decide.
            if self.gap(now, Gap::SeqReset { cursor, found: seq }, None) {
                self.disconnect("seq_reset");
            }
            return false;
        }
        // From the cursor of the connection: a jump that a process before this one did not get
        // settled is found again.
        let from = self.stream.last_seq.or(self.stream.cursor);
        let from = from.unwrap_or_else(|| self.window.received());
        self.stream.last_seq = Some(seq);
        self.stream.recent.push_back(seq);
        if self.stream.recent.len() > RECENT {
            self.stream.recent.pop_front();
        }
        let jumps = from > 0
            && self.config.wire.is_verifiable()
            && seq.saturating_sub(from) > self.config.max_seq_jump;
        if jumps && !self.gap(now, Gap::SeqJump { from, to: seq }, Some(from + 1)) {
            return false;
        }
        if self.window.is_known(seq) {
            self.stats.duplicates += 1;
            self.window.seen(seq);
            return false;
        }
        true
    }

    /// Whether an event that comes behind a later one was not received in its place, nor before.
    fn is_late(&self, seq: i64) -> bool {
        let Stream { recent, cursor, received, .. } = &self.stream;
        // While there are few of them, all are remembered that came since the cursor.
        let known_since = cursor.filter(|_| recent.len() < RECENT).or(recent.front().copied());
        known_since.is_some_and(|since| since < seq)
            && !recent.contains(&seq)
            && (seq > *received || self.window.is_given_up(seq))
    }

    /// Why nothing of an account is wanted here, if that is so. It is asked before anything
    /// is verified, and nothing is kept of such accounts.
    pub(super) fn unwanted(&self, did: &Did) -> Option<&'static str> {
        if !self.config.partition.has(did) {
            Some("other_partition")
        } else if !self.config.filter.wants_account(did) {
            Some("other_account")
        } else {
            None
        }
    }

    /// Counts an event that needs nothing, and moves past it.
    pub(super) fn skip(&mut self, now: Instant, seq: Option<i64>, why: &'static str) {
        count(&mut self.stats.ignored, why);
        if let Some(seq) = seq
            && self.admit(now, seq)
        {
            self.window.pass(seq);
            self.mark_dirty(now);
        }
    }

    /// Takes an event into its account's lane: in memory, in the spool, or
    /// parked.
    fn begin(
        &mut self,
        now: Instant,
        seq: i64,
        did: &Did,
        frame: Bytes,
        content: Result<Content, String>,
    ) {
        let over = self.is_over_budget(did, frame.len());
        self.stats.over_account_budget += u64::from(over);
        if self.overflows(did, frame.len()) {
            return self.spool(now, seq, did, frame);
        }
        if self.is_parked(did) || self.is_fetching(did) {
            self.window.settle_new(seq);
            return self.park(now, seq, did, frame, BEHIND);
        }
        if over && self.config.park_slow && self.parking_has_room(frame.len()) {
            self.window.settle_new(seq);
            return self.park(now, seq, did, frame, SLOW);
        }
        let id = self.next_id();
        self.window.open(seq, id);
        self.hold(now, id, (Some(seq), seq), did, frame, content, None);
    }

    /// Takes an event into memory. Its content is a reason if it has not the
    /// form it should have.
    #[expect(clippy::too_many_arguments, reason = "the parts of an event")]
    pub(super) fn hold(
        &mut self,
        now: Instant,
        id: EntryId,
        seq: (Option<i64>, i64),
        did: &Did,
        frame: Bytes,
        content: Result<Content, String>,
        parked: Option<u64>,
    ) {
        let cost = self.insert(now, id, seq, Some(did.clone()), frame);
        if let Some(entry) = self.entries.get_mut(&id) {
            match content {
                Ok(Content::Message(message)) => {
                    entry.message = Some(Arc::new(message.with_seq(seq.1)));
                }
                Ok(Content::Change(change)) => {
                    entry.event = Some(Arc::new(change.into_event(seq.1)));
                }
                Err(reason) => entry.invalid = Some(reason.into()),
            }
            entry.parked = parked;
        }
        if self.lanes.push(did, id, cost) {
            self.start(now, id);
        }
    }

    pub(super) fn next_id(&mut self) -> EntryId {
        let id = EntryId(self.next_entry);
        self.next_entry += 1;
        id
    }

    /// Puts an event into memory; returns what it costs there.
    pub(super) fn insert(
        &mut self,
        arrived: Instant,
        id: EntryId,
        (seq, number): (Option<i64>, i64),
        did: Option<Did>,
        frame: Bytes,
    ) -> usize {
        let cost = frame.len() + OVERHEAD;
        self.bytes += cost;
        let entry = Entry {
            seq,
            number,
            did,
            arrived,
            cost,
            stage: Stage::Queued,
            attempt: 0,
            failures: 0,
            deferred_since: None,
            deferrals: 0,
            timer: None,
            frame,
            invalid: None,
            message: None,
            labels: None,
            event: None,
            gaps: self.gaps,
            head: Head::default(),
            head_after: None,
            replay: None,
            parked: None,
            fetched: None,
        };
        self.entries.insert(id, entry);
        cost
    }

    pub(super) fn reject(
        &mut self,
        seq: i64,
        did: Option<Did>,
        label: &'static str,
        reason: &str,
        frame: Bytes,
    ) {
        count(&mut self.stats.rejected, label);
        self.unsaved_bytes += OVERHEAD + frame.len();
        let reason = reason.into();
        self.rejects.push(Reject { seq, did, label: label.into(), reason, frame });
    }
}

/// The label of what has not the form it should have.
pub(super) const INVALID: &str = "invalid_message";

/// Sequence numbers of a connection that are remembered, to tell a frame that comes late from one
/// that comes twice. Ours: frames that change places are near each other.
const RECENT: usize = 32;
