//! A table bounded in entries and bytes that forgets what was used least recently.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Entries in the order of last use, as a list through a vector.
pub(super) struct Lru<K, V> {
    places: HashMap<K, usize>,
    nodes: Vec<Node<K, V>>,
    free: Vec<usize>,
    /// The ends of the list, [`NONE`] when it is empty.
    newest: usize,
    oldest: usize,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

struct Node<K, V> {
    /// `None` where the place is free.
    entry: Option<(K, V)>,
    bytes: usize,
    newer: usize,
    older: usize,
}

impl<K: Clone + Eq + Hash, V> Lru<K, V> {
    /// At least one entry is kept, if it is not larger than all the bytes there are.
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            places: HashMap::new(),
            nodes: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            bytes: 0,
            max_entries: max_entries.max(1),
            max_bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The weight of all entries, as their owners declared it and with the table's own share.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Finds an entry and makes it the most recently used one.
    pub(super) fn get<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let place = *self.places.get(key)?;
        self.unlink(place);
        self.link(place);
        self.nodes[place].entry.as_mut().map(|(_, value)| value)
    }

    /// Adds or replaces an entry, and gives back what had to go for it, oldest first. An
    /// entry heavier than the whole table goes itself.
    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) -> Vec<(K, V)> {
        self.remove(&key);
        let bytes = weight.saturating_add(Self::OVERHEAD);
        if bytes > self.max_bytes {
            return vec![(key, value)];
        }
        let mut evicted = Vec::new();
        while self.places.len() >= self.max_entries || self.bytes > self.max_bytes - bytes {
            evicted.extend(self.take(self.oldest));
        }
        let node = Node { entry: Some((key.clone(), value)), bytes, newer: NONE, older: NONE };
        let place = match self.free.pop() {
            Some(place) => {
                self.nodes[place] = node;
                place
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        self.places.insert(key, place);
        self.bytes += bytes;
        self.link(place);
        evicted
    }

    pub(super) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let place = *self.places.get(key)?;
        self.take(place).map(|(_, value)| value)
    }

    fn take(&mut self, place: usize) -> Option<(K, V)> {
        self.unlink(place);
        let node = &mut self.nodes[place];
        let entry = node.entry.take()?;
        self.bytes -= node.bytes;
        self.places.remove(&entry.0);
        self.free.push(place);
        Some(entry)
    }

    fn link(&mut self, place: usize) {
        self.nodes[place].newer = NONE;
        self.nodes[place].older = self.newest;
        match self.newest {
            NONE => self.oldest = place,
            newest => self.nodes[newest].newer = place,
        }
        self.newest = place;
    }

    fn unlink(&mut self, place: usize) {
        let Node { newer, older, .. } = self.nodes[place];
        match newer {
            NONE => self.newest = older,
            newer => self.nodes[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.nodes[older].newer = newer,
        }
    }

    /// What an entry costs beside its own weight: its node, and its place in a hash table
    /// that is seven eighths full at best and half of that on average.
    const OVERHEAD: usize = size_of::<Node<K, V>>() + 2 * (size_of::<K>() + size_of::<usize>() + 1);
}

/// The end of the list.
const NONE: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use super::Lru;

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let mut table = Lru::new(3, usize::MAX);
        for key in [1, 2, 3] {
            assert!(table.insert(key, key * 10, 0).is_empty());
        }
        assert_eq!(table.get(&1), Some(&mut 10));
        assert_eq!(table.insert(4, 40, 0), [(2, 20)]);
        assert_eq!(table.remove(&3), Some(30));
        assert!(table.insert(5, 50, 0).is_empty(), "there is room again");
        assert_eq!(table.insert(6, 60, 0), [(1, 10)]);
        assert_eq!(table.len(), 3);
        assert_eq!(table.insert(5, 51, 0), [], "in place of itself");
        assert_eq!(table.get(&5), Some(&mut 51));
    }

    #[test]
    fn bytes_are_bounded_and_add_up() {
        let overhead = Lru::<u32, ()>::OVERHEAD;
        let mut table = Lru::new(1000, 10 * overhead + 100);
        for key in 0..10_u32 {
            assert!(table.insert(key, (), 10).is_empty());
        }
        assert_eq!(table.bytes(), 10 * overhead + 100);
        assert_eq!(table.insert(10, (), 11), [(0, ()), (1, ())]);
        assert_eq!(table.insert(11, (), 9 * overhead + 101), [(11, ())], "heavier than the table");
        assert_eq!(table.insert(12, (), 9 * overhead + 100).len(), 9, "as heavy as the table");
        assert_eq!(table.len(), 1);
        table.remove(&12);
        assert_eq!((table.len(), table.bytes()), (0, 0));
    }
}
