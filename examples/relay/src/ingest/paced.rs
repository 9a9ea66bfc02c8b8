//! Asking identities, at a pace that strangers cannot set.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atproto_core::identity::{DidDocument, ResolveError, Resolver};
use atproto_core::syntax::{Did, Handle};
use futures::FutureExt;
use futures::future::BoxFuture;
use metrics::histogram;
use tokio::time::{Instant, sleep_until};

use crate::metrics::VERIFY_SECONDS;

/// DIDs that are remembered before those whose time is over are forgotten.
const REMEMBERED: usize = 4_096;

/// A resolver that looks past the memory of another one at most once in a while for each DID.
/// A question that comes too early after a purge waits for its turn, so that its answer is as
/// fresh as was asked for.
pub(super) struct Paced {
    inner: Arc<dyn Resolver>,
    every: Duration,
    turns: Mutex<HashMap<Did, Turn>>,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    /// When the DID may be looked up anew.
    at: Instant,
    /// Whether that was asked for.
    wanted: bool,
}

impl Paced {
    /// `every` is the time between two looks.
    pub(super) fn new(inner: Arc<dyn Resolver>, every: Duration) -> Self {
        Self { inner, every, turns: Mutex::default() }
    }

    /// Waits for a new look, if one is wanted.
    async fn await_turn(&self, did: &Did) {
        let wanted = self.turns().get(did).copied().filter(|turn| turn.wanted);
        let Some(turn) = wanted else { return };
        sleep_until(turn.at).await;
        let next = Turn { at: Instant::now() + self.every, wanted: false };
        self.turns().insert(did.clone(), next);
        self.inner.purge(did);
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<Did, Turn>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for Paced {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        async move {
            let start = Instant::now();
            self.await_turn(did).await;
            let answer = self.inner.did(did).await;
            histogram!(VERIFY_SECONDS, "step" => "identity").record(start.elapsed());
            answer
        }
        .boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        self.inner.handle(handle)
    }

    fn purge(&self, did: &Did) {
        let now = Instant::now();
        let mut turns = self.turns();
        if turns.len() >= REMEMBERED {
            turns.retain(|_, turn| turn.wanted || turn.at > now);
        }
        turns.entry(did.clone()).or_insert(Turn { at: now, wanted: true }).wanted = true;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    #[derive(Default)]
    struct Counting(AtomicU32);

    impl Resolver for Counting {
        fn did<'a>(
            &'a self,
            did: &'a Did,
        ) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
            async move { Ok(Arc::new(DidDocument::new(did.clone()))) }.boxed()
        }

        fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
            async move { Err(ResolveError::NotFound(handle.to_string())) }.boxed()
        }

        fn purge(&self, _did: &Did) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn t42_a_new_look_is_fresh_and_not_more_often_than_allowed() {
        let inner = Arc::new(Counting::default());
        let paced = Paced::new(Arc::clone(&inner) as Arc<_>, EVERY);
        let did = Did::new("did:web:a.example").unwrap();
        let start = Instant::now();
        for _ in 0..5 {
            paced.purge(&did);
            paced.did(&did).await.unwrap();
            paced.did(&did).await.unwrap();
        }
        assert_eq!(inner.0.load(Ordering::Relaxed), 5);
        assert_eq!(start.elapsed(), 4 * EVERY);
    }
}
