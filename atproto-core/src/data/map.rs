use std::cmp::Ordering;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::{DataError, Value};

/// A map from strings to values in the order of DAG-CBOR: shorter keys first, keys of one
/// length by their bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Map {
    /// Sorted by [`key_order`], keys unique.
    entries: Vec<(SmolStr, Value)>,
}

impl Map {
    /// A map without entries; it allocates nothing.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Sorts entries once, which is what keeps many keys in an unlucky order from costing
    /// quadratic time. A key that occurs twice is an error.
    pub(super) fn from_entries(mut entries: Vec<(SmolStr, Value)>) -> Result<Self, DataError> {
        entries.sort_by(|(a, _), (b, _)| key_order(a.as_bytes(), b.as_bytes()));
        match entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            true => Err(DataError::DuplicateKey),
            false => Ok(Self { entries }),
        }
    }

    /// Takes entries whose keys are known to be sorted and unique.
    pub(super) fn from_sorted(entries: Vec<(SmolStr, Value)>) -> Self {
        Self { entries }
    }

    pub(crate) fn entries(&self) -> &[(SmolStr, Value)] {
        &self.entries
    }

    pub(super) fn entries_mut(&mut self) -> &mut Vec<(SmolStr, Value)> {
        &mut self.entries
    }

    /// Sets a key and returns what it held before. Linear in the number of later keys:
    /// collect from an iterator to build a large map.
    pub fn insert(&mut self, key: impl Into<SmolStr>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.find(&key) {
            Ok(index) => Some(std::mem::replace(&mut self.entries[index].1, value)),
            Err(index) => {
                self.entries.insert(index, (key, value));
                None
            }
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.find(key).ok().map(|index| self.entries.remove(index).1)
    }

    /// The value of a key, for changing it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.find(key).ok().map(|index| &mut self.entries[index].1)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok().map(|index| &self.entries[index].1)
    }

    /// Whether the key is there, if only with null.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// The value of `$type`, if it is a string.
    pub fn type_name(&self) -> Option<&str> {
        self.get("$type").and_then(Value::as_str)
    }

    /// The entries in canonical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> + DoubleEndedIterator {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys in canonical order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + DoubleEndedIterator {
        self.iter().map(|(_, value)| value)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(other, _)| key_order(other.as_bytes(), key.as_bytes()))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Into<SmolStr>, V: Into<Value>> FromIterator<(K, V)> for Map {
    /// Of entries with the same key the last one stays.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<(SmolStr, Value)> =
            entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        // Reversed and stable: of equal keys the last comes first, and `dedup` keeps it.
        entries.reverse();
        entries.sort_by(|(a, _), (b, _)| key_order(a.as_bytes(), b.as_bytes()));
        entries.dedup_by(|(a, _), (b, _)| a == b);
        Self { entries }
    }
}

impl<K: Into<SmolStr>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Map {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl IntoIterator for Map {
    type Item = (SmolStr, Value);
    type IntoIter = std::vec::IntoIter<(SmolStr, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Map(map) => Ok(map),
            _ => Err(D::Error::custom(DataError::NotMap)),
        }
    }
}

/// The order of keys in DAG-CBOR: by length, then by bytes.
#[inline]
pub(crate) fn key_order(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
