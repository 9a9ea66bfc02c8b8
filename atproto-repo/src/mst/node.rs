//! A node in memory.

use std::{mem, num::NonZeroU32};

use atproto_core::syntax::{Cid, Codec};
use bytes::Bytes;

use super::{
    codec::{self, EMPTY, Position},
    encoder::Encoder,
    page::Page,
};
use crate::BlockMap;

/// A node in memory: its block as it is stored, and those of its subtrees that are in
/// memory too.
///
/// Keys are where they are in the block, so a node costs little more than its bytes, and
/// loading one copies nothing. Its CID is in the block of the node above.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The entries as they are. The CIDs of subtrees that have changed are old ones until
    /// [`Subtree::refresh`] brings them up to date.
    block: Bytes,
    layer: u8,
    /// Nothing on layer 0, where three quarters of the keys are; elsewhere one more than
    /// there are entries.
    children: Vec<Child>,
}

/// What a node has in memory of one of its subtrees.
#[derive(Debug, Clone, Default)]
pub(super) struct Child {
    node: Option<Node>,
    /// Where in the block of the node above the CID is; `None` if there is no subtree. Kept
    /// so that the block need not be gone through for it.
    link: Option<NonZeroU32>,
    /// Here and not in the node, so that those that have not changed need not be visited.
    state: State,
}

/// What stands between two entries of a node, or at the root.
#[derive(Debug, Clone, Default)]
pub(super) struct Subtree {
    /// The CID, an old one if the node has changed; `None` if no key is in between.
    cid: Option<Cid>,
    child: Child,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// The block is in the caller's hands.
    #[default]
    Stored,
    /// The CID is known.
    Hashed,
    /// Entries or CIDs of subtrees are not what they were when the CID was computed.
    Changed,
}

/// Buffers that changes use again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    pub(super) page: Page,
    pub(super) encoder: Encoder,
    /// Where a key is looked for: a position in each node from the root down.
    pub(super) trail: Vec<Position>,
    pub(super) gap: Gap,
}

impl Subtree {
    pub(super) fn known(cid: Cid) -> Self {
        Self { cid: Some(cid), child: Child::default() }
    }

    pub(super) fn stored(cid: Cid, node: Node) -> Self {
        Self { cid: Some(cid), child: Child::stored(node) }
    }

    pub(super) fn is_absent(&self) -> bool {
        self.cid.is_none()
    }

    pub(super) fn cid(&self) -> Option<Cid> {
        self.cid
    }

    /// The node if it is in memory.
    pub(super) fn node(&self) -> Option<&Node> {
        self.child.node.as_ref()
    }

    /// The same, to load or change what is below it.
    pub(super) fn node_mut(&mut self) -> Option<&mut Node> {
        self.child.node.as_mut()
    }

    /// The node, which is about to change. Its CID is noted if the caller has its block.
    pub(super) fn touch(&mut self, replaced: &mut Vec<Cid>) -> Option<&mut Node> {
        if self.child.change() {
            replaced.extend(self.cid);
        }
        self.node_mut()
    }

    /// Brings the CID up to date: hashes what has changed.
    pub(super) fn refresh(&mut self) -> Option<Cid> {
        if let Some(cid) = self.child.refresh() {
            self.cid = Some(cid);
        }
        self.cid
    }

    /// Moves the blocks that the caller does not have yet into the map. The CID must be
    /// up to date.
    pub(super) fn store(&mut self, blocks: &mut BlockMap) {
        if let Some(cid) = self.cid {
            self.child.store(cid, blocks);
        }
    }

    /// The two parts of a subtree, to be put into a node that takes its place.
    pub(super) fn into_parts(self) -> (Option<Cid>, Child) {
        (self.cid, self.child)
    }
}

impl Node {
    /// The node of a block that the caller has, and that was checked.
    pub(super) fn stored(block: Bytes, layer: u8) -> Self {
        let children = if layer == 0 { 0 } else { codec::len(&block) + 1 };
        Self::new(block, layer, (0..children).map(|_| Child::default()).collect())
    }

    /// A node that nobody has yet. On layer 0 there are no children.
    pub(super) fn new(block: Bytes, layer: u8, mut children: Vec<Child>) -> Self {
        if layer > 0 {
            for (child, place) in children.iter_mut().zip(codec::links(&block)) {
                // The cast is exact: no block has 4 GiB.
                child.link = place.and_then(|place| NonZeroU32::new(place as u32));
            }
        }
        Self { block, layer, children }
    }

    pub(super) fn layer(&self) -> u8 {
        self.layer
    }

    /// Whether there is neither an entry nor a subtree.
    pub(super) fn is_empty(&self) -> bool {
        self.block == EMPTY
    }

    /// The number of entries. One without may still have a subtree.
    pub(super) fn entries(&self) -> usize {
        codec::len(&self.block)
    }

    pub(super) fn search(&self, key: &[u8]) -> Position {
        codec::search(&self.block, key)
    }

    /// The CID at a place in the block.
    pub(super) fn cid(&self, place: usize) -> Cid {
        codec::cid(&self.block, place)
    }

    /// Changes the CID at a place in the block.
    pub(super) fn set_cid(&mut self, place: usize, cid: Cid) {
        let mut block = self.take_block();
        codec::set_cid(&mut block, place, &cid);
        self.block = block.into();
    }

    pub(super) fn block(&self) -> &Bytes {
        &self.block
    }

    /// Whether there is a subtree of that index.
    pub(super) fn has_child(&self, index: usize) -> bool {
        self.children.get(index).is_some_and(|child| child.link.is_some())
    }

    /// The node of the subtree of that index, if it is in memory.
    pub(super) fn child(&self, index: usize) -> Option<&Self> {
        self.children.get(index)?.node.as_ref()
    }

    /// The block, and what is in memory of the subtrees.
    pub(super) fn children(&mut self) -> (&Bytes, &mut [Child]) {
        (&self.block, &mut self.children)
    }

    /// What is in memory of the subtrees, of a node that is taken apart.
    pub(super) fn take_children(&mut self) -> Vec<Child> {
        mem::take(&mut self.children)
    }

    /// The node of a subtree, which is about to change; see [`Subtree::touch`].
    pub(super) fn touch_child(
        &mut self,
        index: usize,
        replaced: &mut Vec<Cid>,
    ) -> Option<&mut Self> {
        let child = self.children.get_mut(index)?;
        if child.change() {
            replaced.extend(child.cid(&self.block));
        }
        child.node.as_mut()
    }

    /// Takes a subtree out. Something has to be put in its place: see [`Draft`].
    ///
    /// [`Draft`]: super::draft::Draft
    pub(super) fn detach(&mut self, index: usize) -> Subtree {
        let child = self.children.get_mut(index).map(mem::take).unwrap_or_default();
        Subtree { cid: child.cid(&self.block), child }
    }

    /// Puts back a subtree that was taken out and is as it was.
    pub(super) fn reattach(&mut self, index: usize, subtree: Subtree) {
        if let Some(place) = self.children.get_mut(index) {
            *place = subtree.child;
        }
    }

    fn hash(&mut self) -> Cid {
        if self.children.iter().any(|child| child.state == State::Changed) {
            let mut block = self.take_block();
            for child in &mut self.children {
                if let (Some(cid), Some(place)) = (child.refresh(), child.place()) {
                    codec::set_cid(&mut block, place, &cid);
                }
            }
            self.block = block.into();
        }
        Cid::dag_cbor(&self.block)
    }

    /// The block to be changed, copied only if someone else has it too.
    fn take_block(&mut self) -> Vec<u8> {
        mem::take(&mut self.block).into()
    }

    fn store(&mut self, cid: Cid, blocks: &mut BlockMap) {
        for child in &mut self.children {
            if let Some(cid) = child.cid(&self.block) {
                child.store(cid, blocks);
            }
        }
        blocks.insert(cid, self.block.clone());
    }
}

impl Child {
    fn stored(node: Node) -> Self {
        Self { node: Some(node), ..Self::default() }
    }

    /// Takes in the node, which was read from the source.
    pub(super) fn load(&mut self, node: Node) {
        *self = Self { link: self.link, ..Self::stored(node) };
    }

    /// The CID, from the block of the node above.
    pub(super) fn cid(&self, above: &[u8]) -> Option<Cid> {
        self.place().map(|place| codec::cid(above, place))
    }

    fn place(&self) -> Option<usize> {
        self.link.map(|place| place.get() as usize)
    }

    pub(super) fn node(&mut self) -> Option<&mut Node> {
        self.node.as_mut()
    }

    /// Notes that the node changes; says whether the caller has the block it had.
    fn change(&mut self) -> bool {
        self.node.is_some() && mem::replace(&mut self.state, State::Changed) == State::Stored
    }

    /// Hashes what has changed, and returns the new CID if anything has.
    fn refresh(&mut self) -> Option<Cid> {
        if self.state != State::Changed {
            return None;
        }
        self.state = State::Hashed;
        Some(self.node.as_mut()?.hash())
    }

    fn store(&mut self, cid: Cid, blocks: &mut BlockMap) {
        if mem::take(&mut self.state) != State::Stored
            && let Some(node) = &mut self.node
        {
            node.store(cid, blocks);
        }
    }
}

impl From<Node> for Subtree {
    fn from(node: Node) -> Self {
        if node.is_empty() {
            return Self::default();
        }
        let child = Child { state: State::Changed, ..Child::stored(node) };
        Self { cid: Some(UNKNOWN), child }
    }
}

/// The keys around a subtree, as far as there are any: between them are its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Gap {
    pub(super) above: Vec<u8>,
    pub(super) below: Vec<u8>,
}

/// Stands for a CID until it is computed.
const UNKNOWN: Cid = Cid::from_digest(Codec::DagCbor, [0; 32]);
