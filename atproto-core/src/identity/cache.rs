//! Remembering what was resolved.

mod config;
mod flight;
mod pace;
mod table;

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{DidDocument, ResolveError, Resolver};
use crate::syntax::{Did, Handle};
pub use config::CacheConfig;

use flight::Flights;
use pace::Pace;
use table::{Remembered, Table};

/// A [`Resolver`] that remembers the answers of another one.
///
/// - A fresh answer is given at once. A stale one is asked for again; if that fails for
///   reasons of the network, the stale answer serves on until it is too old.
/// - Final refusals are remembered too, for a short time, and so are failures, so that a
///   directory that is down is not asked for each event.
/// - Everyone who asks for the same thing at the same time waits for one request.
/// - The number of entries is bounded, and so are requests at the same time and in a second:
///   whoever invents a million handles makes this program slow for new names, not loud.
/// - [`purge`](Resolver::purge) forgets a DID, the handle it claims, and requests under way.
///
/// An error is never turned into an answer: what cannot be resolved is not taken as good.
pub struct CachingResolver {
    shared: Arc<Shared>,
}

/// What a [`CachingResolver`] has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Questions answered from memory.
    pub hits: u64,
    /// Questions that waited for a request, be it one of their own.
    pub misses: u64,
    /// Requests made.
    pub requests: u64,
    /// Requests that failed and left a stale answer to serve on.
    pub stale: u64,
    /// DIDs remembered at present.
    pub dids: usize,
    /// Handles remembered at present.
    pub handles: usize,
}

impl CachingResolver {
    /// Puts a cache in front of a resolver.
    pub fn new(inner: Arc<dyn Resolver>, config: CacheConfig) -> Self {
        let shared = Shared {
            inner,
            requests: Semaphore::new(config.concurrency.max(1)),
            pace: Pace::new(config.per_second),
            counters: Counters::default(),
            dids: Cache::new(config.did_fresh, config.capacity),
            handles: Cache::new(config.handle_fresh, config.capacity),
            config,
        };
        Self { shared: Arc::new(shared) }
    }

    /// What has been done so far.
    pub fn stats(&self) -> CacheStats {
        let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        CacheStats {
            hits: counted(&counters.hits),
            misses: counted(&counters.misses),
            requests: counted(&counters.requests),
            stale: counted(&counters.stale),
            dids: lock(&self.shared.dids.state).table.len(),
            handles: lock(&self.shared.handles.state).table.len(),
        }
    }
}

impl Resolver for CachingResolver {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        let fetch = |shared: Arc<Shared>, did: Did| -> BoxFuture<'static, _> {
            Box::pin(async move { shared.inner.did(&did).await })
        };
        Box::pin(resolve(&self.shared, |shared| &shared.dids, did, fetch))
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        let fetch = |shared: Arc<Shared>, handle: Handle| -> BoxFuture<'static, _> {
            Box::pin(async move { shared.inner.handle(&handle).await })
        };
        Box::pin(resolve(&self.shared, |shared| &shared.handles, handle, fetch))
    }

    fn purge(&self, did: &Did) {
        if let Some(Ok(document)) = self.shared.dids.forget(did)
            && let Some(handle) = document.handle()
        {
            self.shared.handles.forget(&handle);
        }
        self.shared.inner.purge(did);
    }
}

struct Shared {
    inner: Arc<dyn Resolver>,
    requests: Semaphore,
    pace: Pace,
    counters: Counters,
    dids: Cache<Did, Arc<DidDocument>>,
    handles: Cache<Handle, Did>,
    config: CacheConfig,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    requests: AtomicU64,
    stale: AtomicU64,
}

/// One kind of question with its answers.
struct Cache<K, V> {
    fresh: Duration,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    table: Table<K, V>,
    flights: Flights<K, V>,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    fn new(fresh: Duration, capacity: usize) -> Self {
        let state = State { table: Table::new(capacity), flights: Flights::default() };
        Self { fresh, state: Mutex::new(state) }
    }

    /// Forgets an answer; a request under way will not be remembered, since it may have been
    /// answered before the change.
    fn forget(&self, key: &K) -> Option<Result<V, ResolveError>> {
        let mut state = lock(&self.state);
        state.flights.abandon(key);
        state.table.remove(key).map(|remembered| remembered.answer)
    }
}

async fn resolve<K, V>(
    shared: &Arc<Shared>,
    cache: fn(&Shared) -> &Cache<K, V>,
    key: &K,
    fetch: fn(Arc<Shared>, K) -> BoxFuture<'static, Result<V, ResolveError>>,
) -> Result<V, ResolveError>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let flight = {
        let mut state = lock(&cache(shared).state);
        if let Some(remembered) = state.table.get(key)
            && Instant::now() < remembered.ask_again
        {
            count(&shared.counters.hits);
            return remembered.answer.clone();
        }
        count(&shared.counters.misses);
        let (shared, key) = (Arc::clone(shared), key.clone());
        state.flights.join(&key.clone(), move |number| {
            async move { shared.ask(cache, key, fetch, number).await }.boxed()
        })
    };
    flight.await
}

impl Shared {
    /// Asks once for all who wait, and remembers the answer.
    async fn ask<K, V>(
        self: Arc<Self>,
        cache: fn(&Shared) -> &Cache<K, V>,
        key: K,
        fetch: fn(Arc<Shared>, K) -> BoxFuture<'static, Result<V, ResolveError>>,
        number: u64,
    ) -> Result<V, ResolveError>
    where
        K: Clone + Eq + Hash,
        V: Clone,
    {
        let answer = match self.requests.acquire().await {
            Ok(_permit) => {
                self.pace.turn().await;
                count(&self.counters.requests);
                fetch(Arc::clone(&self), key.clone()).await
            }
            Err(closed) => Err(ResolveError::Unavailable(Arc::new(closed))),
        };
        let cache = cache(&self);
        let now = Instant::now();
        let mut state = lock(&cache.state);
        let state = &mut *state;
        let remembered = match (answer, state.table.get(&key)) {
            (Err(error), Some(old)) if error.is_transient() && old.serves(now, &self.config) => {
                count(&self.counters.stale);
                Remembered { ask_again: now + self.config.negative, ..old.clone() }
            }
            (answer @ Ok(_), _) => {
                let ask_again = now + state.table.jitter(&key, cache.fresh);
                Remembered { answer, asked: now, ask_again }
            }
            (answer @ Err(_), _) => {
                let ask_again = now + state.table.jitter(&key, self.config.negative);
                Remembered { answer, asked: now, ask_again }
            }
        };
        let answer = remembered.answer.clone();
        if state.flights.land(&key, number) {
            state.table.insert(key, remembered);
        }
        answer
    }
}

impl<V> Remembered<V> {
    /// Whether an old answer may stand in for one that cannot be had.
    fn serves(&self, now: Instant, config: &CacheConfig) -> bool {
        self.answer.is_ok() && now < self.asked + config.max_age
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A panic elsewhere leaves tables whole: no lock is held while foreign code runs.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
