//! What has been stored, and what is to be stored next.

use std::collections::HashSet;
use std::time::Instant;

use atproto_core::syntax::Did;

use super::action::{Action, DeliveryId, EntryId, Settlement};
use super::entry::{Entry, OVERHEAD, Stage};
use super::{Intake, Phase, later};
use crate::checkpoint::{Checkpoint, Head, Reject, TrackingDelta};

/// What has been stored and what is being stored.
#[derive(Debug, Default)]
pub(super) struct Persistence {
    pub(super) dirty: bool,
    /// Since when something is unsaved.
    pub(super) since: Option<Instant>,
    pub(super) saving: Option<Saving>,
    pub(super) retry_at: Option<Instant>,
    pub(super) failures: u32,
    /// Another consumer has taken over: nothing is saved any more.
    pub(super) fenced: bool,
}

#[derive(Debug)]
pub(super) struct Saving {
    pub(super) heads: Vec<(Did, Head)>,
    pub(super) rejects: Vec<Reject>,
    pub(super) replayed: Vec<i64>,
    /// The newest id.
    pub(super) parked: Option<u64>,
    pub(super) unparked: Vec<u64>,
    pub(super) filter: Option<u64>,
    pub(super) tracking: TrackingDelta,
}

impl Saving {
    fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            heads: checkpoint.heads.clone(),
            rejects: checkpoint.rejects.clone(),
            replayed: checkpoint.replayed.clone(),
            parked: checkpoint.parked.last().map(|parked| parked.id),
            unparked: checkpoint.unparked.clone(),
            filter: checkpoint.filter.as_ref().map(|filter| filter.version),
            tracking: checkpoint.tracking.clone(),
        }
    }
}

impl Intake {
    /// What would have to be stored if these deliveries were acknowledged now.
    pub fn checkpoint_with(&self, acknowledged: &[DeliveryId]) -> Checkpoint {
        let ids: HashSet<EntryId> = acknowledged.iter().map(|id| id.entry).collect();
        let (mut heads, mut replayed) = (self.heads.clone(), self.replayed.clone());
        let mut unparked = self.parking.unparked.clone();
        for entry in acknowledged.iter().filter_map(|id| self.entries.get(&id.entry)) {
            replayed.extend(entry.replay);
            unparked.extend(entry.parked);
            if let (Some(did), Some(head)) = (&entry.did, entry.head_after) {
                heads.insert(did.clone(), head);
            }
        }
        let (cursor, received, unsettled) = self.window.position(&ids);
        let heads = heads.into_iter().collect();
        let (epoch, rejects) = (self.epoch, self.rejects.clone());
        let parked = self.parking.unsaved.clone();
        let (upstream, positions) = self.upstreams.stored();
        let settled = acknowledged.iter().map(|id| id.entry);
        let settled = settled.filter_map(|id| Some((id, self.entries.get(&id)?)));
        let tracking = self.tracking_delta(settled);
        Checkpoint {
            epoch,
            cursor,
            received,
            unsettled,
            heads,
            rejects,
            replayed,
            parked,
            unparked,
            filter: self.unsaved_filter(),
            upstream,
            positions,
            gaps: self.gaps,
            tracking,
        }
    }

    /// A checkpoint from [`Self::checkpoint_with`] has been stored by the
    /// caller, together with the effects of its events.
    pub fn handle_committed(
        &mut self,
        now: Instant,
        acknowledged: &[DeliveryId],
        checkpoint: &Checkpoint,
    ) {
        for id in acknowledged {
            if !self.handle_settled(now, *id, Settlement::Ack) {
                self.settle_late(now, id.entry);
            }
        }
        self.forget_saved(&Saving::of(checkpoint));
        let rest = self.checkpoint_with(&[]);
        let position = |of: &Checkpoint| (of.cursor, of.received, of.unsettled.clone());
        let current = rest.heads.is_empty()
            && rest.rejects.is_empty()
            && rest.replayed.is_empty()
            && rest.parked.is_empty()
            && rest.unparked.is_empty()
            && rest.filter.is_none()
            && rest.tracking.is_empty();
        if current && position(&rest) == position(checkpoint) {
            self.persistence.dirty = false;
            self.persistence.since = None;
        }
    }

    /// An event was stored after its deadline, and would be delivered again: it is stored all
    /// the same.
    fn settle_late(&mut self, now: Instant, id: EntryId) {
        let waits = |entry: &Entry| matches!(entry.stage, Stage::Retrying | Stage::Ready);
        if self.entries.get(&id).is_some_and(waits) {
            self.ready.retain(|ready| *ready != id);
            self.stats.acknowledged += 1;
            self.finish(now, id);
        }
    }

    /// The checkpoint of [`Action::Persist`] is durable.
    pub fn handle_persisted(&mut self) {
        self.persistence.failures = 0;
        if let Some(saving) = self.persistence.saving.take() {
            self.forget_saved(&saving);
        }
    }

    /// The checkpoint could not be stored; it will be tried again, with what
    /// was settled meanwhile.
    pub fn handle_persist_failed(&mut self, now: Instant) {
        self.persistence.saving = None;
        self.mark_dirty(now);
        self.persistence.failures += 1;
        self.stats.persist_failures += 1;
        let wait = self.stream.backoff.delay(self.persistence.failures);
        self.persistence.retry_at = Some(now + wait);
    }

    /// The checkpoint was refused, because another consumer continues from the state: reading
    /// stops, and what is settled from now on is so in vain.
    pub fn handle_fenced(&mut self) {
        self.persistence.saving = None;
        self.persistence.fenced = true;
        self.halt("another consumer has taken over the state");
    }

    fn forget_saved(&mut self, saved: &Saving) {
        self.replayed.retain(|id| !saved.replayed.contains(id));
        self.parking.unparked.retain(|id| !saved.unparked.contains(id));
        // By what they are and not by how many: where the caller stores checkpoints, two of
        // them may have the same.
        let parked = self.parking.unsaved.partition_point(|one| Some(one.id) <= saved.parked);
        for parked in self.parking.unsaved.drain(..parked) {
            self.unsaved_bytes -= OVERHEAD + parked.frame.len();
        }
        for (did, saved) in &saved.heads {
            if self.heads.get(did) == Some(saved) {
                self.heads.remove(did);
            }
        }
        for reject in self.rejects.extract_if(.., |reject| saved.rejects.contains(reject)) {
            self.unsaved_bytes -= OVERHEAD + reject.frame.len();
        }
        self.forget_tracked(&saved.tracking);
        self.note_filter_saved(saved.filter);
        self.stats.persisted += 1;
        self.refill_starved();
    }

    pub(super) fn persist_due(&self) -> Option<Instant> {
        let persistence = &self.persistence;
        let able = self.config.persist && !persistence.fenced;
        if !able || !persistence.dirty || persistence.saving.is_some() {
            return None;
        }
        let due = later(persistence.since?, self.config.flush_interval);
        Some(persistence.retry_at.map_or(due, |retry| retry.max(due)))
    }

    pub(super) fn poll_persist(&mut self, now: Instant) -> Option<Action> {
        let draining = self.stream.phase == Phase::Halted && self.is_drained();
        let due = self.persist_due()?;
        if due > now && !(draining && self.persistence.retry_at.is_none()) {
            return None;
        }
        let checkpoint = self.checkpoint_with(&[]);
        self.persistence.saving = Some(Saving::of(&checkpoint));
        self.persistence.dirty = false;
        self.persistence.since = None;
        self.persistence.retry_at = None;
        Some(Action::Persist(Box::new(checkpoint)))
    }

    pub(super) fn mark_dirty(&mut self, now: Instant) {
        self.persistence.dirty = true;
        self.persistence.since.get_or_insert(now);
    }
}
