use std::collections::HashSet;

use atproto_core::{
    data::cbor::{self, Reader},
    syntax::Cid,
};

use super::{
    Discontinuity, InversionError, LegacyPolicy, RepoState, Verdict, VerifyContext, VerifyOptions,
    Violation,
    inversion::check_ops,
    invert,
    state::{Claim, check_rev, check_size},
};
use crate::{
    BlockMap,
    commit::Commit,
    event::{Action, CommitEvent, RepoOp},
    mst::Tree,
};

/// Judges a `#commit` message.
///
/// What is cheap comes first, and the signature before the tree: who cannot sign for the
/// account gets no work done.
pub fn verify_commit(
    event: &CommitEvent,
    context: &VerifyContext<'_>,
    options: &VerifyOptions,
) -> Verdict {
    judge(event, context, options).unwrap_or_else(Verdict::Violation)
}

fn judge(
    event: &CommitEvent,
    context: &VerifyContext<'_>,
    options: &VerifyOptions,
) -> Result<Verdict, Violation> {
    if context.previous.is_some_and(|previous| event.rev <= previous.rev) {
        return Ok(Verdict::Stale);
    }
    check_envelope(event, context, options)?;
    let claim = Claim { did: &event.repo, rev: event.rev, commit: Some(event.commit) };
    let (commit, blocks) = claim.check(&event.blocks, context)?;
    let before = check_tree(event, &commit, &blocks, options)?;
    for op in &event.ops {
        check_record(op, &blocks, options)?;
    }

    let state = RepoState { rev: commit.rev, data: commit.data };
    let why = context.previous.and_then(|previous| discontinuity(event, previous, before, options));
    Ok(match why {
        Some(why) => Verdict::Discontinuous { state, why },
        None => Verdict::Accept(state),
    })
}

fn check_envelope(
    event: &CommitEvent,
    context: &VerifyContext<'_>,
    options: &VerifyOptions,
) -> Result<(), Violation> {
    // Deprecated and ignored, but for the old form of such messages, which says nothing else.
    if event.too_big && event.blocks.is_empty() {
        return Err(Violation::TooBig);
    }
    if event.rebase {
        return Err(Violation::Rebase);
    }
    check_size("blocks", event.blocks.len(), options.max_commit_blocks)?;
    check_size("ops", event.ops.len(), options.max_ops)?;
    check_rev(event.rev, context, options)?;
    if let Some(since) = event.since.filter(|since| *since >= event.rev) {
        return Err(Violation::SinceNotBefore { since, rev: event.rev });
    }
    let mut paths = HashSet::with_capacity(event.ops.len());
    for op in &event.ops {
        check_form(op, options)?;
        if !paths.insert(&op.path) {
            return Err(Violation::DuplicatePath { path: op.path.clone() });
        }
    }
    Ok(())
}

fn check_form(op: &RepoOp, options: &VerifyOptions) -> Result<(), Violation> {
    match (op.action, &op.cid, &op.prev) {
        (Action::Create, Some(_), None)
        | (Action::Update, Some(_), Some(_))
        | (Action::Delete, None, Some(_)) => Ok(()),
        (Action::Update, Some(_), None) | (Action::Delete, None, None) => match options.legacy {
            LegacyPolicy::Reject => Err(Violation::PrevMissing { path: op.path.clone() }),
            LegacyPolicy::CheckOps => Ok(()),
        },
        _ => Err(Violation::OpForm { path: op.path.clone() }),
    }
}

fn check_record(
    RepoOp { path, cid, .. }: &RepoOp,
    blocks: &BlockMap,
    options: &VerifyOptions,
) -> Result<(), Violation> {
    let Some(cid) = cid else { return Ok(()) };
    let Some(record) = blocks.get(cid) else {
        return Err(Violation::RecordMissing { path: path.clone(), cid: *cid });
    };
    check_size("record", record.len(), options.max_record)?;
    if options.check_records {
        let is_map = |record| Reader::new(record).map_len().map(drop);
        cbor::check(record)
            .and_then(|()| is_map(record))
            .map_err(|fault| Violation::RecordInvalid { path: path.clone(), fault })?;
    }
    Ok(())
}

/// Holds the operations against the tree, and returns the root before them as far as it
/// is proven.
fn check_tree(
    event: &CommitEvent,
    commit: &Commit,
    blocks: &BlockMap,
    options: &VerifyOptions,
) -> Result<Option<Cid>, Violation> {
    let expected = match (event.prev_data, event.since) {
        (Some(prev_data), _) => prev_data,
        // The first commit has nothing before it, and can be held to that.
        (None, None) => Tree::empty_root(),
        (None, Some(_)) => match options.legacy {
            LegacyPolicy::Reject => return Err(Violation::PrevDataMissing),
            LegacyPolicy::CheckOps => {
                check_ops(
                    &mut Tree::load(commit.data).with_limits(options.tree),
                    &event.ops,
                    blocks,
                )?;
                return Ok(None);
            }
        },
    };
    match invert(&commit.data, &event.ops, blocks, &options.tree) {
        Ok(found) if found == expected => Ok(Some(found)),
        Ok(found) => Err(Violation::PrevDataMismatch { expected, found }),
        // Under the strict policy the form was checked before.
        Err(InversionError::OpForm { .. }) if options.legacy == LegacyPolicy::CheckOps => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn discontinuity(
    event: &CommitEvent,
    previous: &RepoState,
    before: Option<Cid>,
    options: &VerifyOptions,
) -> Option<Discontinuity> {
    let since = (event.since != Some(previous.rev))
        .then_some(Discontinuity::Since { known: previous.rev, found: event.since });
    match before {
        Some(found) if found == previous.data => since.filter(|_| options.check_since),
        Some(found) => {
            let why = Discontinuity::PrevData { known: previous.data, found };
            Some(since.unwrap_or(why))
        }
        // A legacy commit that was let through says nothing about the tree before.
        None => since,
    }
}
