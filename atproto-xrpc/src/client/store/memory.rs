use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures::future::{BoxFuture, FutureExt};

use super::{SessionStore, StoreError, StoreGuard};

/// Keeps sessions until the program ends.
#[derive(Default)]
pub struct MemoryStore {
    values: Mutex<HashMap<String, String>>,
    locks: Locks,
}

/// A lock for each key, for as long as somebody holds or waits for it.
#[derive(Default)]
struct Locks(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Locks {
    async fn lock(&self, key: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let known = locks.get(key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                locks.insert(key.to_owned(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

impl MemoryStore {
    fn values(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemoryStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        async move { Ok(self.values().get(key).cloned()) }.boxed()
    }

    fn save<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.values().insert(key.to_owned(), value.to_owned());
            Ok(())
        }
        .boxed()
    }

    fn take<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        async move { Ok(self.values().remove(key)) }.boxed()
    }

    fn lock<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<StoreGuard, StoreError>> {
        async move { Ok(StoreGuard::new(self.locks.lock(key).await)) }.boxed()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("values", &self.values().len()).finish_non_exhaustive()
    }
}
