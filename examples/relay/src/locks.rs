//! One lock for each account: its events are handled one after the other, whichever hosts
//! they come from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atproto_core::syntax::Did;
use tokio::sync::OwnedMutexGuard;

type Lock = Arc<tokio::sync::Mutex<()>>;

/// The locks that are in use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locks(Arc<Mutex<HashMap<Did, Lock>>>);

/// The right to change what is known of an account.
#[derive(Debug)]
pub struct AccountGuard {
    locks: Locks,
    did: Did,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Locks {
    /// Waits for the account's turn; first come, first served.
    pub(crate) async fn lock(&self, did: &Did) -> AccountGuard {
        let lock = Arc::clone(self.table().entry(did.clone()).or_default());
        // Made before waiting: whoever gives up waiting cleans up as well.
        let mut guard = AccountGuard { locks: self.clone(), did: did.clone(), guard: None };
        guard.guard = Some(lock.lock_owned().await);
        guard
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Did, Lock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AccountGuard {
    fn drop(&mut self) {
        self.guard = None;
        let mut table = self.locks.table();
        // Nobody can come to the lock while the table is held: one reference is the table's.
        if table.get(&self.did).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            table.remove(&self.did);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_left_behind() {
        let locks = Locks::default();
        let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
        let first = locks.lock(&did).await;
        let mut second = Box::pin(locks.lock(&did));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        let second = second.await;
        assert!(locks.lock(&did).now_or_never().is_none());
        drop(second);
        assert!(locks.table().is_empty());
    }
}
