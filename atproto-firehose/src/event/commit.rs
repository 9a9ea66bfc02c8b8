use std::sync::{Arc, OnceLock};

use atproto_core::syntax::{Did, Tid};
use atproto_repo::car;
use atproto_repo::event::{CommitEvent, RepoOp};

use super::Change;

/// Changes of one repository that belong together: a commit, verified where the
/// upstream has signatures, or the difference found when the repository was fetched.
#[derive(Clone, Debug)]
pub struct Commit(Form);

/// Where a [`Commit`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The stream: it has just happened, or did when the stream had it.
    Stream,
    /// The repository was fetched: these are the differences from what was told of it before.
    Resync,
    /// The repository was fetched to tell all of it once more.
    Replay,
}

#[derive(Clone, Debug)]
enum Form {
    Message(Box<Message>),
    Changes(Arc<Changes>),
}

#[derive(Clone, Debug)]
struct Message {
    event: CommitEvent,
    /// Read when they are asked for.
    changes: OnceLock<Vec<Change>>,
}

#[derive(Debug)]
struct Changes {
    did: Did,
    rev: Tid,
    seq: Option<i64>,
    origin: Origin,
    changes: Vec<Change>,
}

impl Commit {
    pub(crate) fn of_message(message: CommitEvent) -> Self {
        Self(Form::Message(Box::new(Message { event: message, changes: OnceLock::new() })))
    }

    /// Changes that are not from a `#commit`. `rev` is the revision of the repository that they
    /// lead to, `seq` the position in the stream, if it has one.
    pub fn of_changes(
        did: Did,
        rev: Tid,
        seq: Option<i64>,
        origin: Origin,
        changes: Vec<Change>,
    ) -> Self {
        Self(Form::Changes(Arc::new(Changes { did, rev, seq, origin, changes })))
    }

    /// The account.
    pub fn did(&self) -> &Did {
        match &self.0 {
            Form::Message(message) => &message.event.repo,
            Form::Changes(changes) => &changes.did,
        }
    }

    /// The revision of the repository that the changes lead to.
    pub fn rev(&self) -> Tid {
        match &self.0 {
            Form::Message(message) => message.event.rev,
            Form::Changes(changes) => changes.rev,
        }
    }

    /// The position in the stream; `None` if it is not from there.
    pub fn seq(&self) -> Option<i64> {
        match &self.0 {
            Form::Message(message) => Some(message.event.seq),
            Form::Changes(changes) => changes.seq,
        }
    }

    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        match &self.0 {
            Form::Message(_) => Origin::Stream,
            Form::Changes(changes) => changes.origin,
        }
    }

    /// The message as it came, if it was a `#commit` of `subscribeRepos`.
    pub fn message(&self) -> Option<&CommitEvent> {
        match &self.0 {
            Form::Message(message) => Some(&message.event),
            Form::Changes(_) => None,
        }
    }

    /// What changed, with the records: in the order of the message, or of the paths where
    /// the repository was fetched.
    pub fn changes(&self) -> &[Change] {
        match &self.0 {
            Form::Message(message) => message.changes.get_or_init(|| changes_of(&message.event)),
            Form::Changes(changes) => &changes.changes,
        }
    }
}

fn changes_of(message: &CommitEvent) -> Vec<Change> {
    let limits = car::Limits::default();
    // Verification has read the same archive; without it an unreadable one
    // has no records.
    let blocks = car::read_all(message.blocks.clone(), &limits).ok().map(|(_, blocks)| blocks);
    let change = |op: &RepoOp| Change {
        action: op.action,
        path: op.path.clone(),
        cid: op.cid,
        record: op.cid.as_ref().and_then(|cid| blocks.as_ref()?.get(cid)).cloned(),
    };
    message.ops.iter().map(change).collect()
}
