//! Requests under way: one for all who ask the same.

use std::collections::HashMap;
use std::hash::Hash;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};

use crate::identity::ResolveError;

type Request<V> = BoxFuture<'static, Result<V, ResolveError>>;

/// Requests by key. Only the waiters hold a request: when the last one goes, it ends, and the
/// next one who asks starts anew.
pub(super) struct Flights<K, V> {
    flights: HashMap<K, (u64, WeakShared<Request<V>>)>,
    next: u64,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { flights: HashMap::new(), next: 0 }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Flights<K, V> {
    /// The request under way, or a new one, which is told its number.
    pub(super) fn join(
        &mut self,
        key: &K,
        start: impl FnOnce(u64) -> Request<V>,
    ) -> Shared<Request<V>> {
        if let Some(request) = self.flights.get(key).and_then(|(_, weak)| weak.upgrade()) {
            return request;
        }
        self.sweep();
        let number = self.next;
        self.next += 1;
        let request = start(number).shared();
        if let Some(weak) = request.downgrade() {
            self.flights.insert(key.clone(), (number, weak));
        }
        request
    }

    /// Ends a request's entry; whether the answer may be remembered, which it may not after
    /// [`abandon`](Self::abandon).
    pub(super) fn land(&mut self, key: &K, number: u64) -> bool {
        let current = self.flights.get(key).is_some_and(|(flying, _)| *flying == number);
        if current {
            self.flights.remove(key);
        }
        current
    }

    /// Those who wait get their answer, but it will not be remembered, and who asks from now
    /// on starts a new request.
    pub(super) fn abandon(&mut self, key: &K) {
        self.flights.remove(key);
    }

    /// Removes what nobody waits for, each time the table has doubled.
    fn sweep(&mut self) {
        if self.flights.len() == self.flights.capacity() {
            self.flights.retain(|_, (_, weak)| weak.upgrade().is_some());
        }
    }
}
