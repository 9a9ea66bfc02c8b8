use std::mem;

use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{
    Limits, MstError,
    codec::{self, Place, RawNode},
};
use crate::{BlockMap, BlockSource};

/// What stands between two entries of a node.
#[derive(Debug, Clone, Default)]
pub(super) enum Subtree {
    /// No key is in between.
    #[default]
    Absent,
    /// A node that has not been looked at.
    Known(Cid),
    /// A node in memory.
    Loaded(Box<Node>),
}

/// A node in memory.
///
/// `children` is empty on layer 0, where three quarters of the keys are, and has one more
/// element than `entries` everywhere else.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The CID, or `None` since the last change.
    cid: Option<Cid>,
    /// Whether the block under `cid` is in the caller's hands.
    stored: bool,
    pub(super) layer: u8,
    pub(super) entries: Vec<Entry>,
    pub(super) children: Vec<Subtree>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Box<[u8]>,
    pub(super) value: Cid,
}

/// A subtree, and what its place asks of it.
pub(super) type Child<'a> = (&'a mut Subtree, Place<'a>);

/// Loads nodes: a source and the limits that what comes from it must keep.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub(super) source: &'a dyn BlockSource,
    pub(super) limits: &'a Limits,
}

impl Loader<'_> {
    /// Reads and checks the node at a place, and returns its layer.
    pub(super) fn read(
        &self,
        cid: &Cid,
        place: Place<'_>,
        node: &mut RawNode,
    ) -> Result<(u8, Bytes), MstError> {
        let block = self.source.block(cid)?.ok_or(MstError::Missing(*cid))?;
        let fault = |fault| MstError::Node { cid: *cid, fault };
        node.decode(&block, self.limits).map_err(fault)?;
        Ok((node.fits(place).map_err(fault)?, block))
    }
}

impl Subtree {
    /// The node, read from the source if need be; `None` if there is none.
    pub(super) fn load(
        &mut self,
        loader: Loader<'_>,
        place: Place<'_>,
    ) -> Result<Option<&mut Node>, MstError> {
        if let Self::Known(cid) = *self {
            let mut raw = RawNode::default();
            let (layer, _) = loader.read(&cid, place, &mut raw)?;
            // The root of an empty tree is the one node without content.
            let node = Node::from_raw(cid, layer, &raw);
            *self = if node.is_empty() { Self::Absent } else { Self::Loaded(Box::new(node)) };
        }
        Ok(self.loaded())
    }

    /// The node if it is in memory.
    pub(super) fn loaded(&mut self) -> Option<&mut Node> {
        match self {
            Self::Loaded(node) => Some(node),
            Self::Absent | Self::Known(_) => None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The CID, computed if need be.
    pub(super) fn cid(&mut self) -> Option<Cid> {
        match self {
            Self::Absent => None,
            Self::Known(cid) => Some(*cid),
            Self::Loaded(node) => Some(node.cid()),
        }
    }

    /// Moves the blocks that the caller does not have yet into the map.
    pub(super) fn store(&mut self, blocks: &mut BlockMap) {
        if let Self::Loaded(node) = self {
            node.store(blocks);
        }
    }
}

impl Node {
    /// A node that nobody has yet.
    pub(super) fn new(layer: u8, entries: Vec<Entry>, children: Vec<Subtree>) -> Self {
        Self { cid: None, stored: false, layer, entries, children }
    }

    fn from_raw(cid: Cid, layer: u8, raw: &RawNode) -> Self {
        let entry = |index| Entry { key: raw.key(index).into(), value: *raw.value(index) };
        let child = |index| raw.child(index).copied().map_or(Subtree::Absent, Subtree::Known);
        let children = if layer == 0 { Vec::new() } else { (0..=raw.len()).map(child).collect() };
        let entries = (0..raw.len()).map(entry).collect();
        Self { cid: Some(cid), stored: true, layer, entries, children }
    }

    /// The index of the key, or that of the subtree it would be in.
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (*entry.key).cmp(key))
    }

    /// The subtree of that index, with what its place asks of it.
    pub(super) fn child<'a>(&'a mut self, index: usize, outer: Place<'a>) -> Option<Child<'a>> {
        let child = self.children.get_mut(index)?;
        let before = index.checked_sub(1).map(|before| &*self.entries[before].key);
        let after = self.entries.get(index).map(|after| &*after.key);
        let layer = self.layer.checked_sub(1);
        Some((child, Place { layer, above: before.or(outer.above), below: after.or(outer.below) }))
    }

    /// The subtrees before and after the entry of that index.
    pub(super) fn children_around<'a>(
        &'a mut self,
        index: usize,
        outer: Place<'a>,
    ) -> Option<(Child<'a>, Child<'a>)> {
        let (before, after) = self.children.split_at_mut_checked(index + 1)?;
        let key = self.entries.get(index).map(|entry| &*entry.key);
        let above = index.checked_sub(1).map(|before| &*self.entries[before].key);
        let below = self.entries.get(index + 1).map(|after| &*after.key);
        let layer = self.layer.checked_sub(1);
        Some((
            (before.last_mut()?, Place { layer, above: above.or(outer.above), below: key }),
            (after.first_mut()?, Place { layer, above: key, below: below.or(outer.below) }),
        ))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.children.iter().all(Subtree::is_absent)
    }

    /// A subtree of this node, or none if nothing is in it.
    pub(super) fn into_subtree(self) -> Subtree {
        if self.is_empty() { Subtree::Absent } else { Subtree::Loaded(Box::new(self)) }
    }

    /// Forgets the CID before a change; notes it if its block is in the caller's hands.
    pub(super) fn touch(&mut self, replaced: &mut Vec<Cid>) {
        if let Some(cid) = self.cid.take()
            && mem::take(&mut self.stored)
        {
            replaced.push(cid);
        }
    }

    /// Takes over the identity of a node whose content this one has.
    pub(super) fn continues(&mut self, cid: Option<Cid>, stored: bool) {
        self.cid = cid;
        self.stored = stored;
    }

    pub(super) fn identity(&self) -> (Option<Cid>, bool) {
        (self.cid, self.stored)
    }

    fn cid(&mut self) -> Cid {
        match self.cid {
            Some(cid) => cid,
            None => {
                let cid = Cid::dag_cbor(&self.encode());
                *self.cid.insert(cid)
            }
        }
    }

    fn store(&mut self, blocks: &mut BlockMap) {
        if mem::replace(&mut self.stored, true) {
            return;
        }
        for child in &mut self.children {
            child.store(blocks);
        }
        let block = self.encode();
        let cid = *self.cid.get_or_insert_with(|| Cid::dag_cbor(&block));
        blocks.insert(cid, block.into());
    }

    fn encode(&mut self) -> Vec<u8> {
        let children: Vec<_> = self.children.iter_mut().map(Subtree::cid).collect();
        let child = |index: usize| children.get(index).and_then(Option::as_ref);
        let entries = self.entries.iter().enumerate();
        let entries = entries.map(|(index, entry)| (&*entry.key, &entry.value, child(index + 1)));
        codec::encode(child(0), entries)
    }
}
