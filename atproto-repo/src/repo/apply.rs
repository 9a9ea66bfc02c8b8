use std::collections::HashSet;

use atproto_core::{
    crypto::Signer,
    data::cbor::{self, Reader},
    syntax::{Cid, Did, Tid},
};
use bytes::Bytes;

use super::{ApplyError, Head, MAX_COMMIT_BLOCKS, MAX_COMMIT_OPS, MAX_RECORD, Write};
use crate::{
    BlockMap, BlockSource, Overlay, RepoPath, car,
    commit::{Commit, UnsignedCommit},
    event::{CommitEvent, Event, RepoOp, SyncEvent},
    mst::{self, Limits, Tree},
    sync,
};

/// A commit that was made, with all that there is to store and to tell.
#[derive(Debug, Clone)]
pub struct AppliedCommit {
    /// The repository's head from now on.
    pub head: Head,
    /// The commit.
    pub commit: Commit,
    /// The revision before, or `None` for the first commit.
    pub since: Option<Tid>,
    /// The root of the tree before, or `None` for the first commit.
    pub prev_data: Option<Cid>,
    /// What changed.
    pub ops: Vec<RepoOp>,
    /// The blocks to store: the commit, new nodes, new records.
    pub new_blocks: BlockMap,
    /// The blocks that this commit no longer refers to where the one before did: the
    /// commit before, nodes, and the records of updated and deleted paths.
    ///
    /// Nodes and the commit can go at once. A record may also be at a path that was not
    /// touched, which the tree does not tell cheaply: whoever stores records by path
    /// knows, and keeps the block as long as any path has it.
    pub removed: Vec<Cid>,
    /// The archive for the `#commit` message: new blocks, and the nodes that prove the
    /// operations.
    pub car: Bytes,
}

/// Makes the first commit of a repository, with nothing in it.
pub fn create(did: &Did, signer: &dyn Signer, rev: Tid) -> Result<AppliedCommit, ApplyError> {
    let mut tree = Tree::empty();
    let nodes = tree.take_new_blocks();
    let commit = UnsignedCommit::new(did.clone(), tree.root(), rev).sign(signer)?;
    Ok(AppliedCommit::new(commit, None, Vec::new(), nodes, &BlockMap::new(), Vec::new()))
}

/// Makes the commit that applies writes to a repository.
///
/// All of them happen or none; at most one may go to a path. Any number is taken, but a
/// `#commit` message has limits: see [`AppliedCommit::to_event`]. Reads the nodes on the
/// way to the paths and their neighbours, and no records.
///
/// The commit is checked as every consumer will check it, by undoing its operations with
/// the blocks of its own archive.
pub fn apply(
    source: &dyn BlockSource,
    head: &Head,
    did: &Did,
    writes: Vec<Write>,
    rev: Tid,
    signer: &dyn Signer,
) -> Result<AppliedCommit, ApplyError> {
    if rev <= head.rev {
        return Err(ApplyError::Rev { rev, previous: head.rev });
    }
    check_paths(&writes)?;
    let mut tree = Tree::load(head.data);
    let mut records = BlockMap::new();
    let mut ops = Vec::with_capacity(writes.len());
    for write in writes {
        ops.push(apply_one(source, &mut tree, &mut records, write)?);
    }
    let nodes = tree.take_new_blocks();
    let data = tree.root();

    let paths = ops.iter().map(|op| op.path.to_key());
    let proof = mst::covering(&Overlay(&nodes, source), &data, paths, &Limits::default())?;
    let commit = UnsignedCommit::new(did.clone(), data, rev).sign(signer)?;
    let mut stale = tree.take_replaced();
    stale.push(head.commit);
    stale.extend(ops.iter().filter_map(|op| op.prev));

    let mut new_blocks = nodes;
    new_blocks.extend(records);
    let applied = AppliedCommit::new(commit, Some(head), ops, new_blocks, &proof, stale);
    applied.check_inversion()?;
    Ok(applied)
}

/// Makes a commit that changes nothing and is signed by another key: after an account's
/// signing key was replaced, consumers refuse the old signature, and so the whole
/// repository. The same as [`apply`] without writes.
pub fn resign(
    source: &dyn BlockSource,
    head: &Head,
    did: &Did,
    rev: Tid,
    signer: &dyn Signer,
) -> Result<AppliedCommit, ApplyError> {
    apply(source, head, did, Vec::new(), rev, signer)
}

impl AppliedCommit {
    fn new(
        commit: Commit,
        previous: Option<&Head>,
        ops: Vec<RepoOp>,
        blocks: BlockMap,
        proof: &BlockMap,
        stale: Vec<Cid>,
    ) -> Self {
        let block = commit.encode();
        let cid = Cid::dag_cbor(&block);
        let mut new_blocks = BlockMap::with_capacity(blocks.len() + 1);
        new_blocks.insert(cid, block.into());
        new_blocks.extend(blocks);

        let mut removed = HashSet::new();
        let removed =
            stale.into_iter().filter(|cid| !new_blocks.contains(cid) && removed.insert(*cid));
        let proof = proof.iter().filter(|(cid, _)| !new_blocks.contains(cid));
        let car = car::write(&cid, new_blocks.iter().chain(proof)).into();
        let head = Head { commit: cid, rev: commit.rev, data: commit.data };
        Self {
            removed: removed.collect(),
            since: previous.map(|head| head.rev),
            prev_data: previous.map(|head| head.data),
            head,
            commit,
            ops,
            car,
            new_blocks,
        }
    }

    /// The message that announces the commit, at position `seq`: `#commit`, or `#sync` if
    /// it exceeds what a `#commit` message may hold, as an import can.
    pub fn to_event(&self, seq: i64, time: impl Into<String>) -> Event {
        let did = self.commit.did.clone();
        if self.ops.len() <= MAX_COMMIT_OPS && self.car.len() <= MAX_COMMIT_BLOCKS {
            Event::Commit(CommitEvent::new(did, self, time)).with_seq(seq)
        } else {
            Event::Sync(SyncEvent::of_commit(&self.commit, time)).with_seq(seq)
        }
    }

    fn check_inversion(&self) -> Result<(), ApplyError> {
        let (_, blocks) = car::read_all(self.car.clone(), &car::Limits::default())
            .map_err(|_| ApplyError::Inversion { cause: None })?;
        match sync::invert(&self.head.data, &self.ops, &blocks, &Limits::default()) {
            Ok(before) if Some(before) == self.prev_data => Ok(()),
            Ok(_) => Err(ApplyError::Inversion { cause: None }),
            Err(cause) => Err(ApplyError::Inversion { cause: Some(cause) }),
        }
    }
}

fn check_paths(writes: &[Write]) -> Result<(), ApplyError> {
    let mut paths = HashSet::with_capacity(writes.len());
    match writes.iter().map(Write::path).find(|path| !paths.insert(path.clone())) {
        Some(path) => Err(ApplyError::SamePath { path }),
        None => Ok(()),
    }
}

fn apply_one(
    source: &dyn BlockSource,
    tree: &mut Tree,
    records: &mut BlockMap,
    write: Write,
) -> Result<RepoOp, ApplyError> {
    let path = write.path();
    let key = path.to_key();
    match write {
        Write::Create { record, .. } => {
            if tree.get(source, &key)?.is_some() {
                return Err(ApplyError::Exists { path });
            }
            let cid = check_record(&path, &record)?;
            tree.insert(source, &key, cid)?;
            records.insert(cid, record);
            Ok(RepoOp::create(path, cid))
        }
        Write::Update { record, .. } => {
            let cid = check_record(&path, &record)?;
            match tree.update(source, &key, cid)? {
                Some(prev) => {
                    records.insert(cid, record);
                    Ok(RepoOp::update(path, cid, prev))
                }
                None => Err(ApplyError::NotFound { path }),
            }
        }
        Write::Delete { .. } => match tree.remove(source, &key)? {
            Some(prev) => Ok(RepoOp::delete(path, prev)),
            None => Err(ApplyError::NotFound { path }),
        },
    }
}

fn check_record(path: &RepoPath, record: &Bytes) -> Result<Cid, ApplyError> {
    if record.len() > MAX_RECORD {
        let (path, found) = (path.clone(), record.len());
        return Err(ApplyError::TooLarge { path, limit: MAX_RECORD, found });
    }
    let is_map = |record| Reader::new(record).map_len().map(drop);
    cbor::check(record)
        .and_then(|()| is_map(record))
        .map_err(|fault| ApplyError::Record { fault })?;
    Ok(Cid::dag_cbor(record))
}
