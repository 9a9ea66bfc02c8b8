use atproto_core::{
    crypto::PublicKey,
    syntax::{Cid, Did},
};
use bytes::Bytes;

use super::{Head, VerifyError};
use crate::{
    BlockMap, RepoPath, car,
    commit::Commit,
    mst::{Cursor, Next},
};

/// A repository that was checked from its archive, complete and sound.
#[derive(Debug, Clone)]
pub struct VerifiedRepo {
    /// The account.
    pub did: Did,
    /// The head.
    pub head: Head,
    /// The commit.
    pub commit: Commit,
    blocks: BlockMap,
    len: usize,
}

/// One record of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub path: RepoPath,
    /// Its CID.
    pub cid: Cid,
    /// Its bytes, which share the archive's memory.
    pub bytes: Bytes,
}

/// Checks a whole repository: the archive and every hash in it, the form of the commit,
/// its signature if a key is given, every rule of the tree, and that every record is
/// there.
///
/// What is in the records is not looked at: one bad record of a hundred thousand is no
/// reason to refuse the others, and whoever decodes it will see. Blocks that the commit does
/// not lead to are ignored. Without a key the repository is sound but nobody's: whose it is,
/// only the signature says.
pub fn verify(
    archive: impl Into<Bytes>,
    key: Option<&PublicKey>,
) -> Result<VerifiedRepo, VerifyError> {
    let (roots, blocks) = car::read_all(archive, &car::Limits::default())?;
    // A header without roots is no archive.
    let root = roots[0];
    let block = blocks.get(&root).ok_or(VerifyError::RootMissing(root))?;
    let commit = Commit::decode(block)?;
    if let Some(key) = key {
        commit.verify(key)?;
    }
    let len = check_records(&blocks, commit.data)?;
    let head = Head { commit: root, rev: commit.rev, data: commit.data };
    Ok(VerifiedRepo { did: commit.did.clone(), head, commit, blocks, len })
}

impl VerifiedRepo {
    /// The records in the order of their paths.
    pub fn records(&self) -> Records<'_> {
        Records { cursor: Cursor::new(&self.blocks, self.head.data), blocks: &self.blocks }
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The blocks of the archive, those included that the commit does not lead to.
    pub fn blocks(&self) -> &BlockMap {
        &self.blocks
    }

    /// The blocks that the commit leads to and nothing else, in the order of an export.
    /// An import that stores more than this would let an archive bring back blocks that
    /// were deleted.
    pub fn reachable(&self) -> BlockMap {
        let mut reachable = BlockMap::with_capacity(self.blocks.len());
        let mut keep = |cid: Cid| {
            reachable.extend(self.blocks.get(&cid).map(|block| (cid, block.clone())));
        };
        keep(self.head.commit);
        let mut cursor = Cursor::new(&self.blocks, self.head.data);
        loop {
            match cursor.peek() {
                Next::Subtree { cid, .. } => {
                    keep(cid);
                    cursor.enter().expect(VERIFIED);
                }
                Next::Entry { value, .. } => {
                    keep(value);
                    cursor.skip();
                }
                Next::End => return reachable,
            }
        }
    }
}

/// The records of a [`VerifiedRepo`].
#[derive(Debug)]
pub struct Records<'a> {
    cursor: Cursor<&'a BlockMap>,
    blocks: &'a BlockMap,
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let (key, cid) = self.cursor.next_entry().expect(VERIFIED)?;
        let path = RepoPath::from_key(key).expect(VERIFIED);
        Some(Record { path, cid, bytes: self.blocks.get(&cid).expect(VERIFIED).clone() })
    }
}

/// Walks the tree; returns the number of records.
///
/// Records are looked up many at a time. One after the other, each would wait for memory by
/// itself.
fn check_records(blocks: &BlockMap, data: Cid) -> Result<usize, VerifyError> {
    let mut cursor = Cursor::new(blocks, data);
    let mut records = Vec::with_capacity(LOOKED_UP);
    let mut count = 0;
    loop {
        let next = cursor.next_value();
        if let Ok(Some(record)) = next {
            records.push(record);
            if records.len() < LOOKED_UP {
                continue;
            }
        }
        if !records.iter().fold(true, |all, record| all & blocks.contains(record)) {
            check_one_by_one(blocks, data)?;
        }
        count += records.len();
        records.clear();
        if next?.is_none() {
            return Ok(count);
        }
    }
}

/// Walks the tree again to say which record is the first that is missing.
fn check_one_by_one(blocks: &BlockMap, data: Cid) -> Result<(), VerifyError> {
    let mut cursor = Cursor::new(blocks, data);
    while let Some((key, cid)) = cursor.next_entry()? {
        if !blocks.contains(&cid) {
            return Err(VerifyError::RecordMissing { path: RepoPath::from_key(key)?, cid });
        }
    }
    Ok(())
}

/// Why reading again cannot fail.
const VERIFIED: &str = "the blocks are those that were walked when the repository was verified";

/// Enough to keep memory busy, few enough to stay close at hand.
const LOOKED_UP: usize = 64;
