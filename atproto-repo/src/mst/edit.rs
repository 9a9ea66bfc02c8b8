//! Changing a tree.
//!
//! A change has two steps. The first loads every node that the second will take apart;
//! if a block is missing it says so, and since loading changes nothing, the tree is as it
//! was. The second moves entries around in memory and cannot fail.

use std::mem;

use atproto_core::syntax::Cid;

use super::{
    Limits, MstError, NodeFault,
    codec::Place,
    node::{Child, Entry, Loader, Node, Subtree},
};

/// Loads the nodes in which the key is looked for, down to its entry or to the bottom.
pub(super) fn load_path(
    subtree: &mut Subtree,
    key: &[u8],
    loader: Loader<'_>,
    place: Place<'_>,
) -> Result<(), MstError> {
    let Some(node) = subtree.load(loader, place)? else { return Ok(()) };
    match node.search(key) {
        Ok(_) => Ok(()),
        Err(index) => match node.child(index, place) {
            Some((child, place)) => load_path(child, key, loader, place),
            None => Ok(()),
        },
    }
}

/// Loads, below the entry of a key, the nodes that lead to its neighbours: the last ones
/// of the subtree before it and the first ones of the subtree after it.
pub(super) fn load_neighbours(
    subtree: &mut Subtree,
    key: &[u8],
    loader: Loader<'_>,
    place: Place<'_>,
) -> Result<(), MstError> {
    let Some(node) = subtree.load(loader, place)? else { return Ok(()) };
    match node.search(key) {
        Ok(index) => {
            for (index, edge) in [(index, Edge::Last), (index + 1, Edge::First)] {
                if let Some((child, place)) = node.child(index, place) {
                    load_edge(child, edge, loader, place)?;
                }
            }
            Ok(())
        }
        Err(index) => match node.child(index, place) {
            Some((child, place)) => load_neighbours(child, key, loader, place),
            None => Ok(()),
        },
    }
}

/// Loads what a removal merges: both neighbours' paths, as far down as both go.
pub(super) fn load_merge(
    subtree: &mut Subtree,
    key: &[u8],
    loader: Loader<'_>,
    place: Place<'_>,
) -> Result<(), MstError> {
    let Some(node) = subtree.load(loader, place)? else { return Ok(()) };
    match node.search(key) {
        Ok(index) => {
            let trims = place.layer.is_none() && node.entries.len() == 1;
            let Some((before, after)) = node.children_around(index, place) else { return Ok(()) };
            match (before.0.is_absent(), after.0.is_absent()) {
                (false, false) => load_seam(before, after, loader),
                (false, true) if trims => load_top(before, loader),
                (true, false) if trims => load_top(after, loader),
                _ => Ok(()),
            }
        }
        Err(index) => match node.child(index, place) {
            Some((child, place)) => load_merge(child, key, loader, place),
            None => Ok(()),
        },
    }
}

/// Puts an entry into a tree that does not have the key and in which the key's path is
/// loaded.
pub(super) fn insert(root: &mut Subtree, entry: Entry, height: u8, replaced: &mut Vec<Cid>) {
    match root.loaded() {
        Some(node) if node.layer >= height => insert_below(node, entry, height, replaced),
        Some(node) => {
            let layer = node.layer;
            let (before, after) = split(mem::take(root), &entry.key, replaced);
            let raise = |subtree| raise(subtree, layer, height - 1);
            let children = vec![raise(before), raise(after)];
            *root = Subtree::Loaded(Box::new(Node::new(height, vec![entry], children)));
        }
        None => *root = alone(entry, height),
    }
}

/// Changes the value of a key whose path is loaded; returns the old one.
pub(super) fn replace(
    root: &mut Subtree,
    key: &[u8],
    value: Cid,
    replaced: &mut Vec<Cid>,
) -> Option<Cid> {
    let node = root.loaded()?;
    let old = match node.search(key) {
        Ok(index) => mem::replace(&mut node.entries[index].value, value),
        Err(index) => replace(node.children.get_mut(index)?, key, value, replaced)?,
    };
    node.touch(replaced);
    Some(old)
}

/// Takes out a key whose path and merge are loaded; returns its value.
pub(super) fn remove(root: &mut Subtree, key: &[u8], replaced: &mut Vec<Cid>) -> Option<Cid> {
    let old = remove_below(root, key, replaced)?;
    // The top of a tree is a node with entries.
    while let Subtree::Loaded(node) = root
        && node.entries.is_empty()
        && let Some(child) = node.children.pop()
    {
        node.touch(replaced);
        *root = child;
    }
    Some(old)
}

enum Edge {
    First,
    Last,
}

fn load_edge(
    subtree: &mut Subtree,
    edge: Edge,
    loader: Loader<'_>,
    place: Place<'_>,
) -> Result<(), MstError> {
    let Some(node) = subtree.load(loader, place)? else { return Ok(()) };
    let index = match edge {
        Edge::First => 0,
        Edge::Last => node.entries.len(),
    };
    match node.child(index, place) {
        Some((child, place)) => load_edge(child, edge, loader, place),
        None => Ok(()),
    }
}

/// Loads the nodes that become one when the entry between two subtrees goes.
fn load_seam(
    (before, before_place): Child<'_>,
    (after, after_place): Child<'_>,
    loader: Loader<'_>,
) -> Result<(), MstError> {
    let before = before.load(loader, before_place)?;
    let (Some(before), Some(after)) = (before, after.load(loader, after_place)?) else {
        return Ok(());
    };
    let last = before.entries.len();
    loader.limits.check_entries(last + after.entries.len()).map_err(MstError::Key)?;
    match (before.child(last, before_place), after.child(0, after_place)) {
        (Some(before), Some(after)) if !before.0.is_absent() && !after.0.is_absent() => {
            load_seam(before, after, loader)
        }
        _ => Ok(()),
    }
}

/// Loads a subtree that becomes the root, down to the node that stays when it is trimmed.
fn load_top((subtree, place): Child<'_>, loader: Loader<'_>) -> Result<(), MstError> {
    match subtree.load(loader, place)? {
        Some(node) if node.entries.is_empty() => match node.child(0, place) {
            Some(child) => load_top(child, loader),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Whether the node that takes a new key has room for it.
pub(super) fn check_room(
    root: &mut Subtree,
    key: &[u8],
    height: u8,
    limits: &Limits,
) -> Result<(), NodeFault> {
    match root.loaded() {
        Some(node) if node.layer == height => limits.check_entries(node.entries.len() + 1),
        Some(node) if node.layer > height => {
            let index = node.search(key).unwrap_or_else(|index| index);
            match node.children.get_mut(index) {
                Some(child) => check_room(child, key, height, limits),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn insert_below(node: &mut Node, entry: Entry, height: u8, replaced: &mut Vec<Cid>) {
    node.touch(replaced);
    let index = node.search(&entry.key).unwrap_or_else(|index| index);
    if node.layer == height {
        if let Some(child) = node.children.get_mut(index) {
            let (before, after) = split(mem::take(child), &entry.key, replaced);
            *child = before;
            node.children.insert(index + 1, after);
        }
        node.entries.insert(index, entry);
    } else if let Some(child) = node.children.get_mut(index) {
        match child.loaded() {
            Some(child) => insert_below(child, entry, height, replaced),
            None => *child = raise(alone(entry, height), height, node.layer - 1),
        }
    }
}

fn remove_below(subtree: &mut Subtree, key: &[u8], replaced: &mut Vec<Cid>) -> Option<Cid> {
    let node = subtree.loaded()?;
    let old = match node.search(key) {
        Ok(index) => {
            if node.layer > 0 {
                let after = node.children.remove(index + 1);
                let before = mem::take(&mut node.children[index]);
                node.children[index] = merge(before, after, replaced);
            }
            node.entries.remove(index).value
        }
        Err(index) => remove_below(node.children.get_mut(index)?, key, replaced)?,
    };
    node.touch(replaced);
    if node.is_empty() {
        *subtree = Subtree::Absent;
    }
    Some(old)
}

/// Cuts a subtree in two at a key that it does not have and whose path is loaded.
fn split(subtree: Subtree, key: &[u8], replaced: &mut Vec<Cid>) -> (Subtree, Subtree) {
    let mut before = match subtree {
        Subtree::Absent => return (Subtree::Absent, Subtree::Absent),
        Subtree::Known(_) => unreachable!("the path of the key is loaded before a split"),
        Subtree::Loaded(node) => node,
    };
    let (cid, stored) = before.identity();
    let index = before.search(key).unwrap_or_else(|index| index);
    let entries = before.entries.split_off(index);
    let mut children = Vec::new();
    if before.layer > 0 {
        children = before.children.split_off(index);
        let (left, right) = split(mem::take(&mut children[0]), key, replaced);
        before.children.push(left);
        children[0] = right;
    }
    let mut after = Node::new(before.layer, entries, children);
    match (before.is_empty(), after.is_empty()) {
        // Nothing was cut: the node goes on as it is, on one side.
        (true, false) => after.continues(cid, stored),
        (false, true) => {}
        _ => before.touch(replaced),
    }
    (before.into_subtree(), after.into_subtree())
}

/// Joins two neighbouring subtrees of one layer; what they share a seam of is loaded.
fn merge(before: Subtree, after: Subtree, replaced: &mut Vec<Cid>) -> Subtree {
    let (mut before, mut after) = match (before, after) {
        (Subtree::Absent, only) | (only, Subtree::Absent) => return only,
        (Subtree::Loaded(before), Subtree::Loaded(after)) => (before, after),
        _ => unreachable!("both sides of a seam are loaded before a merge"),
    };
    before.touch(replaced);
    after.touch(replaced);
    if before.layer > 0 {
        let left = before.children.pop().unwrap_or_default();
        after.children[0] = merge(left, mem::take(&mut after.children[0]), replaced);
        before.children.append(&mut after.children);
    }
    before.entries.append(&mut after.entries);
    Subtree::Loaded(before)
}

/// A node with one entry.
fn alone(entry: Entry, height: u8) -> Subtree {
    let children = if height == 0 { Vec::new() } else { vec![Subtree::Absent; 2] };
    Subtree::Loaded(Box::new(Node::new(height, vec![entry], children)))
}

/// Puts empty nodes above a subtree, because links never skip a layer.
fn raise(mut subtree: Subtree, from: u8, to: u8) -> Subtree {
    if !subtree.is_absent() {
        for layer in from + 1..=to {
            subtree = Subtree::Loaded(Box::new(Node::new(layer, Vec::new(), vec![subtree])));
        }
    }
    subtree
}

/// The value of a key whose path is loaded.
pub(super) fn find(root: &mut Subtree, key: &[u8]) -> Option<Cid> {
    let node = root.loaded()?;
    match node.search(key) {
        Ok(index) => Some(node.entries[index].value),
        Err(index) => find(node.children.get_mut(index)?, key),
    }
}
