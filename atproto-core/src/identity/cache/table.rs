//! A bounded table of answers.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::identity::ResolveError;

/// An answer and its age.
#[derive(Debug, Clone)]
pub(super) struct Remembered<V> {
    pub(super) answer: Result<V, ResolveError>,
    /// When the answer arrived.
    pub(super) asked: Instant,
    /// When to ask again.
    pub(super) ask_again: Instant,
}

/// Two generations: when the young one is full it becomes the old one, and the old one goes.
/// What is used moves back to the young one. That is nearly the order of last use, at the
/// price of two hash tables and no list.
pub(super) struct Table<K, V> {
    young: HashMap<K, Remembered<V>>,
    old: HashMap<K, Remembered<V>>,
    generation: usize,
    hasher: RandomState,
}

impl<K: Clone + Eq + Hash, V> Table<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation: (capacity / 2).max(1),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&Remembered<V>> {
        if let Some((key, remembered)) = self.old.remove_entry(key) {
            self.insert(key, remembered);
        }
        self.young.get(key)
    }

    pub(super) fn insert(&mut self, key: K, remembered: Remembered<V>) {
        self.old.remove(&key);
        if self.young.len() >= self.generation && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, remembered);
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<Remembered<V>> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// Between three quarters of the time and all of it, constant for a key: what was learned
    /// in one moment is not asked again in one moment.
    pub(super) fn jitter(&self, key: &K, time: Duration) -> Duration {
        let sixteenths = 12 + (self.hasher.hash_one(key) % 5) as u32;
        time * sixteenths / 16
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Remembered, Table};

    fn remembered(value: u32) -> Remembered<u32> {
        Remembered { answer: Ok(value), asked: Instant::now(), ask_again: Instant::now() }
    }

    #[test]
    fn size_is_bounded_and_what_is_used_stays() {
        let mut table = Table::new(10);
        for key in 0..1000_u32 {
            table.insert(key, remembered(key));
            assert!(table.get(&0).is_some(), "used each time");
            assert!(table.len() <= 10);
        }
        assert!(table.get(&1).is_none());
        assert!(table.get(&999).is_some());
        assert!(table.remove(&999).is_some());
        assert!(table.get(&999).is_none());
    }

    #[test]
    fn jitter_never_lengthens() {
        let table = Table::<u32, u32>::new(10);
        for key in 0..100 {
            let time = table.jitter(&key, Duration::from_secs(16));
            assert!((12..=16).contains(&time.as_secs()));
        }
    }
}
