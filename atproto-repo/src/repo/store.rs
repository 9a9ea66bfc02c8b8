use std::io::{Read, Write as Output};

use atproto_core::{
    crypto::{PublicKey, Signer},
    syntax::{Cid, Did, Tid, TidClock},
};
use bytes::Bytes;

use super::{AppliedCommit, ApplyError, ExportError, Head, VerifiedRepo, VerifyError, Write};
use crate::{
    BlockMap, BlockSource, BlockSourceError, RepoPath,
    car::{self, CarError},
    mst::{Limits, MstError, lookup},
};

/// A repository with the place where its blocks are kept, by default memory.
///
/// Revisions follow the clock, and never go back.
///
/// ```
/// use atproto_core::{crypto::{Curve, SecretKey, Signer}, syntax::Did};
/// use atproto_repo::{BlockMap, repo::{Repo, Write}};
///
/// let key = SecretKey::generate(Curve::K256);
/// let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?;
/// let mut repo = Repo::create(BlockMap::new(), did, &key)?;
///
/// let write = Write::Create {
///     collection: "com.example.note".parse()?,
///     rkey: "self".parse()?,
///     record: b"\xa1\x64text\x65hello".to_vec().into(),
/// };
/// let commit = repo.apply([write], &key)?;
/// assert_eq!(commit.ops.len(), 1);
///
/// let mut archive = Vec::new();
/// repo.export(&mut archive)?;
/// assert_eq!(Repo::verify(archive.as_slice(), &key.public_key())?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Repo<S = BlockMap> {
    store: S,
    did: Did,
    head: Head,
}

/// A place that a repository's blocks can be written to as well.
pub trait BlockStore: BlockSource {
    /// Stores what a commit brought, and drops what it left behind as far as that is safe;
    /// see [`AppliedCommit::removed`].
    fn store(&mut self, applied: &AppliedCommit) -> Result<(), BlockSourceError>;
}

impl BlockStore for BlockMap {
    /// Keeps the records of updated and deleted paths: a map of blocks does not know
    /// whether another path has them.
    fn store(&mut self, applied: &AppliedCommit) -> Result<(), BlockSourceError> {
        for cid in &applied.removed {
            if !applied.ops.iter().any(|op| op.prev == Some(*cid)) {
                self.remove(cid);
            }
        }
        self.extend(applied.new_blocks.iter().map(|(cid, block)| (*cid, block.clone())));
        Ok(())
    }
}

impl Repo {
    /// Reads an archive to memory, all [`max_archive`](car::Limits::max_archive) bytes of it
    /// if it is that long, and checks it; see [`verify`](super::verify), and
    /// [`RepoReader`](super::RepoReader) for archives that memory should not hold.
    pub fn verify(archive: impl Read, key: &PublicKey) -> Result<VerifiedRepo, VerifyError> {
        let limit = car::Limits::default().max_archive;
        let mut bytes = Vec::new();
        archive.take(limit + 1).read_to_end(&mut bytes).map_err(CarError::from)?;
        if bytes.len() as u64 > limit {
            return Err(CarError::ArchiveTooLarge { limit }.into());
        }
        super::verify(bytes, Some(key))
    }
}

impl<S: BlockStore> Repo<S> {
    /// Makes a repository with nothing in it.
    pub fn create(mut store: S, did: Did, signer: &dyn Signer) -> Result<Self, ApplyError> {
        let first = super::create(&did, signer, next_rev(None))?;
        store.store(&first).map_err(MstError::Source)?;
        Ok(Self { store, did, head: first.head })
    }

    /// A repository whose blocks are in the store already.
    pub fn open(store: S, did: Did, head: Head) -> Self {
        Self { store, did, head }
    }

    /// Makes and stores the commit that applies writes; see [`apply`](super::apply).
    pub fn apply(
        &mut self,
        writes: impl IntoIterator<Item = Write>,
        signer: &dyn Signer,
    ) -> Result<AppliedCommit, ApplyError> {
        let rev = next_rev(Some(self.head.rev));
        let writes = writes.into_iter().collect();
        let applied = super::apply(&self.store, &self.head, &self.did, writes, rev, signer)?;
        self.store.store(&applied).map_err(MstError::Source)?;
        self.head = applied.head;
        Ok(applied)
    }

    /// The record at a path.
    pub fn get(&self, path: &RepoPath) -> Result<Option<(Cid, Bytes)>, MstError> {
        let limits = Limits::default();
        let Some(cid) = lookup(&self.store, &self.head.data, &path.to_key(), &limits)? else {
            return Ok(None);
        };
        let block = self.store.block(&cid)?.ok_or(MstError::Missing(cid))?;
        Ok(Some((cid, block)))
    }

    /// Writes the repository as an archive; see [`export`](super::export).
    pub fn export(&self, archive: impl Output) -> Result<(), ExportError> {
        super::export(&self.store, &self.head, archive)
    }

    /// The account.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The newest commit.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Where the blocks are.
    pub fn store(&self) -> &S {
        &self.store
    }
}

fn next_rev(previous: Option<Tid>) -> Tid {
    let now = Tid::now();
    TidClock::new(now.clock_id()).next_after(now.micros(), previous)
}
