//! Events that wait in the store, so that the cursor need not wait for them.
//!
//! An account is *parked* when its next event cannot be worked on for long: its
//! identity cannot be resolved, whoever works on it says so, or the account has
//! more in memory than it may. From then on all its events go to the store, as
//! part of the next checkpoint, and count as settled for the cursor; that they
//! are in the same checkpoint makes it safe. They come back one by one, in
//! order, and are verified then; each leaves the store with the checkpoint that
//! has it settled.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use atproto_core::syntax::Did;
use bytes::Bytes;

use super::Intake;
use super::action::{Action, EntryId};
use super::entry::OVERHEAD;
use super::stats::count;
use super::wire::Frame;
use crate::checkpoint::{Parked, ParkedRef};

/// What is parked, without the frames that are stored.
#[derive(Debug, Default)]
pub(super) struct Parking {
    accounts: HashMap<Did, ParkedLane>,
    /// When to try accounts again.
    due: BTreeSet<(Instant, Did)>,
    /// Which event is being read from the store for an account.
    loading: HashMap<EntryId, Did>,
    last_id: u64,
    events: usize,
    bytes: u64,
    /// Parked and not yet stored.
    pub(super) unsaved: Vec<Parked>,
    /// Settled, and not yet removed from the store.
    pub(super) unparked: Vec<u64>,
}

#[derive(Debug, Default)]
struct ParkedLane {
    /// In order.
    events: VecDeque<ParkedRef>,
    wait: Wait,
    /// Times in a row that the first could not be worked on.
    failures: u32,
}

/// What an account waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wait {
    /// That its events in memory are settled.
    #[default]
    Memory,
    /// That time passes.
    Until(Instant),
    /// [`Intake::unpark`].
    Caller,
    /// Its first event is being read, verified or worked on.
    Busy,
    /// That its repository has been fetched.
    Fetch,
}

impl Intake {
    /// Takes up what the store says is parked, before anything else happens.
    /// The accounts are tried at once.
    pub fn restore_parked(&mut self, now: Instant, parked: impl IntoIterator<Item = ParkedRef>) {
        for event in parked {
            self.parking.last_id = self.parking.last_id.max(event.id);
            let did = event.did.clone();
            self.parking.add(event);
            self.wait_until(&did, now);
        }
    }

    /// Tries an account that [was parked](super::Settlement::Park) by whoever
    /// works on it. False if nothing of it waits.
    pub fn unpark(&mut self, now: Instant, did: &Did) -> bool {
        let waits = |lane: &ParkedLane| matches!(lane.wait, Wait::Caller | Wait::Until(_));
        let parked = self.parking.accounts.get(did).is_some_and(waits);
        if parked {
            self.wait_until(did, now);
        }
        parked
    }

    /// The frame of [`Action::LoadParked`]; `None` if the store does not have
    /// it.
    pub fn handle_parked(&mut self, now: Instant, id: EntryId, frame: Option<Bytes>) {
        let Some((did, event)) = self.loaded(id) else { return };
        let content = match frame.clone().map(|frame| self.config.wire.read(frame)) {
            Some(Frame::Content(incoming)) => Ok(incoming.content),
            Some(Frame::Invalid { reason, .. }) => Err(reason),
            // The account has a gap now.
            _ => Err("a parked event cannot be read".to_owned()),
        };
        let frame = frame.unwrap_or_default();
        self.hold(now, id, (None, event.seq), &did, frame, content, Some(event.id));
    }

    /// The store could not be read; it will be tried again.
    pub fn handle_parked_failed(&mut self, now: Instant, id: EntryId) {
        if let Some((did, _)) = self.loaded(id) {
            self.stats.park_failures += 1;
            self.try_later(now, &did);
            self.refill_starved();
        }
    }

    /// Parks the first event of an account and all behind it in memory. False
    /// if that cannot be.
    pub(super) fn park_lane(&mut self, now: Instant, id: EntryId, why: &'static str) -> bool {
        let Some(entry) = self.entries.get(&id) else { return false };
        let Some(did) = entry.did.clone() else { return false };
        let enabled = self.config.max_parked_bytes > 0;
        if !enabled || entry.replay.is_some() || self.is_parked(&did) {
            return false;
        }
        let held = self.lanes.bytes(&did);
        if !self.parking_has_room(held) {
            return false;
        }
        for id in self.lanes.take_held(&did) {
            self.clear_timer(id);
            let Some(entry) = self.entries.get(&id) else { continue };
            let (Some(seq), None) = (entry.seq, entry.replay) else {
                // A replay is stored already, and waits for nothing.
                if self.lanes.push(&did, id, entry.cost) {
                    self.start(now, id);
                }
                continue;
            };
            self.bytes -= entry.cost;
            let frame = entry.frame.clone();
            self.entries.remove(&id);
            self.window.settle(seq, id);
            self.park(now, seq, &did, frame, why);
        }
        self.try_later(now, &did);
        if why == CALLER {
            self.parking.set(&did, Wait::Caller);
        }
        self.refill(&did);
        self.refill_starved();
        true
    }

    /// An event that had come back cannot be worked on: it waits again.
    pub(super) fn park_again(&mut self, now: Instant, id: EntryId, wait_for_caller: bool) {
        self.clear_timer(id);
        let Some(entry) = self.entries.remove(&id) else { return };
        self.bytes -= entry.cost;
        let Some(did) = entry.did else { return };
        let next = self.lanes.pop(&did, entry.cost);
        self.try_later(now, &did);
        if wait_for_caller {
            self.parking.set(&did, Wait::Caller);
        }
        if let Some(next) = next {
            self.start(now, next);
        }
        self.refill_starved();
    }

    /// Parks an event behind those of its account.
    pub(super) fn park(
        &mut self,
        now: Instant,
        seq: i64,
        did: &Did,
        frame: Bytes,
        why: &'static str,
    ) {
        self.parking.last_id += 1;
        let (id, since) = (self.parking.last_id, self.unix_micros(now));
        self.unsaved_bytes += OVERHEAD + frame.len();
        let bytes = frame.len() as u64;
        self.parking.add(ParkedRef { id, did: did.clone(), seq, since, bytes });
        let label = why.into();
        self.parking.unsaved.push(Parked { id, did: did.clone(), seq, since, label, frame });
        if self.is_fetching(did) {
            self.parking.set(did, Wait::Fetch);
        }
        count(&mut self.stats.parkings, why);
        self.mark_dirty(now);
    }

    /// An event that had come back is settled, or one of an account whose
    /// parked events wait for that.
    pub(super) fn parked_settled(&mut self, now: Instant, did: &Did, settled: Option<u64>) {
        let Some(lane) = self.parking.accounts.get_mut(did) else { return };
        if settled.is_some() {
            let gone = lane.events.pop_front();
            (lane.failures, lane.wait) = (0, Wait::Memory);
            self.parking.unparked.extend(settled);
            self.parking.events -= 1;
            self.parking.bytes -= gone.map_or(0, |event| event.bytes);
            self.stats.unparked += 1;
        }
        if self.parking.accounts.get(did).is_some_and(|lane| lane.events.is_empty()) {
            self.parking.accounts.remove(did);
        } else if self.is_fetching(did) {
            self.parking.set(did, Wait::Fetch);
        } else if self.parking.waits_for(did) == Some(Wait::Memory) && self.lanes.bytes(did) == 0 {
            self.wait_until(did, now);
        }
    }

    /// Whether an account was parked by whoever works on it.
    pub(super) fn waits_for_caller(&self, did: &Did) -> bool {
        self.parking.waits_for(did) == Some(Wait::Caller)
    }

    /// What is parked of an account waits until its repository has been fetched.
    pub(super) fn park_for_fetch(&mut self, did: &Did) {
        if matches!(self.parking.waits_for(did), Some(Wait::Until(_) | Wait::Memory)) {
            self.parking.set(did, Wait::Fetch);
        }
    }

    /// The repository of an account has been fetched, or not.
    pub(super) fn resume_after_fetch(&mut self, now: Instant, did: &Did) {
        if self.parking.waits_for(did) == Some(Wait::Fetch) {
            self.wait_until(did, now);
        }
    }

    pub(super) fn is_parked(&self, did: &Did) -> bool {
        self.parking.accounts.contains_key(did)
    }

    /// Whether frames of so many bytes can be parked.
    pub(super) fn parking_has_room(&self, bytes: usize) -> bool {
        self.parking.events < self.config.max_parked_events
            && self.parking.bytes + bytes as u64 <= self.config.max_parked_bytes
    }

    /// Whether the next frame can be parked if it has to, however large it is.
    pub(super) fn parking_is_full(&self) -> bool {
        !self.parking.accounts.is_empty() && !self.parking_has_room(self.config.max_frame_bytes)
    }

    pub(super) fn park_due(&self) -> Option<Instant> {
        let stopped = self.stream.halted.is_some();
        self.parking.due.first().map(|(at, _)| *at).filter(|_| !stopped)
    }

    /// The next event that is to come back.
    pub(super) fn poll_parked(&mut self, now: Instant) -> Option<Action> {
        while self.park_due().is_some_and(|at| at <= now) {
            let (_, did) = self.parking.due.pop_first()?;
            let Some(lane) = self.parking.accounts.get(&did) else { continue };
            let Some(event) = lane.events.front() else { continue };
            let (parked, cost) = (event.id, event.cost());
            if !self.memory_has_room(cost) {
                self.wait_until(&did, now + self.config.backoff_base);
                continue;
            }
            let id = self.next_id();
            self.bytes += cost;
            self.returning += 1;
            self.parking.set(&did, Wait::Busy);
            self.parking.loading.insert(id, did);
            // What is not stored yet is at hand.
            let unsaved = &self.parking.unsaved;
            let Ok(index) = unsaved.binary_search_by_key(&parked, |one| one.id) else {
                return Some(Action::LoadParked { id, parked });
            };
            let frame = unsaved.get(index).map(|one| one.frame.clone());
            self.handle_parked(now, id, frame);
        }
        None
    }

    /// Events, their bytes, and accounts.
    pub(super) fn parked_totals(&self) -> (u64, u64, u64) {
        let Parking { events, bytes, accounts, .. } = &self.parking;
        (*events as u64, *bytes, accounts.len() as u64)
    }

    /// Since when the oldest event is parked, in microseconds of Unix time.
    pub(super) fn oldest_parked(&self) -> Option<i64> {
        let first = |lane: &ParkedLane| lane.events.front().map(|event| event.since);
        self.parking.accounts.values().filter_map(first).min()
    }

    /// Ends the reading of an event from the store.
    fn loaded(&mut self, id: EntryId) -> Option<(Did, ParkedRef)> {
        let did = self.parking.loading.remove(&id)?;
        self.returning -= 1;
        let event = self.parking.accounts.get(&did)?.events.front()?.clone();
        self.bytes -= event.cost();
        Some((did, event))
    }

    fn try_later(&mut self, now: Instant, did: &Did) {
        let Some(lane) = self.parking.accounts.get_mut(did) else { return };
        lane.failures += 1;
        let failures = lane.failures;
        let wait: Duration = self.park_backoff.delay(failures);
        self.wait_until(did, now + wait);
    }

    fn wait_until(&mut self, did: &Did, at: Instant) {
        let wait = if self.is_fetching(did) { Wait::Fetch } else { Wait::Until(at) };
        self.parking.set(did, wait);
    }
}

impl Parking {
    fn add(&mut self, event: ParkedRef) {
        self.events += 1;
        self.bytes += event.bytes;
        self.accounts.entry(event.did.clone()).or_default().events.push_back(event);
    }

    fn set(&mut self, did: &Did, wait: Wait) {
        let Some(lane) = self.accounts.get_mut(did) else { return };
        if let Wait::Until(at) = std::mem::replace(&mut lane.wait, wait) {
            self.due.remove(&(at, did.clone()));
        }
        if let Wait::Until(at) = wait {
            self.due.insert((at, did.clone()));
        }
    }

    fn waits_for(&self, did: &Did) -> Option<Wait> {
        self.accounts.get(did).map(|lane| lane.wait)
    }
}

impl ParkedRef {
    /// In memory, while it is worked on.
    fn cost(&self) -> usize {
        OVERHEAD + usize::try_from(self.bytes).unwrap_or(usize::MAX / 2)
    }
}

/// Its identity cannot be resolved.
pub(super) const IDENTITY: &str = "identity";

/// Whoever works on it says so.
pub(super) const CALLER: &str = "caller";

/// The account has more in memory than it may.
pub(super) const SLOW: &str = "slow";

/// Came after others of the account were parked.
pub(super) const BEHIND: &str = "behind";
