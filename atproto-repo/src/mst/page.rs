//! A node spread out for reading, and every rule that one node can break.

use std::ops::Range;

use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{
    Limits, NodeFault,
    codec::{self, Scanner, WireEntry},
    common_prefix,
};

/// A node with its keys at full length in one buffer; CIDs stay in the block.
///
/// Opening another block in the same page allocates nothing once the buffers have grown.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    block: Bytes,
    layer: Option<u8>,
    left: Option<usize>,
    keys: Vec<u8>,
    entries: Vec<PageEntry>,
}

#[derive(Debug, Clone)]
struct PageEntry {
    key_start: usize,
    key_end: usize,
    value: usize,
    right: Option<usize>,
}

/// What a node is held against that was not checked before.
#[derive(Debug, Clone, Copy)]
struct Checks<'a> {
    limits: &'a Limits,
    /// A key that has passed.
    known: &'a [u8],
}

/// Where in a tree a node is: what it may hold follows from that.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    /// The layer, or `None` for the root, whose entries say it.
    pub(super) layer: Option<u8>,
    /// The key that all keys of the node are above.
    pub(super) above: Option<&'a [u8]>,
    /// The key that all keys of the node are below.
    pub(super) below: Option<&'a [u8]>,
}

impl Page {
    /// Opens a block, checks all that a node can be checked for, and returns the layer.
    pub(super) fn check(
        &mut self,
        block: Bytes,
        place: Place<'_>,
        limits: &Limits,
    ) -> Result<u8, NodeFault> {
        // A key that has been checked spares checking again what another has in common with it.
        let known = place.above.or(place.below).unwrap_or_default();
        self.open(block, Some(Checks { limits, known }))?;
        self.fits(place)
    }

    /// Opens the block of a node that was checked before.
    pub(super) fn reopen(&mut self, block: Bytes) {
        let opened = self.open(block, None);
        debug_assert_eq!(opened, Ok(()), "the node was checked when it was read or written");
    }

    fn open(&mut self, block: Bytes, checks: Option<Checks<'_>>) -> Result<(), NodeFault> {
        self.layer = None;
        self.keys.clear();
        self.entries.clear();

        let mut scanner = Scanner::new(&block);
        let count = scanner.start().ok_or_else(|| scanner.fault())?;
        if let Some(Checks { limits, .. }) = checks {
            limits.check_entries(count)?;
        }
        self.keys.reserve(block.len());
        // Each entry has at least one CID.
        self.entries.reserve(count.min(block.len() / Cid::BYTES));
        for _ in 0..count {
            let entry = scanner.entry().ok_or_else(|| scanner.fault())?;
            self.push(entry, checks)?;
        }
        self.left = scanner.end().ok_or_else(|| scanner.fault())?;
        self.block = block;
        Ok(())
    }

    /// Puts a key together from the one before and its suffix.
    fn push(&mut self, entry: WireEntry<'_>, checks: Option<Checks<'_>>) -> Result<(), NodeFault> {
        let previous = self.entries.last().map_or(0..0, PageEntry::key);
        let shared = usize::try_from(entry.shared).ok().filter(|shared| *shared <= previous.len());
        let Some(shared) = shared else {
            return Err(NodeFault::Prefix { expected: previous.len(), found: entry.shared });
        };
        let start = self.keys.len();
        self.keys.extend_from_within(previous.start..previous.start + shared);
        self.keys.extend_from_slice(entry.suffix);
        if let Some(Checks { limits, known }) = checks {
            let key = &self.keys[start..];
            let shared = match self.entries.is_empty() {
                true => common_prefix(known, key),
                false => {
                    check_suffix(&self.keys[previous.start + shared..previous.end], entry)?;
                    shared
                }
            };
            let found = limits.check_key(key, shared)?;
            match self.layer {
                Some(expected) if expected != found => {
                    return Err(NodeFault::Layer { expected, found });
                }
                _ => self.layer = Some(found),
            }
        }
        let (key_start, key_end) = (start, self.keys.len());
        let WireEntry { value, right, .. } = entry;
        self.entries.push(PageEntry { key_start, key_end, value, right });
        Ok(())
    }

    /// Checks the node against its place, and returns its layer.
    fn fits(&self, place: Place<'_>) -> Result<u8, NodeFault> {
        let layer = match (place.layer, self.layer) {
            (Some(expected), Some(found)) if expected != found => {
                return Err(NodeFault::Layer { expected, found });
            }
            (Some(_), None) if self.left.is_none() => return Err(NodeFault::Empty),
            (None, None) if self.left.is_some() => return Err(NodeFault::Untrimmed),
            (expected, found) => found.or(expected).unwrap_or(0),
        };
        if layer == 0 && (0..=self.len()).any(|index| self.has_child(index)) {
            return Err(NodeFault::Subtree);
        }
        if let Some(last) = self.len().checked_sub(1) {
            let low = place.above.is_some_and(|above| self.key(0) <= above);
            let high = place.below.is_some_and(|below| self.key(last) >= below);
            if low || high {
                return Err(NodeFault::KeyOrder);
            }
        }
        Ok(layer)
    }

    pub(super) fn block(&self) -> &Bytes {
        &self.block
    }

    /// The block, which the page then no longer keeps alive.
    pub(super) fn take_block(&mut self) -> Bytes {
        std::mem::take(&mut self.block)
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn key(&self, index: usize) -> &[u8] {
        &self.keys[self.entries[index].key()]
    }

    pub(super) fn value(&self, index: usize) -> Cid {
        codec::cid(&self.block, self.entries[index].value)
    }

    /// The bytes of entries, each with the subtree after it; not of the first one.
    pub(super) fn entries(&self, range: Range<usize>) -> &[u8] {
        let end = |index: usize| self.entries[index].value + Cid::BYTES;
        &self.block[end(range.start - 1)..end(range.end - 1)]
    }

    /// The subtree before the entry of that index, or after the last.
    pub(super) fn child(&self, index: usize) -> Option<Cid> {
        Some(codec::cid(&self.block, self.child_place(index)?))
    }

    pub(super) fn has_child(&self, index: usize) -> bool {
        self.child_place(index).is_some()
    }

    /// The index of the key, or that of the subtree it would be in.
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| self.keys[entry.key()].cmp(key))
    }

    fn child_place(&self, index: usize) -> Option<usize> {
        match index.checked_sub(1) {
            Some(before) => self.entries[before].right,
            None => self.left,
        }
    }
}

/// Checks what an entry shares with the one before against what that one has left. The
/// compression is mandatory, so that a node has one encoding.
fn check_suffix(rest: &[u8], entry: WireEntry<'_>) -> Result<(), NodeFault> {
    // Without anything in common, the first bytes decide.
    match (rest.first(), entry.suffix.first()) {
        (Some(left), Some(right)) if left == right => {
            let expected = entry.shared as usize + common_prefix(rest, entry.suffix);
            Err(NodeFault::Prefix { expected, found: entry.shared })
        }
        (left, right) if left >= right => Err(NodeFault::KeyOrder),
        _ => Ok(()),
    }
}

impl PageEntry {
    fn key(&self) -> Range<usize> {
        self.key_start..self.key_end
    }
}
