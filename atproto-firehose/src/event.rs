//! What a consumer delivers.

mod change;
mod commit;
mod labels;
mod record_set;

use atproto_core::syntax::Did;
use atproto_repo::event::{AccountEvent, Event as Message, IdentityEvent, InfoEvent, SyncEvent};
use atproto_repo::sync::Discontinuity;

pub use change::Change;
pub use commit::{Commit, Origin};
pub use labels::{Labels, Refused};
pub use record_set::{Decoded, RecordSet};

/// One thing that a consumer has to deal with.
///
/// Matching is exhaustive on purpose: accounts that go away and gaps matter to
/// whoever keeps a copy.
#[derive(Clone, Debug)]
pub enum Event {
    /// A repository changed.
    Commit(Commit),
    /// A repository is in this state, without the way to it: what was copied
    /// of it before is to be compared or fetched again.
    Sync(SyncEvent),
    /// Something about an identity may have changed.
    Identity(IdentityEvent),
    /// The hosting status of an account.
    Account(AccountEvent),
    /// What a labeler says. It comes from
    /// [labelers](crate::consumer::Consumer::open_labels) alone, and nothing else but gaps does.
    Labels(Labels),
    /// Something is missing.
    Gap(Gap),
}

/// Something that is missing from the stream, or from what can be said about a
/// repository. It is acknowledged like any other event; until then the cursor
/// stays before it, so that a crash does not swallow it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Gap {
    /// The upstream no longer has all events after this cursor. Events of before it can come
    /// after this, where an account waits: what is fetched because of it is newer than they are.
    OutdatedCursor {
        /// The cursor that was asked for.
        cursor: i64,
    },
    /// A repository does not follow what was known of it: events were missed,
    /// by us or by the upstream. Fetch it again.
    Repo {
        /// The account.
        did: Did,
        /// What shows it.
        why: RepoGap,
        /// The commit that does not follow, true by itself. `None` if it was
        /// no valid commit.
        commit: Option<Box<Commit>>,
    },
    /// Sequence numbers went ahead much further than events can have.
    SeqJump {
        /// The last before.
        from: i64,
        /// The first after.
        to: i64,
    },
    /// The upstream does not know the cursor yet: it has lost events, or is
    /// another one. Somebody has to decide where to continue: the consumer stops,
    /// unless [told otherwise](crate::intake::GapPolicies).
    FutureCursor {
        /// The cursor that was asked for.
        cursor: Option<i64>,
        /// An explanation for people.
        message: Option<String>,
    },
    /// The upstream hung up because the consumer did not read fast enough. It
    /// connects again and continues; nothing is missing while the upstream keeps
    /// what comes after the cursor.
    ConsumerTooSlow {
        /// An explanation for people.
        message: Option<String>,
    },
    /// The upstream counts anew, below the cursor. Somebody has to decide where
    /// to continue: the consumer stops, unless
    /// [told otherwise](crate::intake::GapPolicies).
    SeqReset {
        /// The cursor that was asked for.
        cursor: i64,
        /// What came.
        found: i64,
    },
    /// The upstream ended the stream with another error. The consumer connects
    /// again and continues.
    Upstream {
        /// The name.
        name: String,
        /// An explanation for people.
        message: Option<String>,
    },
}

impl Gap {
    /// A short constant name, for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::OutdatedCursor { .. } => "outdated_cursor",
            Self::FutureCursor { .. } => "future_cursor",
            Self::ConsumerTooSlow { .. } => "consumer_too_slow",
            Self::Repo { .. } => "repo",
            Self::SeqJump { .. } => "seq_jump",
            Self::SeqReset { .. } => "seq_reset",
            Self::Upstream { .. } => "upstream",
        }
    }

    /// Whether events of any account may be missing.
    pub(crate) fn is_of_any_account(&self) -> bool {
        match self {
            Self::OutdatedCursor { .. } | Self::SeqJump { .. } => true,
            // Nothing is missing, or a new beginning follows, which counts by itself.
            Self::FutureCursor { .. } | Self::ConsumerTooSlow { .. } | Self::SeqReset { .. } => {
                false
            }
            Self::Repo { .. } | Self::Upstream { .. } => false,
        }
    }
}

/// Why a repository has to be fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepoGap {
    /// A true commit does not follow the known state.
    Discontinuous(Discontinuity),
    /// A message was rejected whose content is therefore missing. The label is
    /// that of the violation.
    Violation(&'static str),
    /// The account was inactive before events were missed, and speaks again: that it came back
    /// must have been among them. Look at its status too.
    Returned,
}

impl Event {
    /// The account it is about, if it is about one.
    pub fn did(&self) -> Option<&Did> {
        match self {
            Self::Commit(commit) => Some(commit.did()),
            Self::Sync(sync) => Some(&sync.did),
            Self::Identity(identity) => Some(&identity.did),
            Self::Account(account) => Some(&account.did),
            Self::Gap(Gap::Repo { did, .. }) => Some(did),
            Self::Labels(_) | Self::Gap(_) => None,
        }
    }

    /// The position in the stream, if it has one of its own.
    pub fn seq(&self) -> Option<i64> {
        match self {
            Self::Commit(commit) => commit.seq(),
            Self::Sync(sync) => Some(sync.seq),
            Self::Identity(identity) => Some(identity.seq),
            Self::Account(account) => Some(account.seq),
            Self::Labels(labels) => Some(labels.seq),
            Self::Gap(Gap::Repo { commit, .. }) => commit.as_ref().and_then(|commit| commit.seq()),
            Self::Gap(_) => None,
        }
    }
}

/// A message as it is delivered: news about the stream itself are not. Nothing is verified here.
impl TryFrom<Message> for Event {
    type Error = InfoEvent;

    fn try_from(message: Message) -> Result<Self, InfoEvent> {
        Ok(match message {
            Message::Commit(commit) => Self::Commit(Commit::of_message(commit)),
            Message::Sync(sync) => Self::Sync(sync),
            Message::Identity(identity) => Self::Identity(identity),
            Message::Account(account) => Self::Account(account),
            Message::Info(info) => return Err(info),
        })
    }
}
