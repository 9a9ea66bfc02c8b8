use atproto_core::syntax::Cid;

use crate::{
    BlockSource, RepoPath,
    event::{Action, RepoOp},
    mst::{Limits, MstError, Tree},
};

/// Undoes the operations of a commit on its tree, and returns the root that the tree had
/// before. If that is the root before the commit, the operations are all that happened.
///
/// First every operation is held against the tree as it is now, then each is undone. The
/// order does not matter, as no path may occur twice.
///
/// Neighbours' nodes suffice for this. Undoing a creation merges what is left and right
/// of the entry, which is the way to the keys directly before and after it; undoing a
/// deletion splits the nodes on the way to where the key was, which is where its
/// neighbours are. Nodes that come into being on the way are in memory, and all others
/// keep their CIDs.
pub fn invert(
    data: &Cid,
    ops: &[RepoOp],
    source: &dyn BlockSource,
    limits: &Limits,
) -> Result<Cid, InversionError> {
    let mut tree = Tree::load(*data).with_limits(*limits);
    check_ops(&mut tree, ops, source)?;
    for RepoOp { action, path, prev, .. } in ops {
        let key = path.to_key();
        match (action, prev) {
            (Action::Create, None) => tree.remove(source, key)?,
            (Action::Update, Some(prev)) => tree.update(source, key, *prev)?,
            (Action::Delete, Some(prev)) => tree.insert(source, key, *prev)?,
            _ => return Err(InversionError::OpForm { path: path.clone() }),
        };
    }
    Ok(tree.root())
}

/// Holds every operation against the tree that it left.
pub(super) fn check_ops(
    tree: &mut Tree,
    ops: &[RepoOp],
    source: &dyn BlockSource,
) -> Result<(), InversionError> {
    for RepoOp { path, cid: expected, .. } in ops {
        let found = tree.get(source, path.to_key())?;
        if found != *expected {
            let (path, expected) = (path.clone(), *expected);
            return Err(InversionError::OpMismatch { path, expected, found });
        }
    }
    Ok(())
}

/// Why operations cannot be undone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InversionError {
    /// The operation does not say what was there before, or says it where nothing was.
    #[error("the operation on {path} cannot be undone")]
    OpForm {
        /// The record.
        path: RepoPath,
    },
    /// The tree does not have what the operation says it left.
    #[error("the tree does not have at {path} what the operation says")]
    OpMismatch {
        /// The record.
        path: RepoPath,
        /// What the operation says.
        expected: Option<Cid>,
        /// What the tree has.
        found: Option<Cid>,
    },
    /// The tree has a fault, or not enough of it is there.
    #[error(transparent)]
    Tree(#[from] MstError),
}
