use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::driver::{Shared, now};
use crate::checkpoint::Checkpoint;
use crate::event::{Commit, Event};
use crate::intake::{Delivered, DeliveryId, Settlement};

/// Several events whose effects are stored in one transaction, together with
/// [`Self::checkpoint`]. Dropped without [`Self::committed`] all of them are
/// delivered again, which counts as an attempt, unless it is by [`Self::unavailable`].
#[derive(Debug)]
#[must_use = "a batch that is not committed is delivered again"]
pub struct Batch {
    shared: Arc<Shared>,
    deliveries: Vec<Delivered>,
    checkpoint: OnceLock<Checkpoint>,
    committed: bool,
}

impl Batch {
    pub(crate) fn new(shared: Arc<Shared>, first: Option<Delivered>) -> Self {
        let (deliveries, checkpoint) = (first.into_iter().collect(), OnceLock::new());
        Self { shared, deliveries, checkpoint, committed: false }
    }

    pub(crate) fn push(&mut self, delivered: Delivered) {
        self.deliveries.push(delivered);
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether there are no events: all were rejected, or the checkpoint alone
    /// is to be stored, because what it holds has reached its limit.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// All events.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.deliveries.iter().map(|delivered| &*delivered.event)
    }

    /// The commits. Other events matter too: see [`Self::events`].
    pub fn commits(&self) -> impl Iterator<Item = &Commit> {
        self.events().filter_map(|event| match event {
            Event::Commit(commit) => Some(commit),
            _ => None,
        })
    }

    /// Sends the event at `index` to the dead letters, which are part of the
    /// checkpoint, and takes it out of the batch. Later events move down.
    ///
    /// # Panics
    /// If there is no such event.
    pub fn reject(&mut self, index: usize, reason: impl Into<Arc<str>>) {
        let delivered = self.deliveries.remove(index);
        self.checkpoint.take();
        let settlement = Settlement::Reject(reason.into());
        self.shared.update(|intake| intake.handle_settled(now(), delivered.id, settlement));
    }

    /// What to store in the transaction, made at the first call.
    pub fn checkpoint(&self) -> &Checkpoint {
        let make = || self.shared.with(|intake| intake.checkpoint_with(&self.ids()));
        self.checkpoint.get_or_init(make)
    }

    /// The transaction with [`Self::checkpoint`] is durable. Where the state
    /// is a store that saves by itself, it does so now in its own time.
    pub fn committed(mut self) {
        self.committed = true;
        let ids = self.ids();
        let checkpoint = self.checkpoint();
        if self.shared.store.saves() {
            self.settle_all(&ids, &Settlement::Ack);
        } else {
            self.shared.store.note_saved(checkpoint);
            self.shared.update(|intake| intake.handle_committed(now(), &ids, checkpoint));
        }
    }

    /// The database is down: all deliveries pause for a while, which grows from outage to
    /// outage, and these come again. However long it takes, nothing is given up.
    pub fn unavailable(mut self) {
        let ids = self.ids();
        self.settle_all(&ids, &Settlement::Unavailable);
        self.deliveries.clear();
    }

    fn settle_all(&self, ids: &[DeliveryId], settlement: &Settlement) {
        self.shared.update(|intake| {
            for id in ids {
                intake.handle_settled(now(), *id, settlement.clone());
            }
        });
    }

    fn ids(&self) -> Vec<DeliveryId> {
        self.deliveries.iter().map(|delivered| delivered.id).collect()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        self.settle_all(&self.ids(), &Settlement::Retry(Duration::from_millis(100)));
    }
}
