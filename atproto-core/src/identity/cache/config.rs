//! Settings.

use std::time::Duration;

/// How a [`CachingResolver`](super::CachingResolver) behaves.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CacheConfig {
    /// How long a DID document is fresh. Default: 1 hour.
    pub did_fresh: Duration,
    /// How long a handle's DID is fresh; below 10 minutes it also suits logins.
    /// Default: 5 minutes.
    pub handle_fresh: Duration,
    /// How old an answer may become while no new one can be had, counted from the moment at
    /// which it was asked for. Default: 24 hours.
    pub max_age: Duration,
    /// How long a refusal or a failure is remembered. Default: 30 seconds.
    pub negative: Duration,
    /// How many DIDs, and how many handles, are remembered at most; refusals have an eighth
    /// of this beside. What was used least recently goes first. Default: 100 000.
    pub capacity: usize,
    /// What the remembered DIDs, and the remembered handles, weigh in memory at most, in
    /// bytes; a document that is heavier than that is not remembered. Default: 256 MiB,
    /// which is reached by documents of more than 2 kB each.
    pub bytes: usize,
    /// How many requests are under way or wait for their turn at most; more fail at once.
    /// Default: 10 000, of which the last waits for 50 seconds.
    pub pending: usize,
    /// How many requests are under way at most; others wait. Default: 64.
    pub concurrency: usize,
    /// How many requests are begun in a second at most; others wait. Default: 200.
    pub per_second: u32,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            did_fresh: Duration::from_secs(60 * 60),
            handle_fresh: Duration::from_secs(5 * 60),
            max_age: Duration::from_secs(24 * 60 * 60),
            negative: Duration::from_secs(30),
            capacity: 100_000,
            bytes: 256 << 20,
            pending: 10_000,
            concurrency: 64,
            per_second: 200,
        }
    }
}

impl CacheConfig {
    /// Sets [`did_fresh`](Self::did_fresh).
    #[must_use]
    pub fn did_fresh(mut self, fresh: Duration) -> Self {
        self.did_fresh = fresh;
        self
    }

    /// Sets [`handle_fresh`](Self::handle_fresh).
    #[must_use]
    pub fn handle_fresh(mut self, fresh: Duration) -> Self {
        self.handle_fresh = fresh;
        self
    }

    /// Sets [`max_age`](Self::max_age).
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets [`negative`](Self::negative).
    #[must_use]
    pub fn negative(mut self, negative: Duration) -> Self {
        self.negative = negative;
        self
    }

    /// Sets [`capacity`](Self::capacity).
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets [`bytes`](Self::bytes).
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets [`pending`](Self::pending).
    #[must_use]
    pub fn pending(mut self, pending: usize) -> Self {
        self.pending = pending;
        self
    }

    /// Sets [`concurrency`](Self::concurrency).
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets [`per_second`](Self::per_second).
    #[must_use]
    pub fn per_second(mut self, per_second: u32) -> Self {
        self.per_second = per_second;
        self
    }
}
