//! Events of accounts above their budget, on disk until there is room.
//!
//! What is in the spool is not settled, so the cursor stays below it: after a
//! crash it comes again from the upstream, and the spool begins empty. For the
//! same reason a frame that cannot be written or read back is no loss: it is
//! forgotten with all behind it, and the stream is read again from there.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use atproto_core::syntax::Did;
use bytes::Bytes;

use super::Intake;
use super::action::{Action, EntryId};
use super::entry::OVERHEAD;
use super::parking::BEHIND;
use super::stats::count;
use super::wire::Frame;

/// Why a connection is closed to read again what the spool has lost.
pub(super) const SPOOL: &str = "spool";

/// What an event in the spool costs in memory.
pub(crate) const SPOOLED_OVERHEAD: usize = 256;

/// What is in the spool.
#[derive(Debug, Default)]
pub(super) struct Spool {
    frames: HashMap<EntryId, Spooled>,
    /// Of all frames in it.
    bytes: u64,
    actions: VecDeque<Action>,
    /// Accounts whose next event waits for room, in their order.
    starved: VecDeque<Did>,
    /// The same, to look one up.
    is_starved: HashSet<Did>,
}

/// What becomes of an account's next event in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refill {
    /// It is asked for, or there is none that could be.
    Done,
    /// There is no room in memory.
    NoMemory,
    /// The account is parked, and there is no room where that is.
    NoParking,
}

#[derive(Debug)]
struct Spooled {
    did: Did,
    seq: i64,
    arrived: Instant,
    /// As in [`Entry::gaps`](super::entry::Entry::gaps).
    gaps: u64,
    len: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Writing,
    Stored,
    Reading,
}

impl Intake {
    /// The frame of [`Action::Spool`] is written.
    pub fn handle_spooled(&mut self, id: EntryId) {
        let Some(spooled) = self.spool.frames.get_mut(&id) else {
            // Forgotten while it was written.
            return self.spool.actions.push_back(Action::Discard { id });
        };
        spooled.stage = Stage::Stored;
        self.bytes -= spooled.cost() - SPOOLED_OVERHEAD;
        let did = spooled.did.clone();
        self.refill(&did);
        self.refill_starved();
    }

    /// The frame of [`Action::Spool`] could not be written. It is read again
    /// from the upstream.
    pub fn handle_spool_failed(&mut self, id: EntryId) {
        count(&mut self.stats.spool_failures, "write");
        self.forget_spooled(id);
    }

    /// The frame of [`Action::Unspool`], as it was written; it is no longer in
    /// the spool.
    pub fn handle_unspooled(&mut self, now: Instant, id: EntryId, frame: Bytes) {
        let content = match self.config.wire.read(frame.clone()) {
            Frame::Content(incoming) => Ok(incoming.content),
            Frame::Invalid { reason, .. } => Err(reason),
            _ => return self.handle_unspool_failed(id),
        };
        let Some(spooled) = self.spool.frames.remove(&id) else { return };
        let Spooled { did, seq, len, gaps, .. } = spooled;
        self.bytes -= len + OVERHEAD + SPOOLED_OVERHEAD;
        self.returning -= 1;
        self.spool.bytes -= len as u64;
        self.stats.unspooled += 1;
        self.lanes.pop_spooled(&did);
        if self.is_parked(&did) {
            self.window.settle(seq, id);
            self.park(now, seq, &did, frame, BEHIND);
        } else {
            self.hold(now, id, (Some(seq), seq), &did, frame, content, None);
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.gaps = gaps;
            }
        }
        self.refill(&did);
    }

    /// The frame of [`Action::Unspool`] cannot be read. It is read again from
    /// the upstream.
    pub fn handle_unspool_failed(&mut self, id: EntryId) {
        count(&mut self.stats.spool_failures, "read");
        self.forget_spooled(id);
    }

    /// Whether the next event of an account goes to the spool.
    pub(super) fn overflows(&self, did: &Did, len: usize) -> bool {
        let fits = self.spool.bytes + len as u64 <= self.config.max_spool_bytes;
        self.lanes.first_spooled(did).is_some() || (fits && self.is_over_budget(did, len))
    }

    /// Whether an account would hold more than its budget with one more event.
    pub(super) fn is_over_budget(&self, did: &Did, len: usize) -> bool {
        let held = self.lanes.bytes(did);
        held > 0 && held + len + OVERHEAD > self.config.max_account_bytes
    }

    /// Sends an event to the spool, behind the others of its account.
    pub(super) fn spool(&mut self, now: Instant, seq: i64, did: &Did, frame: Bytes) {
        let id = self.next_id();
        let (stage, len) = (Stage::Writing, frame.len());
        let gaps = self.gaps;
        let spooled = Spooled { did: did.clone(), seq, arrived: now, gaps, len, stage };
        self.bytes += spooled.cost();
        self.spool.bytes += frame.len() as u64;
        self.spool.frames.insert(id, spooled);
        self.lanes.push_spooled(did, id);
        self.window.open(seq, id);
        self.stats.spooled += 1;
        self.spool.actions.push_back(Action::Spool { id, frame });
    }

    pub(super) fn poll_spool(&mut self) -> Option<Action> {
        self.spool.actions.pop_front()
    }

    /// Whether the spool could take the next frame, however large it is.
    pub(super) fn spool_has_room(&self) -> bool {
        let limit = self.config.max_spool_bytes;
        let next = self.config.max_frame_bytes as u64;
        self.spool.frames.is_empty() || self.spool.bytes + next <= limit
    }

    /// Events in the spool.
    pub(super) fn spool_len(&self) -> usize {
        self.spool.frames.len()
    }

    /// Bytes in the spool.
    pub(super) fn spool_bytes(&self) -> u64 {
        self.spool.bytes
    }

    /// When an event came that is in the spool.
    pub(super) fn spooled_since(&self, id: EntryId) -> Option<Instant> {
        self.spool.frames.get(&id).map(|spooled| spooled.arrived)
    }

    /// An account has less in memory than before: its next event comes from
    /// the spool, if there is room for it.
    pub(super) fn refill(&mut self, did: &Did) {
        if self.try_refill(did) != Refill::Done && self.spool.is_starved.insert(did.clone()) {
            self.spool.starved.push_back(did.clone());
        }
    }

    /// There is more room than before. Whoever waits for memory longest gets it
    /// first: the others are not asked while it has none.
    pub(super) fn refill_starved(&mut self) {
        for _ in 0..self.spool.starved.len() {
            let Some(did) = self.spool.starved.pop_front() else { return };
            match self.try_refill(&did) {
                Refill::Done => drop(self.spool.is_starved.remove(&did)),
                Refill::NoMemory => return self.spool.starved.push_front(did),
                Refill::NoParking => self.spool.starved.push_back(did),
            }
        }
    }

    fn try_refill(&mut self, did: &Did) -> Refill {
        let Some(id) = self.lanes.first_spooled(did) else { return Refill::Done };
        let Some(spooled) = self.spool.frames.get(&id) else { return Refill::Done };
        let (cost, len) = (spooled.cost(), spooled.len);
        if spooled.stage != Stage::Stored || self.is_over_budget(did, len) {
            return Refill::Done;
        }
        if self.is_parked(did) && !self.parking_has_room(len) {
            if self.stream.halted.is_none() {
                return Refill::NoParking;
            }
            // Nothing is tried any more that would make room: the next process reads it again.
            self.forget(did, id);
            return Refill::Done;
        }
        if !self.memory_has_room(cost) {
            return Refill::NoMemory;
        }
        if let Some(spooled) = self.spool.frames.get_mut(&id) {
            spooled.stage = Stage::Reading;
        }
        self.bytes += cost;
        self.returning += 1;
        self.spool.actions.push_back(Action::Unspool { id });
        Refill::Done
    }

    /// Gives an event in the spool back to the upstream, with all behind it:
    /// order is kept by reading them again.
    fn forget_spooled(&mut self, id: EntryId) {
        let Some(did) = self.spool.frames.get(&id).map(|spooled| spooled.did.clone()) else {
            return;
        };
        self.forget(&did, id);
        self.reread(SPOOL);
        self.refill_starved();
    }

    fn forget(&mut self, did: &Did, id: EntryId) {
        for id in self.lanes.cut_spooled(did, id) {
            let Some(spooled) = self.spool.frames.remove(&id) else { continue };
            self.spool.bytes -= spooled.len as u64;
            self.bytes -= match spooled.stage {
                Stage::Writing => spooled.cost(),
                Stage::Stored => SPOOLED_OVERHEAD,
                Stage::Reading => spooled.cost() + SPOOLED_OVERHEAD,
            };
            self.returning -= usize::from(spooled.stage == Stage::Reading);
            if spooled.stage != Stage::Writing {
                self.spool.actions.push_back(Action::Discard { id });
            }
            self.window.forget(spooled.seq, id);
        }
    }
}

impl Spooled {
    /// In memory.
    fn cost(&self) -> usize {
        self.len + OVERHEAD
    }
}
