//! Where blocks come from, and a place in memory to keep them.

mod cid_hashing;

use std::hash::BuildHasher;

use atproto_core::syntax::Cid;
use bytes::Bytes;
use hashbrown::{HashTable, hash_table::Entry};

pub(crate) use cid_hashing::CidHashing;

/// A place that blocks can be read from: a map, a database, a slice of a repository.
///
/// Nothing in this crate waits: a source that has to fetch answers `None`, the operation
/// that asked reports which block is missing, and the caller fetches and asks again.
pub trait BlockSource {
    /// The block with that CID, or `None` if this source does not have it.
    ///
    /// The bytes are trusted to be those of the CID: sources check hashes when blocks
    /// come in, as [`car`](crate::car) does.
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError>;
}

impl<T: BlockSource + ?Sized> BlockSource for &T {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        (**self).block(cid)
    }
}

impl BlockSource for BlockMap {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        Ok(self.get(cid).cloned())
    }
}

/// Two sources as one: the first is asked first.
#[derive(Debug, Clone, Copy)]
pub struct Overlay<A, B>(
    /// Asked first.
    pub A,
    /// Asked for what the first does not have.
    pub B,
);

impl<A: BlockSource, B: BlockSource> BlockSource for Overlay<A, B> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        match self.0.block(cid)? {
            Some(block) => Ok(Some(block)),
            None => self.1.block(cid),
        }
    }
}

/// A source that could not be read, as opposed to one that lacks a block.
#[derive(Debug, thiserror::Error)]
#[error("the source of blocks failed: {0}")]
pub struct BlockSourceError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl BlockSourceError {
    /// Wraps the failure of a database, a file, a network.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Blocks by CID, in the order in which they were first inserted.
///
/// Cloning a block out of the map is cheap: [`Bytes`] share their memory. A block of a
/// CAR that was read from one buffer keeps that buffer alive.
#[derive(Debug, Clone, Default)]
pub struct BlockMap {
    blocks: Vec<(Cid, Bytes)>,
    /// The places of the blocks, by the hashes of their CIDs. Four bytes each: an archive in
    /// memory is to take little more than itself.
    places: HashTable<u32>,
    hashing: CidHashing,
}

impl BlockMap {
    /// A map without blocks.
    pub fn new() -> Self {
        Self::default()
    }

    /// A map with room for that many blocks.
    pub fn with_capacity(blocks: usize) -> Self {
        let (places, hashing) = (HashTable::with_capacity(blocks), CidHashing::default());
        Self { blocks: Vec::with_capacity(blocks), places, hashing }
    }

    /// Makes room for that many blocks more.
    pub(crate) fn reserve(&mut self, more: usize) {
        let Self { blocks, places, hashing } = self;
        blocks.reserve_exact(more);
        places.reserve(more, |place| hashing.hash_one(blocks[*place as usize].0));
    }

    /// How many blocks there is room for, those included that are here.
    pub(crate) fn capacity(&self) -> usize {
        self.blocks.capacity()
    }

    /// Adds a block; says whether it is new. The caller vouches for the hash.
    pub fn insert(&mut self, cid: Cid, block: Bytes) -> bool {
        let Self { blocks, places, hashing } = self;
        let is_it = |place: &u32| blocks[*place as usize].0 == cid;
        let rehash = |place: &u32| hashing.hash_one(blocks[*place as usize].0);
        let Entry::Vacant(entry) = places.entry(hashing.hash_one(cid), is_it, rehash) else {
            return false;
        };
        entry.insert(place(blocks.len()));
        blocks.push((cid, block));
        true
    }

    /// Takes a block out. The last block moves to its place in the order.
    pub fn remove(&mut self, cid: &Cid) -> Option<Bytes> {
        let Self { blocks, places, hashing } = self;
        let is_it = |place: &u32| blocks[*place as usize].0 == *cid;
        let (gone, _) = places.find_entry(hashing.hash_one(cid), is_it).ok()?.remove();
        let (_, block) = blocks.swap_remove(gone as usize);
        if let Some((moved, _)) = blocks.get(gone as usize) {
            let last = place(blocks.len());
            let entry = places.find_mut(hashing.hash_one(moved), |place| *place == last);
            *entry.expect("every block has its place") = gone;
        }
        Some(block)
    }

    /// The block with that CID.
    pub fn get(&self, cid: &Cid) -> Option<&Bytes> {
        let is_it = |place: &u32| self.blocks[*place as usize].0 == *cid;
        let place = self.places.find(self.hashing.hash_one(cid), is_it)?;
        Some(&self.blocks[*place as usize].1)
    }

    /// Whether the block is here.
    pub fn contains(&self, cid: &Cid) -> bool {
        self.get(cid).is_some()
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The sum of the blocks' lengths in bytes.
    pub fn total_bytes(&self) -> usize {
        self.blocks.iter().map(|(_, block)| block.len()).sum()
    }

    /// The blocks in order of insertion.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Cid, &Bytes)> {
        self.blocks.iter().map(|(cid, block)| (cid, block))
    }

    /// The CIDs in order of insertion.
    pub fn cids(&self) -> impl ExactSizeIterator<Item = &Cid> {
        self.blocks.iter().map(|(cid, _)| cid)
    }
}

impl Extend<(Cid, Bytes)> for BlockMap {
    fn extend<I: IntoIterator<Item = (Cid, Bytes)>>(&mut self, blocks: I) {
        for (cid, block) in blocks {
            self.insert(cid, block);
        }
    }
}

impl FromIterator<(Cid, Bytes)> for BlockMap {
    fn from_iter<I: IntoIterator<Item = (Cid, Bytes)>>(blocks: I) -> Self {
        let mut map = Self::new();
        map.extend(blocks);
        map
    }
}

impl IntoIterator for BlockMap {
    type Item = (Cid, Bytes);
    type IntoIter = std::vec::IntoIter<(Cid, Bytes)>;

    fn into_iter(self) -> Self::IntoIter {
        self.blocks.into_iter()
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).expect("no memory holds so many blocks")
}
