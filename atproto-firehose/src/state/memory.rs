use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use atproto_core::syntax::Did;

use super::{Store, StoreError};
use crate::checkpoint::{Checkpoint, Head};

/// A checkpoint that the caller keeps durable: loaded from its own database
/// before the start, and stored there with the effects of each batch.
///
/// All heads are in memory, about 100 bytes an account.
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
    fn load(&self) -> Result<Checkpoint, StoreError> {
        Ok(self.lock().position.clone())
    }

    fn head(&self, did: &Did) -> Result<Option<Head>, StoreError> {
        Ok(self.lock().heads.get(did).copied())
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.heads.extend(checkpoint.heads.iter().cloned());
        let (heads, rejects, replayed) = (Vec::new(), Vec::new(), Vec::new());
        inner.position = Checkpoint { heads, rejects, replayed, ..checkpoint.clone() };
        Ok(())
    }

    fn saves(&self) -> bool {
        false
    }
}
