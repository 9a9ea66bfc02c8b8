//! Changing a tree.
//!
//! A change has two steps. The first loads every node that the second takes apart; see
//! [`load`](super::load). The second changes nodes in memory and cannot fail.
//!
//! A node is changed by writing it anew with other items. The nodes above it are not
//! written: of them only the CID of one subtree changes, and that is put in when hashes
//! are asked for.

use std::mem;

use atproto_core::syntax::Cid;

use super::{
    Limits, NodeFault,
    codec::Position,
    draft::{self, Item},
    node::{Node, Scratch, Subtree},
};

/// What a change works with.
pub(super) struct Edit<'a> {
    /// Where the CIDs of nodes go that were stored and have changed.
    pub(super) replaced: &'a mut Vec<Cid>,
    pub(super) scratch: &'a mut Scratch,
}

/// Whether the node that takes a new key has room for it.
pub(super) fn check_room(
    root: &Subtree,
    trail: &[Position],
    height: u8,
    limits: &Limits,
) -> Result<(), NodeFault> {
    let (mut next, mut trail) = (root.node(), trail.iter());
    while let Some(node) = next {
        if node.layer() <= height {
            let entries = if node.layer() == height { node.entries() } else { 0 };
            return limits.check_entries(entries + 1);
        }
        next = trail.next().and_then(|position| node.child(position.index()));
    }
    limits.check_entries(1)
}

impl Edit<'_> {
    /// Changes the record of the key that the trail leads to.
    pub(super) fn replace(&mut self, root: &mut Subtree, record: Cid) {
        let mut next = root.touch(self.replaced);
        for position in &self.scratch.trail {
            let Some(node) = next else { return };
            match *position {
                Position::Entry { value, .. } => return node.set_cid(value, record),
                Position::Subtree { index } => next = node.touch_child(index, self.replaced),
            }
        }
    }

    /// Puts an entry into the node on the trail of its key that has its layer, and cuts what
    /// the trail goes through below. If there is no such node one is made: above the root, or
    /// in the gap where the trail ends.
    pub(super) fn insert(&mut self, root: &mut Subtree, key: &[u8], value: Cid, height: u8) {
        let Some(layer) = root.node().map(Node::layer) else {
            *root = self.alone(key, value, height);
            return;
        };
        if layer < height {
            let (before, after) = self.split(mem::take(root), 0);
            let before = self.raise(before, layer, height - 1);
            let after = self.raise(after, layer, height - 1);
            *root = self.node(height, before, (key, value), after);
        } else if let Some(node) = root.touch(self.replaced) {
            self.insert_below(node, 0, (key, value), height);
        }
    }

    /// Takes out the key that the trail leads to, whose merge is loaded.
    pub(super) fn remove(&mut self, root: &mut Subtree) {
        let Some(node) = root.touch(self.replaced) else { return };
        self.remove_below(node, 0);
        if node.is_empty() {
            *root = Subtree::default();
        }
        // The top of a tree is a node with entries.
        while root.node().is_some_and(|node| node.entries() == 0)
            && let Some(node) = root.touch(self.replaced)
        {
            *root = node.detach(0);
        }
    }

    fn insert_below(
        &mut self,
        node: &mut Node,
        depth: usize,
        (key, value): (&[u8], Cid),
        height: u8,
    ) {
        let Position::Subtree { index } = self.scratch.trail[depth] else { return };
        let place = 2 * index..2 * index + 1;
        if node.layer() == height {
            let (before, after) = self.split(node.detach(index), depth + 1);
            let items = [Item::Subtree(before), Item::Entry(key, value), Item::Subtree(after)];
            draft::replace(node, place, items, self.scratch);
        } else if let Some(child) = node.touch_child(index, self.replaced) {
            self.insert_below(child, depth + 1, (key, value), height);
        } else {
            let alone = self.alone(key, value, height);
            let subtree = self.raise(alone, height, node.layer() - 1);
            draft::replace(node, place, [Item::Subtree(subtree)], self.scratch);
        }
    }

    fn remove_below(&mut self, node: &mut Node, depth: usize) {
        match self.scratch.trail[depth] {
            Position::Entry { index, .. } => {
                let merged = self.merge(node.detach(index), node.detach(index + 1));
                let entry = 2 * index..2 * index + 3;
                draft::replace(node, entry, [Item::Subtree(merged)], self.scratch);
            }
            Position::Subtree { index } => {
                let Some(child) = node.touch_child(index, self.replaced) else { return };
                self.remove_below(child, depth + 1);
                if child.is_empty() {
                    let none = [Item::Subtree(Subtree::default())];
                    draft::replace(node, 2 * index..2 * index + 1, none, self.scratch);
                }
            }
        }
    }

    /// Cuts a subtree in two along the trail of a key that it does not have.
    fn split(&mut self, mut subtree: Subtree, depth: usize) -> (Subtree, Subtree) {
        let Some(node) = subtree.node_mut() else { return (Subtree::default(), subtree) };
        let index = self.scratch.trail[depth].index();
        let (before, after) = self.split(node.detach(index), depth + 1);
        // Where nothing is cut, the node goes on as it is, on one side.
        if index == 0 && before.is_absent() {
            node.reattach(index, after);
            return (Subtree::default(), subtree);
        }
        if index == node.entries() && after.is_absent() {
            node.reattach(index, before);
            return (subtree, Subtree::default());
        }
        let Some(node) = subtree.touch(self.replaced) else { return Default::default() };
        let (before, after) = draft::cut(node, index, (before, after), self.scratch);
        (before.into(), after.into())
    }

    /// Joins two neighbouring subtrees of one layer; what they share a seam of is loaded.
    fn merge(&mut self, mut before: Subtree, mut after: Subtree) -> Subtree {
        if before.is_absent() || after.is_absent() {
            return if before.is_absent() { after } else { before };
        }
        let (Some(left), Some(right)) = (before.touch(self.replaced), after.touch(self.replaced))
        else {
            return before;
        };
        let between = self.merge(left.detach(left.entries()), right.detach(0));
        draft::join(left, between, right, self.scratch).into()
    }

    /// A node with one entry.
    fn alone(&mut self, key: &[u8], value: Cid, height: u8) -> Subtree {
        self.node(height, Subtree::default(), (key, value), Subtree::default())
    }

    fn node(
        &mut self,
        layer: u8,
        before: Subtree,
        (key, value): (&[u8], Cid),
        after: Subtree,
    ) -> Subtree {
        let items = [Item::Subtree(before), Item::Entry(key, value), Item::Subtree(after)];
        draft::assemble(layer, items, self.scratch).into()
    }

    /// Puts nodes without entries above a subtree, because links never skip a layer.
    fn raise(&mut self, mut subtree: Subtree, from: u8, to: u8) -> Subtree {
        for layer in from + 1..=to {
            subtree = draft::assemble(layer, [Item::Subtree(subtree)], self.scratch).into();
        }
        subtree
    }
}
