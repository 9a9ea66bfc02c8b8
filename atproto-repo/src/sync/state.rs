use atproto_core::syntax::{Cid, Did, Tid};
use bytes::Bytes;

use super::{Discontinuity, RepoState, Verdict, VerifyContext, VerifyOptions, Violation};
use crate::{
    BlockMap,
    car::{self, CarError},
    commit::Commit,
    event::SyncEvent,
};

/// Judges a `#sync` message.
///
/// It states where the repository is and not how it got there. If that is where it was
/// known to be, nothing has happened.
pub fn verify_sync(
    event: &SyncEvent,
    context: &VerifyContext<'_>,
    options: &VerifyOptions,
) -> Verdict {
    judge(event, context, options).unwrap_or_else(Verdict::Violation)
}

fn judge(
    event: &SyncEvent,
    context: &VerifyContext<'_>,
    options: &VerifyOptions,
) -> Result<Verdict, Violation> {
    if context.previous.is_some_and(|previous| event.rev < previous.rev) {
        return Ok(Verdict::Stale);
    }
    check_rev(event.rev, context, options)?;
    check_size("blocks", event.blocks.len(), options.max_sync_blocks)?;
    let claim = Claim { did: &event.did, rev: event.rev, commit: None };
    let (commit, _) = claim.check(&event.blocks, context)?;
    let state = RepoState { rev: commit.rev, data: commit.data };
    Ok(match context.previous {
        Some(previous) if previous.data != state.data => {
            Verdict::Discontinuous { state, why: Discontinuity::Sync }
        }
        _ => Verdict::Accept(state),
    })
}

/// What a message says about its commit.
pub(super) struct Claim<'a> {
    pub(super) did: &'a Did,
    pub(super) rev: Tid,
    pub(super) commit: Option<Cid>,
}

impl Claim<'_> {
    /// Reads blocks and checks the commit at their root: that it is the claimed one, and
    /// signed by the account.
    pub(super) fn check(
        &self,
        blocks: &Bytes,
        context: &VerifyContext<'_>,
    ) -> Result<(Commit, BlockMap), Violation> {
        if blocks.is_empty() {
            return Err(Violation::BlocksEmpty);
        }
        let (root, blocks) = read(blocks).map_err(Violation::Car)?;
        if let Some(expected) = self.commit.filter(|commit| *commit != root) {
            return Err(Violation::CommitMismatch { expected, found: root });
        }
        let block = blocks.get(&root).ok_or(Violation::CommitMissing { cid: root })?;
        let commit = Commit::decode(block).map_err(Violation::Commit)?;
        if commit.did != *self.did {
            let (expected, found) = (self.did.clone(), commit.did);
            return Err(Violation::DidMismatch { expected, found });
        }
        if commit.rev != self.rev {
            return Err(Violation::RevMismatch { expected: self.rev, found: commit.rev });
        }
        let bad = |fault| Violation::BadSignature { did: commit.did.clone(), fault };
        commit.verify(context.key).map_err(bad)?;
        Ok((commit, blocks))
    }
}

/// The first root and the blocks. Each block may be as long as the whole: records that
/// are too long get a verdict of their own.
fn read(blocks: &Bytes) -> Result<(Cid, BlockMap), CarError> {
    let limits = car::Limits { max_block: blocks.len(), ..Default::default() };
    let (roots, blocks) = car::read_all(blocks.clone(), &limits)?;
    roots.first().map(|root| (*root, blocks)).ok_or(CarError::NoRoots)
}

/// An author can choose any revision. One far ahead would make all later ones stale.
pub(super) fn check_rev(
    rev: Tid,
    context: &VerifyContext<'_>,
    options: &VerifyOptions,
) -> Result<(), Violation> {
    // The top bit of a TID is zero; with it set, the number sorts above every other.
    let ahead = rev.micros() > context.now_micros.saturating_add(options.max_ahead_micros);
    if ahead || rev > Tid::MAX { Err(Violation::RevInFuture { rev }) } else { Ok(()) }
}

pub(super) fn check_size(what: &'static str, found: usize, limit: usize) -> Result<(), Violation> {
    if found > limit { Err(Violation::TooLarge { what, limit, found }) } else { Ok(()) }
}
