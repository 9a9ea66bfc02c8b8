use std::collections::HashSet;

use atproto_core::{
    crypto::Signer,
    syntax::{Cid, Did, Tid},
};

use super::{ApplyError, Head, VerifiedRepo};
use crate::{
    BlockMap, BlockSource, RepoPath,
    blocks::CidHashing,
    commit::{Commit, UnsignedCommit},
    event::{Event, RepoOp, SyncEvent},
    mst::{self, Change, Limits, Tree},
};

/// A commit over a tree that came as an archive, with all that there is to store and to
/// tell.
#[derive(Debug, Clone)]
pub struct ImportedCommit {
    /// The repository's head from now on.
    pub head: Head,
    /// The commit.
    pub commit: Commit,
    /// How the records differ from those that were there, in the order of their paths.
    pub ops: Vec<RepoOp>,
    /// The blocks to store: the commit, and those nodes and records of the archive that
    /// the repository did not have.
    pub new_blocks: BlockMap,
    /// The blocks that the repository no longer refers to, with the reservation of
    /// [`AppliedCommit::removed`](super::AppliedCommit::removed) about records.
    pub removed: Vec<Cid>,
}

/// Makes the commit that puts the tree of an archive in place of what is in a repository,
/// or of nothing.
///
/// The tree is kept as it is. The commit is made anew: a host signs with a key of its own,
/// and `rev` has to come after both the revision here and that of the archive. Blocks of
/// the archive that its commit does not lead to are not taken over.
///
/// Reads those nodes of the old tree that the new one has not, and holds what is new.
pub fn import(
    source: &dyn BlockSource,
    head: Option<&Head>,
    did: &Did,
    archive: &VerifiedRepo,
    rev: Tid,
    signer: &dyn Signer,
) -> Result<ImportedCommit, ApplyError> {
    let last = head.map(|head| head.rev).max(Some(archive.head.rev));
    if let Some(previous) = last.filter(|last| rev <= *last) {
        return Err(ApplyError::Rev { rev, previous });
    }
    if archive.did != *did {
        return Err(ApplyError::Did { found: archive.did.clone() });
    }
    let data = archive.head.data;
    let empty = Tree::empty_blocks();
    let (old_source, old_data): (&dyn BlockSource, Cid) = match head {
        Some(head) => (source, head.data),
        None => (&empty, Tree::empty_root()),
    };
    let blocks = archive.blocks();
    let diff = mst::diff((old_source, &old_data), (blocks, &data), &Limits::default())?;
    let commit = UnsignedCommit::new(did.clone(), data, rev).sign(signer)?;
    let block = commit.encode();
    let head_now = Head { commit: Cid::dag_cbor(&block), rev, data };

    let mut new_blocks = BlockMap::with_capacity(1 + diff.created_nodes.len() + diff.changes.len());
    new_blocks.insert(head_now.commit, block.into());
    let records = diff.changes.iter().filter_map(|change| change.new);
    for cid in diff.created_nodes.iter().copied().chain(records) {
        new_blocks.extend(blocks.get(&cid).map(|block| (cid, block.clone())));
    }
    // Without a tree before there is no node to keep, not even the one of the empty tree.
    if head.is_none() {
        new_blocks.extend(blocks.get(&data).map(|block| (data, block.clone())));
    }
    let ops = diff.changes.iter().map(op).collect::<Result<Vec<_>, _>>()?;
    let stale = head.map(|head| head.commit).into_iter();
    let stale = stale.chain(if head.is_some() { diff.deleted_nodes } else { Vec::new() });
    let stale = stale.chain(diff.changes.iter().filter_map(|change| change.old));
    let mut seen = HashSet::with_hasher(CidHashing::default());
    let removed = stale.filter(|cid| !new_blocks.contains(cid) && seen.insert(*cid)).collect();
    Ok(ImportedCommit { head: head_now, commit, ops, new_blocks, removed })
}

impl ImportedCommit {
    /// The message that announces the commit: `#sync`, because the changes of a whole
    /// repository exceed what a `#commit` message may hold.
    pub fn to_event(&self, seq: i64, time: impl Into<String>) -> Event {
        Event::Sync(SyncEvent::of_commit(&self.commit, time)).with_seq(seq)
    }
}

fn op(change: &Change) -> Result<RepoOp, ApplyError> {
    let path = RepoPath::from_key(&change.key)?;
    Ok(match (change.old, change.new) {
        (None, Some(cid)) => RepoOp::create(path, cid),
        (Some(prev), Some(cid)) => RepoOp::update(path, cid, prev),
        (Some(prev), None) => RepoOp::delete(path, prev),
        (None, None) => unreachable!("a change has a side"),
    })
}
