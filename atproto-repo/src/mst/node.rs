//! A node in memory.

use std::mem;

use atproto_core::syntax::{Cid, Codec};
use bytes::Bytes;

use super::{
    codec::{self, EMPTY},
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
    state: State,
    /// Nothing on layer 0, where three quarters of the keys are; elsewhere one more than
    /// there are entries.
    children: Vec<Option<Box<Node>>>,
}

/// What stands between two entries of a node, or at the root.
#[derive(Debug, Clone, Default)]
pub(super) struct Subtree {
    /// The CID, an old one if the node has changed; `None` if no key is in between.
    cid: Option<Cid>,
    /// The node, if it is in memory.
    node: Option<Box<Node>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The block is in the caller's hands.
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
    patches: Vec<(usize, Cid)>,
}

impl Subtree {
    pub(super) fn known(cid: Cid) -> Self {
        Self { cid: Some(cid), node: None }
    }

    pub(super) fn stored(cid: Cid, node: Box<Node>) -> Self {
        Self { cid: Some(cid), node: Some(node) }
    }

    pub(super) fn is_absent(&self) -> bool {
        self.cid.is_none()
    }

    pub(super) fn cid(&self) -> Option<Cid> {
        self.cid
    }

    /// The node if it is in memory.
    pub(super) fn node(&self) -> Option<&Node> {
        self.node.as_deref()
    }

    /// The same, to load or change what is below it.
    pub(super) fn node_mut(&mut self) -> Option<&mut Node> {
        self.node.as_deref_mut()
    }

    /// The node, which is about to change. Its CID is noted if the caller has its block.
    pub(super) fn touch(&mut self, replaced: &mut Vec<Cid>) -> Option<&mut Node> {
        let node = self.node.as_deref_mut()?;
        if mem::replace(&mut node.state, State::Changed) == State::Stored {
            replaced.extend(self.cid);
        }
        Some(node)
    }

    /// Brings the CID up to date: hashes what has changed.
    pub(super) fn refresh(&mut self, scratch: &mut Scratch) -> Option<Cid> {
        if let Some(node) = &mut self.node
            && let Some(cid) = node.refresh(&mut scratch.patches)
        {
            self.cid = Some(cid);
        }
        self.cid
    }

    /// Moves the blocks that the caller does not have yet into the map. The CID must be
    /// up to date.
    pub(super) fn store(&mut self, blocks: &mut BlockMap) {
        if let (Some(cid), Some(node)) = (self.cid, &mut self.node) {
            node.store(cid, blocks);
        }
    }

    /// The two parts of a subtree, to be put into a node that takes its place.
    pub(super) fn into_parts(self) -> (Option<Cid>, Option<Box<Node>>) {
        (self.cid, self.node)
    }
}

impl Node {
    /// The node of a block that the caller has, and that was checked.
    pub(super) fn stored(block: Bytes, layer: u8) -> Self {
        let children = if layer == 0 { 0 } else { codec::len(&block) + 1 };
        let children = (0..children).map(|_| None).collect();
        Self { block, layer, state: State::Stored, children }
    }

    /// A node that nobody has yet. On layer 0 there are no children.
    pub(super) fn new(block: Bytes, layer: u8, children: Vec<Option<Box<Self>>>) -> Self {
        Self { block, layer, state: State::Changed, children }
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

    /// The index of the key, or that of the subtree it would be in.
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        codec::search(&self.block, key)
    }

    pub(super) fn value(&self, index: usize) -> Option<Cid> {
        Some(codec::cid(&self.block, codec::value(&self.block, index)?))
    }

    /// Changes the record of an entry.
    pub(super) fn set_value(&mut self, index: usize, value: Cid) {
        if let Some(place) = codec::value(&self.block, index) {
            self.patch([(place, value)]);
        }
    }

    pub(super) fn block(&self) -> &Bytes {
        &self.block
    }

    /// Whether there is a subtree of that index.
    pub(super) fn has_child(&self, index: usize) -> bool {
        self.layer > 0 && codec::child(&self.block, index).is_some()
    }

    /// The node of the subtree of that index, if it is in memory.
    pub(super) fn child(&self, index: usize) -> Option<&Self> {
        self.children.get(index)?.as_deref()
    }

    /// The block, and what is in memory of the subtrees.
    pub(super) fn children(&mut self) -> (&Bytes, &mut [Option<Box<Self>>]) {
        (&self.block, &mut self.children)
    }

    /// What is in memory of the subtrees, of a node that is taken apart.
    pub(super) fn take_children(&mut self) -> Vec<Option<Box<Self>>> {
        mem::take(&mut self.children)
    }

    /// The node of a subtree, which is about to change; see [`Subtree::touch`].
    pub(super) fn touch_child(
        &mut self,
        index: usize,
        replaced: &mut Vec<Cid>,
    ) -> Option<&mut Self> {
        let node = self.children.get_mut(index)?.as_deref_mut()?;
        if mem::replace(&mut node.state, State::Changed) == State::Stored {
            let place = codec::child(&self.block, index);
            replaced.extend(place.map(|place| codec::cid(&self.block, place)));
        }
        Some(node)
    }

    /// Takes a subtree out. Something has to be put in its place: see [`Draft`].
    ///
    /// [`Draft`]: super::draft::Draft
    pub(super) fn detach(&mut self, index: usize) -> Subtree {
        let place = codec::child(&self.block, index);
        let node = self.children.get_mut(index).and_then(Option::take);
        Subtree { cid: place.map(|place| codec::cid(&self.block, place)), node }
    }

    /// Puts back a subtree that was taken out and is as it was.
    pub(super) fn reattach(&mut self, index: usize, subtree: Subtree) {
        if let Some(place) = self.children.get_mut(index) {
            *place = subtree.node;
        }
    }

    fn refresh(&mut self, patches: &mut Vec<(usize, Cid)>) -> Option<Cid> {
        if self.state != State::Changed {
            return None;
        }
        let first = patches.len();
        if self.layer > 0 {
            for (index, place) in codec::links(&self.block) {
                if let Some(Some(child)) = self.children.get_mut(index)
                    && let Some(cid) = child.refresh(patches)
                {
                    patches.push((place, cid));
                }
            }
        }
        if patches.len() > first {
            self.patch(patches.drain(first..));
        }
        self.state = State::Hashed;
        Some(Cid::dag_cbor(&self.block))
    }

    fn patch(&mut self, patches: impl IntoIterator<Item = (usize, Cid)>) {
        // This copies the block only if someone else has it too.
        let mut block = Vec::from(mem::take(&mut self.block));
        for (place, cid) in patches {
            codec::set_cid(&mut block, place, &cid);
        }
        self.block = block.into();
    }

    fn store(&mut self, cid: Cid, blocks: &mut BlockMap) {
        if mem::replace(&mut self.state, State::Stored) == State::Stored {
            return;
        }
        if self.layer > 0 {
            for (index, place) in codec::links(&self.block) {
                if let Some(Some(child)) = self.children.get_mut(index) {
                    child.store(codec::cid(&self.block, place), blocks);
                }
            }
        }
        blocks.insert(cid, self.block.clone());
    }
}

impl From<Node> for Subtree {
    fn from(node: Node) -> Self {
        if node.is_empty() {
            return Self::default();
        }
        Self { cid: Some(UNKNOWN), node: Some(Box::new(node)) }
    }
}

/// Stands for a CID until it is computed.
const UNKNOWN: Cid = Cid::from_digest(Codec::DagCbor, [0; 32]);
