use std::hash::BuildHasher;

use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::CidHashing;

/// Where in a list of blocks the one with a CID is: a hash table with linear probing.
///
/// A slot has four bytes: the place in the low bits, as many as it takes, and a part of the
/// hash in the others, which spares nearly every look at a block that is not the one.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// A power of two of them, of which at least a quarter is empty; or none.
    slots: Vec<u32>,
    hashing: CidHashing,
}

type Blocks = [(Cid, Bytes)];

impl Index {
    /// Makes room for a number of blocks in all.
    pub(super) fn reserve(&mut self, count: usize, blocks: &Blocks) {
        if count <= self.slots.len() / 4 * 3 {
            return;
        }
        let slots = (count / 3 * 4 + MIN_SLOTS).next_power_of_two();
        assert!(slots <= 1 << 32, "no memory holds so many blocks");
        self.slots.clear();
        self.slots.resize(slots, EMPTY);
        for (place, (cid, _)) in blocks.iter().enumerate() {
            self.insert_new(cid, place);
        }
    }

    /// The place of the block with that CID.
    pub(super) fn find(&self, cid: &Cid, blocks: &Blocks) -> Option<usize> {
        self.find_slot(cid, blocks).map(|slot| self.place(slot))
    }

    /// Adds the block at a place. It is new, and there is room.
    pub(super) fn insert_new(&mut self, cid: &Cid, place: usize) {
        let hash = self.hash(cid);
        let mut slot = self.home(hash);
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) & self.mask();
        }
        // The place is less than the number of slots, which is at most 2³².
        self.slots[slot] = self.tag(hash) | place as u32;
    }

    /// Forgets a block and returns its place, which the last block is to take.
    pub(super) fn swap_remove(&mut self, cid: &Cid, blocks: &Blocks) -> Option<usize> {
        let slot = self.find_slot(cid, blocks)?;
        let place = self.place(slot);
        self.close(slot, blocks);
        if let Some((last, _)) = blocks.last()
            && let Some(slot) = self.find_slot(last, blocks)
        {
            self.slots[slot] = self.tag(self.hash(last)) | place as u32;
        }
        Some(place)
    }

    fn find_slot(&self, cid: &Cid, blocks: &Blocks) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = self.hash(cid);
        let (mut slot, tag) = (self.home(hash), self.tag(hash));
        while self.slots[slot] != EMPTY {
            if self.slots[slot] & !self.mask() as u32 == tag && blocks[self.place(slot)].0 == *cid {
                return Some(slot);
            }
            slot = (slot + 1) & self.mask();
        }
        None
    }

    /// Empties a slot, and moves up those after it that would be found no more.
    fn close(&mut self, mut empty: usize, blocks: &Blocks) {
        let mask = self.mask();
        let mut slot = (empty + 1) & mask;
        while self.slots[slot] != EMPTY {
            let home = self.home(self.hash(&blocks[self.place(slot)].0));
            if slot.wrapping_sub(home) & mask >= slot.wrapping_sub(empty) & mask {
                self.slots[empty] = self.slots[slot];
                empty = slot;
            }
            slot = (slot + 1) & mask;
        }
        self.slots[empty] = EMPTY;
    }

    fn place(&self, slot: usize) -> usize {
        self.slots[slot] as usize & self.mask()
    }

    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    /// The slot to begin with, from the first bits of a hash.
    fn home(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.mask()
    }

    /// What stands in a slot beside the place, from the last bits of a hash.
    fn tag(&self, hash: u64) -> u32 {
        hash as u32 & !self.mask() as u32
    }

    fn hash(&self, cid: &Cid) -> u64 {
        self.hashing.hash_one(cid)
    }
}

/// No place is as great as the low bits of this.
const EMPTY: u32 = u32::MAX;

const MIN_SLOTS: usize = 8;
