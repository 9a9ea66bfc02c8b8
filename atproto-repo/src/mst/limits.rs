use super::{KeySyntax, NodeFault, height};

/// What a tree refuses beyond the rules that give it its shape.
///
/// The shape follows from hashes of keys, and whoever chooses the keys can mine hashes, that
/// is, try keys until the hash suits: a node with thousands of entries, a tower of empty
/// nodes. No honest tree comes near these limits, and the cost of every operation is bounded
/// by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most entries of one node. Ours, 256: the probability that in 25 billion keys any
    /// node has more is 10⁻²².
    pub max_entries: usize,
    /// The greatest layer of a key. Ours, 40: the probability that any of 25 billion keys is
    /// above it is 10⁻¹⁴.
    pub max_height: u8,
    /// The longest key in bytes. 1,024, which is what other implementations admit; a
    /// path has at most 830.
    pub max_key: usize,
    /// Which keys are admitted.
    pub keys: KeySyntax,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_entries: 256, max_height: 40, max_key: 1_024, keys: KeySyntax::Path }
    }
}

impl Limits {
    /// The default limits for keys that need not be paths of records.
    pub fn any_key() -> Self {
        Self { keys: KeySyntax::Any, ..Self::default() }
    }

    /// Checks a key of which the first `shared` bytes are those of a key that has passed,
    /// and returns its layer.
    pub(super) fn check_key(&self, key: &[u8], shared: usize) -> Result<u8, NodeFault> {
        if key.is_empty() || key.len() > self.max_key {
            return Err(NodeFault::KeyLength { limit: self.max_key, found: key.len() });
        }
        self.keys.check(key, shared)?;
        let found = height(key);
        if found > self.max_height {
            return Err(NodeFault::Height { limit: self.max_height, found });
        }
        Ok(found)
    }

    pub(super) fn check_entries(&self, found: usize) -> Result<(), NodeFault> {
        if found > self.max_entries {
            return Err(NodeFault::TooManyEntries { limit: self.max_entries, found });
        }
        Ok(())
    }
}
