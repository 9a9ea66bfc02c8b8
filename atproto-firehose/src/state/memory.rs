use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use atproto_core::syntax::Did;
use futures::{FutureExt, future::ready};

use super::{Store, StoreError, Stored};
use crate::checkpoint::{Checkpoint, Head};

/// A checkpoint that the caller keeps durable: loaded from its own database
/// before the start, and stored there with the effects of each batch.
///
/// All heads are in memory, about 100 bytes an account. Rejects are not kept.
#[derive(Debug, Default)]
pub struct MemoryState {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    position: Checkpoint,
    heads: HashMap<Did, Head>,
}

impl From<Checkpoint> for MemoryState {
    /// Continues from everything that was stored: the last position and the
    /// last head of each account.
    fn from(mut stored: Checkpoint) -> Self {
        let heads = std::mem::take(&mut stored.heads).into_iter().collect();
        Self { inner: Mutex::new(Inner { position: stored, heads }) }
    }
}

impl MemoryState {
    /// Everything, heads included.
    pub fn checkpoint(&self) -> Checkpoint {
        let inner = self.lock();
        let heads = inner.heads.iter().map(|(did, head)| (did.clone(), *head)).collect();
        Checkpoint { heads, ..inner.position.clone() }
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

    fn saves(&self) -> bool {
        false
    }

    fn note_saved(&self, checkpoint: &Checkpoint) {
        let mut inner = self.lock();
        inner.heads.extend(checkpoint.heads.iter().cloned());
        let (heads, rejects, replayed) = (Vec::new(), Vec::new(), Vec::new());
        inner.position = Checkpoint { heads, rejects, replayed, ..checkpoint.clone() };
    }
}
