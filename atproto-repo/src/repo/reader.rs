mod in_order;
mod kept;

use std::io::Read;

use atproto_core::{
    crypto::PublicKey,
    syntax::{Cid, Did},
};

use super::{Head, Record, Spill, VerifyError};
use crate::{
    BlockSource, RepoPath, car,
    commit::Commit,
    mst::{self, Cursor, MstError},
};
pub use in_order::InOrder;
pub use kept::Kept;

/// Reads and checks repositories of any size in bounded memory, record by record.
///
/// [`verify`](super::verify) is faster where the archive fits in memory. The same is
/// checked here: every hash, the commit and its signature, every rule of the tree, that
/// every record is there.
///
/// - [`in_order`](Self::in_order) needs no more than one node for each layer of the tree. It
///   needs an archive in the order that [`export`](super::export) writes, the one
///   that the [specification](https://atproto.com/specs/repository#car-file-serialization)
///   recommends, and records come while the archive does.
/// - [`in_any_order`](Self::in_any_order) reads the whole archive first. It keeps blocks in
///   memory up to [`memory`](Self::memory) and in a [`Spill`] above.
///
/// ```
/// use atproto_core::{crypto::{Curve, SecretKey, Signer}, syntax::{Cid, Did}};
/// use atproto_repo::{BlockMap, repo::{Repo, RepoReader, Write}};
///
/// let key = SecretKey::generate(Curve::K256);
/// let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?;
/// let mut repo = Repo::create(BlockMap::new(), did.clone(), &key)?;
/// let write = Write::Create {
///     collection: "com.example.note".parse()?,
///     rkey: "self".parse()?,
///     record: b"\xa1\x64text\x65hello".to_vec().into(),
/// };
/// repo.apply([write], &key)?;
/// let mut archive = Vec::new();
/// repo.export(&mut archive)?;
///
/// let reader = RepoReader::new().key(key.public_key());
/// let mut records = reader.in_order(archive.as_slice())?;
/// assert_eq!(records.did(), &did);
/// assert_eq!(records.next().unwrap()?.path.to_string(), "com.example.note/self");
/// assert!(records.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RepoReader {
    key: Option<PublicKey>,
    limits: car::Limits,
    memory: usize,
}

impl Default for RepoReader {
    fn default() -> Self {
        Self { key: None, limits: car::Limits::default(), memory: MEMORY }
    }
}

impl RepoReader {
    /// A reader that checks no signature: the repository is sound, but nobody's.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks the commit's signature.
    #[must_use]
    pub fn key(mut self, key: PublicKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Reads archives within these limits.
    #[must_use]
    pub fn limits(mut self, limits: car::Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How much memory kept blocks may take, in bytes. Default: 16 MiB. What a spill needs by
    /// itself, at most some 16 MiB, is not part of it.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Reads an archive whose blocks come in the order of the tree: the commit, then each
    /// node before what is below it and each record where its key is in order.
    ///
    /// A block out of that order is [`VerifyError::Order`]. Of a record at two paths the
    /// second copy may be left out as long as the first one is among those for which there
    /// is [`memory`](Self::memory). Blocks after the last record are checked and dropped.
    pub fn in_order<R: Read>(&self, archive: R) -> Result<RepoRecords<InOrder<R>>, VerifyError> {
        let blocks = self.car().for_reader(archive)?;
        let root = blocks.roots()[0];
        RepoRecords::open(InOrder::new(blocks, self.memory), root, self.key.as_ref())
    }

    /// Reads an archive whose blocks come in any order, all of it before this returns.
    pub fn in_any_order<R: Read, S: Spill>(
        &self,
        archive: R,
        spill: S,
    ) -> Result<RepoRecords<Kept<S>>, VerifyError> {
        let blocks = self.car().for_reader(archive)?;
        let root = blocks.roots()[0];
        RepoRecords::open(Kept::read(blocks, self.memory, spill)?, root, self.key.as_ref())
    }

    fn car(&self) -> car::CarReader {
        car::CarReader::with_limits(self.limits.clone())
    }
}

/// The records of a repository in the order of their paths, each checked when it comes.
///
/// Each record that comes is one that the commit leads to. Whether the repository is whole
/// is known when the end has come without an error; after an error nothing more comes.
#[derive(Debug)]
pub struct RepoRecords<S> {
    head: Head,
    commit: Commit,
    cursor: Cursor<S>,
    ended: bool,
}

/// The blocks of an archive: where a [`RepoReader`] reads from.
pub trait ArchiveBlocks: BlockSource {
    /// Why the last question had no answer, if it was not that the block is missing.
    fn failure(&self) -> Option<VerifyError> {
        None
    }

    /// Checks what is left when the tree has been read.
    fn finish(&self) -> Result<(), VerifyError> {
        Ok(())
    }
}

impl<S: ArchiveBlocks> RepoRecords<S> {
    fn open(blocks: S, root: Cid, key: Option<&PublicKey>) -> Result<Self, VerifyError> {
        let block = match blocks.block(&root) {
            Ok(Some(block)) => block,
            Ok(None) => return Err(blocks.failure().unwrap_or(VerifyError::RootMissing(root))),
            Err(error) => return Err(MstError::Source(error).into()),
        };
        let commit = Commit::decode(&block)?;
        if let Some(key) = key {
            commit.verify(key)?;
        }
        let head = Head { commit: root, rev: commit.rev, data: commit.data };
        let cursor = Cursor::with_limits(blocks, commit.data, mst::Limits::default());
        Ok(Self { head, commit, cursor, ended: false })
    }
}

impl<S> RepoRecords<S> {
    /// The account that the commit names.
    pub fn did(&self) -> &Did {
        &self.commit.did
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The commit.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }
}

impl<S: ArchiveBlocks> RepoRecords<S> {
    fn read(&mut self) -> Result<Option<Record>, VerifyError> {
        let Some((key, cid)) = self.cursor.next_entry()? else {
            self.cursor.source().finish()?;
            return Ok(None);
        };
        let path = RepoPath::from_key(key)?;
        match self.cursor.source().block(&cid).map_err(MstError::Source)? {
            Some(bytes) => Ok(Some(Record { path, cid, bytes })),
            None => Err(VerifyError::RecordMissing { path, cid }),
        }
    }
}

impl<S: ArchiveBlocks> Iterator for RepoRecords<S> {
    type Item = Result<Record, VerifyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let record = self.read().map_err(|error| self.cursor.source().failure().unwrap_or(error));
        self.ended = !matches!(record, Ok(Some(_)));
        record.transpose()
    }
}

/// Ours: what a repository of some fifty thousand records takes.
const MEMORY: usize = 16 << 20;

/// What a block takes in memory beyond its bytes: its entry and its place in a map.
const BLOCK: usize = 160;
