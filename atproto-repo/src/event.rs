//! The messages of `com.atproto.sync.subscribeRepos`: what happened in which repository.
//!
//! ```
//! use atproto_core::syntax::Did;
//! use atproto_repo::event::{AccountEvent, Event};
//!
//! let event = Event::from(AccountEvent {
//!     seq: 7,
//!     did: Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?,
//!     time: "2026-01-01T00:00:00.000Z".to_owned(),
//!     active: false,
//!     status: Some("deactivated".to_owned()),
//! });
//! let frame = event.encode();
//! assert_eq!(Event::decode(frame)?, event);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Decoding goes by hand, because this is the hottest path of every consumer: blocks stay
//! in the frame's buffer. Fields that are not known are checked and passed over.
//!
//! See the [specification](https://atproto.com/specs/sync#firehose).

mod decode;
mod encode;
mod error;

pub use error::{EventError, FieldFault};

use std::fmt;

use atproto_core::syntax::{Cid, Did, Handle, Tid};
use bytes::Bytes;

use crate::{RepoPath, car, commit::Commit, repo::AppliedCommit};

/// One message of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A repository changed.
    Commit(CommitEvent),
    /// A repository is now in this state, without saying how it got there.
    Sync(SyncEvent),
    /// Something about an identity may have changed: resolve it again.
    Identity(IdentityEvent),
    /// The hosting status of an account.
    Account(AccountEvent),
    /// Something about the stream itself.
    Info(InfoEvent),
}

/// A commit, and the part of the repository that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitEvent {
    /// The position in the stream.
    pub seq: i64,
    /// The account.
    pub repo: Did,
    /// The commit.
    pub commit: Cid,
    /// The revision of the commit.
    pub rev: Tid,
    /// The revision before, or `None` for the first commit.
    pub since: Option<Tid>,
    /// The root of the tree before; `None` for the first commit, and in messages that
    /// cannot be proven.
    pub prev_data: Option<Cid>,
    /// An archive: the commit, new nodes, new records, and the nodes that prove the
    /// operations.
    pub blocks: Bytes,
    /// What changed.
    pub ops: Vec<RepoOp>,
    /// When the message was made, informally.
    pub time: String,
    /// Deprecated: that the blocks were left out. Never set by hosts of today.
    pub too_big: bool,
    /// Deprecated: that the history was rewritten. Never set by hosts of today.
    pub rebase: bool,
}

/// One record that a commit created, updated or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoOp {
    /// What was done.
    pub action: Action,
    /// Where the record is.
    pub path: RepoPath,
    /// The record now; `None` if it was deleted.
    pub cid: Option<Cid>,
    /// The record before; `None` if it was created, and in messages that cannot be proven.
    pub prev: Option<Cid>,
}

/// What an operation does to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The path had no record.
    Create,
    /// The record is another one now.
    Update,
    /// The path has no record any more.
    Delete,
}

/// The state of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncEvent {
    /// The position in the stream.
    pub seq: i64,
    /// The account.
    pub did: Did,
    /// The revision of the commit.
    pub rev: Tid,
    /// An archive of just the commit.
    pub blocks: Bytes,
    /// When the message was made, informally.
    pub time: String,
}

/// A change of identity, which may be none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityEvent {
    /// The position in the stream.
    pub seq: i64,
    /// The account.
    pub did: Did,
    /// When the message was made, informally.
    pub time: String,
    /// The handle as the host sees it, not proven by anything.
    pub handle: Option<Handle>,
}

/// The hosting status of an account at the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEvent {
    /// The position in the stream.
    pub seq: i64,
    /// The account.
    pub did: Did,
    /// When the message was made, informally.
    pub time: String,
    /// Whether the repository is there and may be shown. This decides.
    pub active: bool,
    /// Why it is not: `takendown`, `suspended`, `deleted`, `deactivated`, or a word of
    /// tomorrow.
    pub status: Option<String>,
}

/// News about the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfoEvent {
    /// The name, such as `OutdatedCursor`.
    pub name: String,
    /// An explanation for people.
    pub message: Option<String>,
}

impl Event {
    /// Decodes a frame. Blocks share its memory.
    pub fn decode(frame: impl Into<Bytes>) -> Result<Self, EventError> {
        decode::event(&frame.into())
    }

    /// The whole frame.
    pub fn encode(&self) -> Vec<u8> {
        encode::event(self)
    }

    /// The name of the message with its `#`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Commit(_) => "#commit",
            Self::Sync(_) => "#sync",
            Self::Identity(_) => "#identity",
            Self::Account(_) => "#account",
            Self::Info(_) => "#info",
        }
    }

    /// The account it is about, if it is about one.
    pub fn did(&self) -> Option<&Did> {
        match self {
            Self::Commit(CommitEvent { repo: did, .. })
            | Self::Sync(SyncEvent { did, .. })
            | Self::Identity(IdentityEvent { did, .. })
            | Self::Account(AccountEvent { did, .. }) => Some(did),
            Self::Info(_) => None,
        }
    }

    /// The position in the stream, if it has one.
    pub fn seq(&self) -> Option<i64> {
        match self {
            Self::Commit(CommitEvent { seq, .. })
            | Self::Sync(SyncEvent { seq, .. })
            | Self::Identity(IdentityEvent { seq, .. })
            | Self::Account(AccountEvent { seq, .. }) => Some(*seq),
            Self::Info(_) => None,
        }
    }

    /// When it happened, as whoever made the message says.
    pub fn time(&self) -> Option<&str> {
        match self {
            Self::Commit(CommitEvent { time, .. })
            | Self::Sync(SyncEvent { time, .. })
            | Self::Identity(IdentityEvent { time, .. })
            | Self::Account(AccountEvent { time, .. }) => Some(time),
            Self::Info(_) => None,
        }
    }

    /// The same message at another position; does nothing to one that has none.
    pub fn with_seq(mut self, new: i64) -> Self {
        match &mut self {
            Self::Commit(CommitEvent { seq, .. })
            | Self::Sync(SyncEvent { seq, .. })
            | Self::Identity(IdentityEvent { seq, .. })
            | Self::Account(AccountEvent { seq, .. }) => *seq = new,
            Self::Info(_) => {}
        }
        self
    }
}

impl CommitEvent {
    /// The message about a commit that was made, without a position yet.
    pub fn new(did: Did, applied: &AppliedCommit, time: impl Into<String>) -> Self {
        Self {
            seq: 0,
            repo: did,
            commit: applied.head.commit,
            rev: applied.head.rev,
            since: applied.since,
            prev_data: applied.prev_data,
            blocks: applied.car.clone(),
            ops: applied.ops.clone(),
            time: time.into(),
            too_big: false,
            rebase: false,
        }
    }
}

impl SyncEvent {
    /// The message about a state, without a position yet. `blocks` is an archive of the
    /// commit.
    pub fn new(did: Did, blocks: Bytes, rev: Tid, time: impl Into<String>) -> Self {
        Self { seq: 0, did, rev, blocks, time: time.into() }
    }

    /// The message that the repository is at that commit, without a position yet.
    pub fn of_commit(commit: &Commit, time: impl Into<String>) -> Self {
        let block = commit.encode();
        let cid = Cid::dag_cbor(&block);
        let blocks = car::write(&cid, [(&cid, &block)]).into();
        Self::new(commit.did.clone(), blocks, commit.rev, time)
    }
}

impl IdentityEvent {
    /// The message that an identity may have changed, without a position yet.
    pub fn new(did: Did, handle: Option<Handle>, time: impl Into<String>) -> Self {
        Self { seq: 0, did, time: time.into(), handle }
    }
}

impl AccountEvent {
    /// The message about an account's status, without a position yet. An account with a
    /// status is not active.
    pub fn new(did: Did, status: Option<&str>, time: impl Into<String>) -> Self {
        let (active, status) = (status.is_none(), status.map(str::to_owned));
        Self { seq: 0, did, time: time.into(), active, status }
    }
}

impl RepoOp {
    /// A record that was created.
    pub fn create(path: RepoPath, cid: Cid) -> Self {
        Self { action: Action::Create, path, cid: Some(cid), prev: None }
    }

    /// A record that took the place of another.
    pub fn update(path: RepoPath, cid: Cid, prev: Cid) -> Self {
        Self { action: Action::Update, path, cid: Some(cid), prev: Some(prev) }
    }

    /// A record that was deleted.
    pub fn delete(path: RepoPath, prev: Cid) -> Self {
        Self { action: Action::Delete, path, cid: None, prev: Some(prev) }
    }
}

impl Action {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! from_message {
    ($($variant:ident($message:ident)),+) => {$(
        impl From<$message> for Event {
            fn from(message: $message) -> Self {
                Self::$variant(message)
            }
        }
    )+};
}

from_message!(
    Commit(CommitEvent),
    Sync(SyncEvent),
    Identity(IdentityEvent),
    Account(AccountEvent),
    Info(InfoEvent)
);
