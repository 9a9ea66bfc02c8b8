//! Bringing into memory what a question or a change needs.
//!
//! Loading changes nothing. If a block is missing, what has been loaded stays, and the
//! tree is as it was. [`path`], [`neighbours`] and [`merge`] are named after what they load.

use atproto_core::syntax::Cid;

use super::{
    Limits, MstError,
    codec::{self, Position},
    node::{Gap, Node, Subtree},
    page::{Page, Place},
};
use crate::BlockSource;

/// Loads nodes: a source, and the limits that what comes from it must keep.
pub(super) struct Loader<'a> {
    pub(super) source: &'a dyn BlockSource,
    pub(super) limits: &'a Limits,
    pub(super) page: &'a mut Page,
    /// Where the key is looked for.
    pub(super) trail: &'a mut Vec<Position>,
    pub(super) gap: &'a mut Gap,
}

/// The way from the root to a node, from which follows what the node may hold.
#[derive(Clone, Copy)]
struct Lineage<'a> {
    parent: Option<Parent<'a>>,
}

#[derive(Clone, Copy)]
struct Parent<'a> {
    block: &'a [u8],
    layer: u8,
    /// Which of the parent's subtrees the node is.
    index: usize,
    lineage: &'a Lineage<'a>,
}

/// Reads and checks the node at a place, and returns its layer.
pub(super) fn read(
    source: &dyn BlockSource,
    limits: &Limits,
    cid: &Cid,
    place: Place<'_>,
    page: &mut Page,
) -> Result<u8, MstError> {
    let block = source.block(cid)?.ok_or(MstError::Missing(*cid))?;
    let fault = |fault| MstError::Node { cid: *cid, fault };
    page.check(block, place, limits).map_err(fault)
}

/// Loads the nodes in which the key is looked for, down to its entry or to the bottom.
/// This and the next two return the key's record and leave a trail.
pub(super) fn path(
    root: &mut Subtree,
    key: &[u8],
    loader: &mut Loader<'_>,
) -> Result<Option<Cid>, MstError> {
    descend(root, key, loader, |_, _, _, _| Ok(()))
}

/// Loads, below the entry of a key, the nodes that lead to its neighbours: the last ones
/// of the subtree before it and the first ones of the subtree after it.
pub(super) fn neighbours(
    root: &mut Subtree,
    key: &[u8],
    loader: &mut Loader<'_>,
) -> Result<Option<Cid>, MstError> {
    descend(root, key, loader, |node, index, loader, lineage| {
        edge(node, index, Edge::Last, loader, lineage)?;
        edge(node, index + 1, Edge::First, loader, lineage)
    })
}

/// Loads what the removal of a key changes: the nodes that become one when the entry
/// between them goes, and the one that becomes the root when the root is left empty.
pub(super) fn merge(
    root: &mut Subtree,
    key: &[u8],
    loader: &mut Loader<'_>,
) -> Result<Option<Cid>, MstError> {
    descend(root, key, loader, |node, index, loader, lineage| {
        match (node.has_child(index), node.has_child(index + 1)) {
            (true, true) => {
                child(node, index, loader, lineage)?;
                child(node, index + 1, loader, lineage)?;
                let layer = node.layer();
                let (block, children) = node.children();
                let at = |index| Lineage { parent: Some(Parent { block, layer, index, lineage }) };
                let Some([before, after]) = children.get_mut(index..index + 2) else {
                    return Ok(());
                };
                match (before.node(), after.node()) {
                    (Some(before), Some(after)) => {
                        seam((before, &at(index)), (after, &at(index + 1)), loader)
                    }
                    _ => Ok(()),
                }
            }
            (left, _) if lineage.parent.is_none() && node.entries() == 1 => {
                top(node, if left { index } else { index + 1 }, loader, lineage)
            }
            _ => Ok(()),
        }
    })
}

/// Loads down to the entry of a key, and there goes on.
fn descend(
    root: &mut Subtree,
    key: &[u8],
    loader: &mut Loader<'_>,
    then: Then,
) -> Result<Option<Cid>, MstError> {
    loader.trail.clear();
    if root.node().is_none()
        && let Some(cid) = root.cid()
    {
        let node = loader.node(&cid, &Lineage::ROOT)?;
        // The root of an empty tree is the one node without content.
        *root = if node.is_empty() { Subtree::default() } else { Subtree::stored(cid, node) };
    }
    match root.node_mut() {
        Some(node) => descend_from(node, key, loader, &Lineage::ROOT, then),
        None => Ok(None),
    }
}

type Then = fn(&mut Node, usize, &mut Loader<'_>, &Lineage<'_>) -> Result<(), MstError>;

fn descend_from(
    node: &mut Node,
    key: &[u8],
    loader: &mut Loader<'_>,
    lineage: &Lineage<'_>,
    then: Then,
) -> Result<Option<Cid>, MstError> {
    let position = node.search(key);
    loader.trail.push(position);
    match position {
        Position::Entry { index, value } => {
            let value = node.cid(value);
            then(node, index, loader, lineage).map(|()| Some(value))
        }
        Position::Subtree { index } => match child(node, index, loader, lineage)? {
            Some((node, lineage)) => descend_from(node, key, loader, &lineage, then),
            None => Ok(None),
        },
    }
}

/// The subtree of that index, read from the source if need be; `None` if there is none.
fn child<'a>(
    node: &'a mut Node,
    index: usize,
    loader: &mut Loader<'_>,
    lineage: &'a Lineage<'a>,
) -> Result<Option<(&'a mut Node, Lineage<'a>)>, MstError> {
    let layer = node.layer();
    let (block, children) = node.children();
    let lineage = Lineage { parent: Some(Parent { block, layer, index, lineage }) };
    let Some(child) = children.get_mut(index) else { return Ok(None) };
    if child.node().is_none()
        && let Some(cid) = child.cid(block)
    {
        child.load(loader.node(&cid, &lineage)?);
    }
    Ok(child.node().map(|node| (node, lineage)))
}

enum Edge {
    First,
    Last,
}

/// Loads the nodes along one side of a subtree.
fn edge(
    node: &mut Node,
    index: usize,
    side: Edge,
    loader: &mut Loader<'_>,
    lineage: &Lineage<'_>,
) -> Result<(), MstError> {
    let Some((node, lineage)) = child(node, index, loader, lineage)? else { return Ok(()) };
    let index = match side {
        Edge::First => 0,
        Edge::Last => node.entries(),
    };
    edge(node, index, side, loader, &lineage)
}

/// Loads the nodes on both sides of a seam below two nodes that are to be joined.
fn seam(
    (before, before_lineage): (&mut Node, &Lineage<'_>),
    (after, after_lineage): (&mut Node, &Lineage<'_>),
    loader: &mut Loader<'_>,
) -> Result<(), MstError> {
    let last = before.entries();
    loader.limits.check_entries(last + after.entries()).map_err(MstError::Key)?;
    if !before.has_child(last) || !after.has_child(0) {
        return Ok(());
    }
    let before = child(before, last, loader, before_lineage)?;
    match (before, child(after, 0, loader, after_lineage)?) {
        (Some((before, before_lineage)), Some((after, after_lineage))) => {
            seam((before, &before_lineage), (after, &after_lineage), loader)
        }
        _ => Ok(()),
    }
}

/// Loads a subtree that becomes the root, down to the node that stays when it is trimmed.
fn top(
    node: &mut Node,
    index: usize,
    loader: &mut Loader<'_>,
    lineage: &Lineage<'_>,
) -> Result<(), MstError> {
    match child(node, index, loader, lineage)? {
        Some((node, lineage)) if node.entries() == 0 => top(node, 0, loader, &lineage),
        _ => Ok(()),
    }
}

impl Loader<'_> {
    fn node(&mut self, cid: &Cid, lineage: &Lineage<'_>) -> Result<Node, MstError> {
        let Gap { above, below } = &mut *self.gap;
        let (has_above, has_below) = (lineage.above(above), lineage.below(below));
        let place = Place {
            layer: lineage.parent.and_then(|parent| parent.layer.checked_sub(1)),
            above: has_above.then_some(above),
            below: has_below.then_some(below),
        };
        let layer = read(self.source, self.limits, cid, place, self.page)?;
        Ok(Node::stored(self.page.take_block(), layer))
    }
}

impl Lineage<'_> {
    const ROOT: Self = Self { parent: None };

    /// Puts together the key that all of the node are above; says whether there is one.
    fn above(&self, key: &mut Vec<u8>) -> bool {
        let Some(parent) = self.parent else { return false };
        let before = parent.index.checked_sub(1);
        before.is_some_and(|before| codec::key(parent.block, before, key))
            || parent.lineage.above(key)
    }

    /// The same for the key that all of the node are below.
    fn below(&self, key: &mut Vec<u8>) -> bool {
        let Some(parent) = self.parent else { return false };
        codec::key(parent.block, parent.index, key) || parent.lineage.below(key)
    }
}
