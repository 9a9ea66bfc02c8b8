//! The events that tell the outside of changes. Their sequence numbers come later.

use atproto_core::syntax::{Datetime, Did, Handle};
use atproto_repo::{
    commit::Commit,
    event::{AccountEvent, Event, IdentityEvent, SyncEvent},
    repo::AppliedCommit,
};

use super::outbox::PLACEHOLDER;
use crate::accounts::Status;

/// `#commit`: what a commit changed, with the proof. A commit that is too large for one is
/// told of by `#sync`.
pub fn commit(applied: &AppliedCommit) -> Event {
    applied.to_event(PLACEHOLDER, now())
}

/// `#sync`: the state of a repository without any history.
pub fn sync(commit: &Commit) -> Event {
    Event::Sync(SyncEvent::of_commit(commit, now())).with_seq(PLACEHOLDER)
}

/// `#identity`: look again who this is.
pub fn identity(did: &Did, handle: Option<Handle>) -> Event {
    Event::Identity(IdentityEvent { seq: PLACEHOLDER, did: did.clone(), time: now(), handle })
}

/// `#account`: whether an account is active here.
pub fn account(did: &Did, status: Status) -> Event {
    Event::Account(AccountEvent {
        seq: PLACEHOLDER,
        did: did.clone(),
        time: now(),
        active: status == Status::Active,
        status: status.event_status().map(ToOwned::to_owned),
    })
}

fn now() -> String {
    Datetime::now().as_str().to_owned()
}
