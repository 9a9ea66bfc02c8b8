//! From delivery to settlement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{DeliveryId, EntryId, Settlement};
use super::entry::Stage;
use super::parking::CALLER;
use super::replay::{ATTEMPTS, HANDLER};
use super::{Intake, later};
use crate::event::Event;

/// An event for somebody to work on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// To settle it by.
    pub id: DeliveryId,
    /// The event.
    pub event: Arc<Event>,
    /// 1 for the first delivery. A higher one says that an earlier delivery
    /// was not acknowledged, whatever it may have done.
    pub attempt: u32,
}

impl Intake {
    /// The next event to work on, if any. Its deadline begins now.
    pub fn poll_delivery(&mut self, now: Instant) -> Option<Delivered> {
        if self.paused_until.is_some_and(|until| until > now) {
            return None;
        }
        let id = self.ready.pop_front()?;
        let deadline = later(now, self.config.ack_deadline);
        let entry = self.entries.get_mut(&id)?;
        entry.attempt += 1;
        entry.stage = Stage::Delivered;
        let attempt = entry.attempt;
        let event = Arc::clone(entry.event.as_ref()?);
        self.stats.delivered += 1;
        self.set_timer(id, deadline);
        Some(Delivered { id: DeliveryId { entry: id, attempt }, event, attempt })
    }

    /// A delivery has ended. False if it had been taken back before: then
    /// another delivery of the event decides.
    pub fn handle_settled(
        &mut self,
        now: Instant,
        delivery: DeliveryId,
        settlement: Settlement,
    ) -> bool {
        let id = delivery.entry;
        let current = self.entries.get(&id).is_some_and(|entry| {
            entry.attempt == delivery.attempt && entry.stage == Stage::Delivered
        });
        if !current {
            self.stats.late_settlements += 1;
            return false;
        }
        match settlement {
            Settlement::Ack => {
                self.stats.acknowledged += 1;
                self.outages = 0;
                self.finish(now, id);
            }
            Settlement::Retry(after) => self.retry(now, id, after),
            Settlement::Unavailable => {
                // Several that were under way at the time tell of one outage.
                if self.paused_until.is_none_or(|until| until <= now) {
                    self.outages += 1;
                    let wait = self.stream.backoff.delay(self.outages);
                    self.paused_until = Some(now + wait);
                }
                self.clear_timer(id);
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.stage = Stage::Ready;
                    self.ready.push_front(id);
                }
            }
            Settlement::Park => self.park_delivery(now, id),
            Settlement::Reject(reason) => self.give_up(now, id, HANDLER, &reason),
        }
        true
    }

    fn park_delivery(&mut self, now: Instant, id: EntryId) {
        let Some(entry) = self.entries.get(&id) else { return };
        // What was fetched is stored nowhere else, and what is behind it is parked already.
        let is_fetched = entry.did.as_ref().is_some_and(|did| self.is_fetching(did));
        if entry.parked.is_some() {
            self.park_again(now, id, true);
        } else if (is_fetched || !self.park_lane(now, id, CALLER))
            && let Some(entry) = self.entries.get_mut(&id)
        {
            entry.stage = Stage::Retrying;
            self.set_timer(id, now + self.config.backoff_base);
        }
    }

    /// A delivery failed, or was never settled.
    pub(super) fn retry(&mut self, now: Instant, id: EntryId, after: Duration) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.failures += 1;
        if entry.failures >= self.config.max_attempts {
            return self.give_up(now, id, ATTEMPTS, "delivered too often without success");
        }
        entry.stage = Stage::Retrying;
        self.stats.retried += 1;
        self.set_timer(id, later(now, after));
    }

    fn give_up(&mut self, now: Instant, id: EntryId, label: &'static str, reason: &str) {
        if let Some(entry) = self.entries.get(&id) {
            let (seq, did) = (entry.number, entry.did.clone());
            let frame = entry.rejected_frame();
            self.reject(seq, did, label, reason, frame);
        }
        self.finish(now, id);
    }

    /// Settles an event: the cursor may pass it, its bytes are free, and the
    /// next of its account begins.
    pub(super) fn finish(&mut self, now: Instant, id: EntryId) {
        self.clear_timer(id);
        let Some(entry) = self.entries.remove(&id) else { return };
        self.bytes -= entry.cost;
        if let Some(seq) = entry.seq {
            self.window.settle(seq, id);
        }
        self.replayed.extend(entry.replay);
        self.track_settled(now, id, &entry);
        self.mark_dirty(now);
        let Some(did) = entry.did else { return self.refill_starved() };
        let next = self.lanes.pop(&did, entry.cost);
        if let Some(head) = entry.head_after {
            self.heads.insert(did.clone(), head);
        }
        if let Some(next) = next {
            self.start(now, next);
        }
        self.parked_settled(now, &did, entry.parked);
        self.refill(&did);
        self.refill_starved();
    }

    pub(super) fn set_timer(&mut self, id: EntryId, at: Instant) {
        self.clear_timer(id);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.timer = Some(at);
            self.timers.insert((at, id));
        }
    }

    pub(super) fn clear_timer(&mut self, id: EntryId) {
        if let Some(at) = self.entries.get_mut(&id).and_then(|entry| entry.timer.take()) {
            self.timers.remove(&(at, id));
        }
    }
}
