mod tracking;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use atproto_core::syntax::Did;
use bytes::Bytes;
use futures::{FutureExt, future::ready};

use self::tracking::Tracking;
use super::{Store, StoreError, Stored, TrackingStore};
use crate::checkpoint::{Checkpoint, Head, Parked, ParkedRef};

/// A checkpoint that the caller keeps durable: loaded from its own database
/// before the start, and stored there with the effects of each batch.
///
/// All heads are in memory, about 100 bytes an account, and so are
/// all parked events, with their frames. Rejects are not kept.
#[derive(Debug, Default)]
pub struct MemoryState {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    position: Checkpoint,
    heads: HashMap<Did, Head>,
    parked: BTreeMap<u64, Parked>,
    tracking: Tracking,
}

impl From<Checkpoint> for MemoryState {
    /// Continues from everything that was stored: the last position, the
    /// last head of each account, and what is parked.
    fn from(mut stored: Checkpoint) -> Self {
        let heads = std::mem::take(&mut stored.heads).into_iter().collect();
        let parked = std::mem::take(&mut stored.parked);
        let parked = parked.into_iter().map(|parked| (parked.id, parked)).collect();
        Self { inner: Mutex::new(Inner { position: stored, heads, parked, ..Inner::default() }) }
    }
}

impl MemoryState {
    /// Everything, heads and parked events included.
    pub fn checkpoint(&self) -> Checkpoint {
        let inner = self.lock();
        let heads = inner.heads.iter().map(|(did, head)| (did.clone(), *head)).collect();
        let parked = inner.parked.values().cloned().collect();
        Checkpoint { heads, parked, ..inner.position.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryState {
    fn load(&self) -> Stored<'_, Checkpoint> {
        let position = self.lock().position.clone();
        ready(Ok(position)).boxed()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        let mut inner = self.lock();
        let before = inner.position.clone();
        inner.position.epoch += 1;
        ready(Ok(before)).boxed()
    }

    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        let head = self.lock().heads.get(did).copied();
        ready(Ok(head)).boxed()
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        let stored = self.lock().position.epoch;
        let saved = if stored > checkpoint.epoch {
            Err(StoreError::fenced(checkpoint.epoch, stored))
        } else {
            self.note_saved(&checkpoint);
            Ok(())
        };
        ready(saved).boxed()
    }

    fn parks(&self) -> bool {
        true
    }

    fn parked(&self) -> Stored<'_, Vec<ParkedRef>> {
        let parked = self.lock().parked.values().map(ParkedRef::from).collect();
        ready(Ok(parked)).boxed()
    }

    fn parked_frame(&self, id: u64) -> Stored<'_, Option<Bytes>> {
        let frame = self.lock().parked.get(&id).map(|parked| parked.frame.clone());
        ready(Ok(frame)).boxed()
    }

    fn keeps_filter(&self) -> bool {
        true
    }

    fn keeps_upstreams(&self) -> bool {
        true
    }

    fn tracking(&self) -> Option<&dyn TrackingStore> {
        Some(self)
    }

    fn saves(&self) -> bool {
        false
    }

    fn note_saved(&self, checkpoint: &Checkpoint) {
        let inner = &mut *self.lock();
        inner.heads.extend(checkpoint.heads.iter().cloned());
        inner.parked.extend(checkpoint.parked.iter().map(|parked| (parked.id, parked.clone())));
        inner.tracking.save(&inner.heads, &checkpoint.tracking);
        inner.parked.retain(|id, _| !checkpoint.unparked.contains(id));
        let filter = checkpoint.filter.clone().or_else(|| inner.position.filter.take());
        inner.position = Checkpoint {
            epoch: checkpoint.epoch,
            cursor: checkpoint.cursor,
            received: checkpoint.received,
            unsettled: checkpoint.unsettled.clone(),
            filter,
            upstream: checkpoint.upstream.clone(),
            positions: checkpoint.positions.clone(),
            gaps: checkpoint.gaps,
            ..Checkpoint::default()
        };
    }
}
