use atproto_core::{
    crypto::PublicKey,
    syntax::{Cid, Did},
};
use bytes::Bytes;

use super::{ExportError, Head, ProofError};
use crate::{
    BlockSource, RepoPath, car,
    commit::Commit,
    mst::{self, Limits},
};

/// The archive that proves a record, or that there is none: the commit, the nodes on the
/// way to the path, and the record. This is what `com.atproto.sync.getRecord` answers.
pub fn record_proof(
    source: &dyn BlockSource,
    head: &Head,
    path: &RepoPath,
) -> Result<Vec<u8>, ExportError> {
    let block = |cid: &Cid| source.block(cid)?.ok_or(ExportError::Missing(*cid));
    let commit = block(&head.commit)?;
    let (record, nodes) = mst::path(source, &head.data, &path.to_key(), &Limits::default())?;
    let record = record.map(|cid| Ok::<_, ExportError>((cid, block(&cid)?))).transpose()?;
    let blocks = [(&head.commit, &commit)].into_iter().chain(nodes.iter());
    let blocks = blocks.chain(record.as_ref().map(|(cid, block)| (cid, block)));
    Ok(car::write(&head.commit, blocks))
}

/// Checks a proof, and returns the record that it proves, or `None` if it proves that
/// there is none.
pub fn verify_record_proof(
    archive: impl Into<Bytes>,
    did: &Did,
    key: &PublicKey,
    path: &RepoPath,
) -> Result<Option<(Cid, Bytes)>, ProofError> {
    let (roots, blocks) = car::read_all(archive, &car::Limits::default())?;
    let block = |cid: &Cid| blocks.get(cid).cloned().ok_or(ProofError::Missing(*cid));
    // A header without roots is no archive.
    let commit = Commit::decode(&block(&roots[0])?)?;
    if commit.did != *did {
        return Err(ProofError::Did { found: commit.did });
    }
    commit.verify(key)?;
    let record = mst::lookup(&blocks, &commit.data, &path.to_key(), &Limits::default())?;
    record.map(|cid| Ok((cid, block(&cid)?))).transpose()
}
