//! Nodes put together from parts of others.

use std::{mem, ops::Range};

use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{
    encoder::Encoder,
    node::{Child, Node, Scratch, Subtree},
    page::Page,
};

/// One of the things that a node consists of, in order: a subtree, and then by turns an
/// entry and the subtree after it. So the items with even indices are subtrees.
pub(super) enum Item<'a> {
    Entry(&'a [u8], Cid),
    Subtree(Subtree),
}

/// A node of the items given.
pub(super) fn assemble<'a>(
    layer: u8,
    items: impl IntoIterator<Item = Item<'a>>,
    scratch: &mut Scratch,
) -> Node {
    let mut draft = Draft::new(layer, &mut scratch.encoder);
    draft.extend(items);
    draft.finish()
}

/// Puts other items in the place of some of a node's.
pub(super) fn replace<'a>(
    node: &mut Node,
    range: Range<usize>,
    items: impl IntoIterator<Item = Item<'a>>,
    scratch: &mut Scratch,
) {
    let mut parts = Parts::open(node, &mut scratch.page);
    let mut draft = Draft::new(node.layer(), &mut scratch.encoder);
    draft.copy(&mut parts, 0..range.start);
    draft.extend(items);
    let end = parts.len();
    draft.copy(&mut parts, range.end..end);
    *node = draft.finish();
}

/// Makes two nodes of one: what is before a subtree and after it, with the parts of that
/// subtree at their ends.
pub(super) fn cut(
    node: &mut Node,
    index: usize,
    (before, after): (Subtree, Subtree),
    scratch: &mut Scratch,
) -> (Node, Node) {
    let mut parts = Parts::open(node, &mut scratch.page);
    let mut draft = Draft::new(node.layer(), &mut scratch.encoder);
    draft.copy(&mut parts, 0..2 * index);
    draft.extend([Item::Subtree(before)]);
    let before = draft.finish();
    let mut draft = Draft::new(node.layer(), &mut scratch.encoder);
    draft.extend([Item::Subtree(after)]);
    let end = parts.len();
    draft.copy(&mut parts, 2 * index + 1..end);
    (before, draft.finish())
}

/// Makes one node of two neighbours, with a subtree in the place of the last of the one
/// and the first of the other.
pub(super) fn join(
    before: &mut Node,
    between: Subtree,
    after: &mut Node,
    scratch: &mut Scratch,
) -> Node {
    let mut draft = Draft::new(before.layer(), &mut scratch.encoder);
    let mut parts = Parts::open(before, &mut scratch.page);
    let last = parts.len() - 1;
    draft.copy(&mut parts, 0..last);
    draft.extend([Item::Subtree(between)]);
    let mut parts = Parts::open(after, &mut scratch.page);
    let end = parts.len();
    draft.copy(&mut parts, 1..end);
    draft.finish()
}

/// A node that is being written.
struct Draft<'a> {
    layer: u8,
    encoder: &'a mut Encoder,
    children: Vec<Child>,
}

impl<'a> Draft<'a> {
    fn new(layer: u8, encoder: &'a mut Encoder) -> Self {
        Self { layer, encoder, children: Vec::new() }
    }

    fn extend<'b>(&mut self, items: impl IntoIterator<Item = Item<'b>>) {
        for item in items {
            match item {
                Item::Entry(key, value) => self.encoder.entry(key, value),
                Item::Subtree(subtree) => {
                    let (cid, child) = subtree.into_parts();
                    self.subtree(cid, child);
                }
            }
        }
    }

    fn copy(&mut self, parts: &mut Parts<'_>, items: Range<usize>) {
        // The first entry may come after another key than before. Of those that follow it, each
        // with the subtree after it, the bytes stay as they are.
        let first = (items.start | 1) + 2;
        let same = first / 2..items.end.saturating_sub(1) / 2;
        if same.is_empty() {
            return self.copy_one_by_one(parts, items);
        }
        self.copy_one_by_one(parts, items.start..first);
        let page = parts.page;
        self.encoder.entries(page.entries(same.clone()), same.len(), page.key(same.end - 1));
        if self.layer > 0 {
            let children = &mut parts.children[same.start + 1..=same.end];
            self.children.extend(children.iter_mut().map(mem::take));
        }
        self.copy_one_by_one(parts, 2 * same.end + 1..items.end);
    }

    fn copy_one_by_one(&mut self, parts: &mut Parts<'_>, items: Range<usize>) {
        let page = parts.page;
        for (index, is_entry) in items.map(|item| (item / 2, item % 2 == 1)) {
            match is_entry {
                true => self.encoder.entry(page.key(index), page.value(index)),
                false => {
                    let child = parts.children.get_mut(index).map(mem::take);
                    self.subtree(page.child(index), child.unwrap_or_default());
                }
            }
        }
    }

    fn subtree(&mut self, cid: Option<Cid>, child: Child) {
        self.encoder.subtree(cid);
        if self.layer > 0 {
            self.children.push(child);
        }
    }

    fn finish(mut self) -> Node {
        self.children.shrink_to_fit();
        let block = self.encoder.finish(Bytes::copy_from_slice);
        Node::new(block, self.layer, self.children)
    }
}

/// A node that is taken apart.
struct Parts<'a> {
    page: &'a Page,
    children: Vec<Child>,
}

impl<'a> Parts<'a> {
    fn open(node: &mut Node, page: &'a mut Page) -> Self {
        page.reopen(node.block().clone());
        Self { page, children: node.take_children() }
    }

    /// The number of items.
    fn len(&self) -> usize {
        2 * self.page.len() + 1
    }
}
