use std::collections::HashSet;

use atproto_core::syntax::Cid;

use super::{Cursor, Limits, MstError, Next};
use crate::{BlockSource, blocks::CidHashing};

/// What it takes to get from one tree to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// The entries that differ, in the order of their keys.
    pub changes: Vec<Change>,
    /// The nodes that only the new tree has.
    pub created_nodes: Vec<Cid>,
    /// The nodes that only the old tree has.
    pub deleted_nodes: Vec<Cid>,
}

/// One entry that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Vec<u8>,
    /// The record in the old tree, or `None` if the entry was created.
    pub old: Option<Cid>,
    /// The record in the new tree, or `None` if the entry was deleted.
    pub new: Option<Cid>,
}

/// Compares two stored trees. Subtrees that both walks reach at the same time are not read;
/// next to a change an equal node may be read on both sides.
pub fn diff(
    (old_source, old_root): (&dyn BlockSource, &Cid),
    (new_source, new_root): (&dyn BlockSource, &Cid),
    limits: &Limits,
) -> Result<Diff, MstError> {
    let mut old = Side::new(old_source, old_root, limits);
    let mut new = Side::new(new_source, new_root, limits);
    let mut changes = Vec::new();
    loop {
        match (old.cursor.peek(), new.cursor.peek()) {
            (Next::End, Next::End) => break,
            (Next::Subtree { cid: left, .. }, Next::Subtree { cid: right, .. })
                if left == right =>
            {
                old.cursor.skip();
                new.cursor.skip();
            }
            // Equal subtrees are on equal layers, so the higher side goes down first.
            (Next::Subtree { layer: left, .. }, Next::Subtree { layer: right, .. }) => {
                let (left, right) = (left.unwrap_or(u8::MAX), right.unwrap_or(u8::MAX));
                if left >= right {
                    old.enter()?;
                }
                if right >= left {
                    new.enter()?;
                }
            }
            (Next::Subtree { .. }, _) => old.enter()?,
            (_, Next::Subtree { .. }) => new.enter()?,
            (Next::Entry { key: left, value: from }, Next::Entry { key: right, value: to })
                if left == right =>
            {
                if from != to {
                    changes.push(Change { key: left.into(), old: Some(from), new: Some(to) });
                }
                old.cursor.skip();
                new.cursor.skip();
            }
            (Next::Entry { key, value }, other) if !comes_before(&other, key) => {
                changes.push(Change { key: key.into(), old: Some(value), new: None });
                old.cursor.skip();
            }
            (_, Next::Entry { key, value }) => {
                changes.push(Change { key: key.into(), old: None, new: Some(value) });
                new.cursor.skip();
            }
            // Not reached: an entry against the end is what the guard above looks for.
            (Next::Entry { .. }, Next::End) => break,
        }
    }
    let created_nodes = new.only(&old);
    let deleted_nodes = old.only(&new);
    Ok(Diff { changes, created_nodes, deleted_nodes })
}

fn comes_before(next: &Next<'_>, key: &[u8]) -> bool {
    matches!(next, Next::Entry { key: other, .. } if *other < key)
}

/// One of the two trees, and which of its nodes were read.
struct Side<'a> {
    cursor: Cursor<&'a dyn BlockSource>,
    read: Vec<Cid>,
}

impl<'a> Side<'a> {
    fn new(source: &'a dyn BlockSource, root: &Cid, limits: &Limits) -> Self {
        Self { cursor: Cursor::with_limits(source, *root, *limits), read: Vec::new() }
    }

    fn enter(&mut self) -> Result<(), MstError> {
        if let Next::Subtree { cid, .. } = self.cursor.peek() {
            self.cursor.enter()?;
            self.read.push(cid);
        }
        Ok(())
    }

    /// The nodes that were read here and not on the other side. A node that both trees
    /// have is skipped in both or read in both.
    fn only(&self, other: &Side<'_>) -> Vec<Cid> {
        let others: HashSet<_, CidHashing> = other.read.iter().copied().collect();
        self.read.iter().copied().filter(|cid| !others.contains(cid)).collect()
    }
}
