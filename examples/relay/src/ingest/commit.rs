//! #commit and #sync: what has a signature.

use atproto_firehose::verify::Rejection;
use atproto_repo::event::{CommitEvent, Event, SyncEvent};
use atproto_repo::sync::Violation;

use super::{Decision, Judgement, Refusal};
use crate::change::{Effect, Repo, root_commit};

/// What a commit that was verified leads to.
pub(super) fn commit(event: CommitEvent) -> Judgement {
    // Cannot fail for what was verified.
    let missing = |_| rejected(Violation::CommitMissing { cid: event.commit });
    let effect = Effect::of_commit(&event).map_err(missing)?;
    Ok(Decision::Forward(Box::new(Event::Commit(event)), effect))
}

/// What a state that was verified leads to.
pub(super) fn sync(event: SyncEvent) -> Judgement {
    // Cannot fail for what was verified.
    let missing = |_| rejected(Violation::BlocksEmpty);
    let (head, commit) = root_commit(&event.blocks).map_err(missing)?;
    let effect = Effect::of_state(Repo { rev: commit.rev, data: commit.data, head });
    Ok(Decision::Forward(Box::new(Event::Sync(event)), effect))
}

fn rejected(violation: Violation) -> Refusal {
    Refusal::Rejected(Rejection::Violation(violation))
}
