//! Jetstream: the network's events as plain JSON, one for each record.
//!
//! A Jetstream server reads the firehose, takes it apart and sends what its readers ask for:
//!
//! ```text
//! {"did":"did:plc:…","time_us":1779719009132431,"kind":"commit","commit":{
//!     "rev":"3mmoojp7vgo2g","operation":"create","collection":"app.bsky.feed.like",
//!     "rkey":"3mmoojp7etg2g","record":{…},"cid":"bafyrei…"}}
//! ```
//! It is small and easy to read, and nothing in it proves anything: the reader believes the
//! server. Positions are times of the server's (`time_us`, Unix microseconds); the events of one
//! commit follow each other.
//!
//! [`JetstreamEvent::parse`] reads the first version of the form, [`JetstreamEvent::to_json`]
//! writes it byte for byte as the public servers do, and [`JetstreamEvent::of`] makes it from
//! what a [`Consumer`](crate::consumer::Consumer) delivers. Servers compress with a dictionary
//! that both sides know: `Dictionary` (feature `zstd`). `server` (feature `jetstream-server`)
//! serves what is published, and `archive` (feature `zstd`) reads the files of the second version.

#[cfg(feature = "zstd")]
pub mod archive;
#[cfg(feature = "zstd")]
mod dictionary;
mod read;
#[cfg(feature = "jetstream-server")]
pub mod server;
mod write;

use atproto_core::{
    data::{CborError, JsonError, Value, cbor},
    syntax::{Cid, Did, SyntaxError, Tid},
};
use atproto_repo::{
    RepoPath,
    event::{AccountEvent, Action, IdentityEvent},
};

use crate::event::{Change, Event};

#[cfg(feature = "zstd")]
pub use dictionary::{Dictionary, DictionaryError};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct JetstreamEvent {
    /// The account.
    pub did: Did,
    /// When the server saw it, in Unix microseconds: its position in the stream.
    pub time_us: i64,
    /// What happened.
    pub content: JetstreamContent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JetstreamContent {
    /// A record was written or deleted.
    Commit(JetstreamCommit),
    /// Something about the identity may have changed.
    Identity(IdentityEvent),
    /// The hosting status of the account.
    Account(AccountEvent),
}

/// A record that a commit created, updated or deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct JetstreamCommit {
    /// The revision of the repository.
    pub rev: Tid,
    /// Where the record is.
    pub path: RepoPath,
    /// What was done.
    pub operation: JetstreamOperation,
}

/// What was done to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum JetstreamOperation {
    /// The path had no record.
    Create(JetstreamRecord),
    /// The record is another one now.
    Update(JetstreamRecord),
    /// The path has no record any more.
    Delete,
}

/// A record as a server sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct JetstreamRecord {
    /// Its CID, which the JSON need not have: JSON has lost what it was computed from.
    pub cid: Cid,
    /// Its content.
    pub value: Value,
}

/// Why something is no Jetstream event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JetstreamError {
    /// A field is missing, or of another type.
    #[error("field {0} is missing or of another type")]
    Field(&'static str),
    /// It is not JSON, or not of the data model.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The kind or the operation is not known. If a server counts on, so can the reader.
    #[error("an event of unknown kind {kind:?}")]
    Kind {
        /// The word.
        kind: String,
        /// The event's position.
        time_us: i64,
    },
    /// A commit came without one of its records, which happens where it is not verified.
    #[error("the record {0} is missing")]
    MissingRecord(Cid),
    /// A record is not of the data model.
    #[error("the record {cid} cannot be read")]
    Record {
        /// Its CID.
        cid: Cid,
        /// What is wrong with it.
        #[source]
        source: CborError,
    },
    /// An identifier is not one.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The event is too large to be sent.
    #[error("an event of {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its length as JSON.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl JetstreamEvent {
    /// The events that one of the firehose becomes: one for each record of a commit, one for an
    /// identity or an account. States without a way to them (`#sync`) and gaps have no form
    /// here.
    pub fn of(event: &Event, time_us: i64) -> Vec<Result<Self, JetstreamError>> {
        let Some(did) = event.did().cloned() else { return Vec::new() };
        let one = |content| Self { did: did.clone(), time_us, content };
        match event {
            Event::Commit(commit) => {
                let rev = commit.rev();
                let changes = commit.changes().iter().cloned();
                let content = |change| commit_of(change, rev).map(JetstreamContent::Commit);
                changes.map(|change| content(change).map(one)).collect()
            }
            Event::Identity(identity) => {
                vec![Ok(one(JetstreamContent::Identity(identity.clone())))]
            }
            Event::Account(account) => vec![Ok(one(JetstreamContent::Account(account.clone())))],
            Event::Sync(_) | Event::Labels(_) | Event::Gap(_) => Vec::new(),
        }
    }
}

impl JetstreamOperation {
    /// What kind of change it is.
    pub fn action(&self) -> Action {
        match self {
            Self::Create(_) => Action::Create,
            Self::Update(_) => Action::Update,
            Self::Delete => Action::Delete,
        }
    }

    /// The record, unless it was deleted.
    pub fn record(&self) -> Option<&JetstreamRecord> {
        match self {
            Self::Create(record) | Self::Update(record) => Some(record),
            Self::Delete => None,
        }
    }
}

fn commit_of(change: Change, rev: Tid) -> Result<JetstreamCommit, JetstreamError> {
    let operation = match (change.action, change.cid) {
        (Action::Delete, _) => JetstreamOperation::Delete,
        (_, None) => return Err(JetstreamError::Field("cid")),
        (action, Some(cid)) => {
            let bytes = change.record.ok_or(JetstreamError::MissingRecord(cid))?;
            let value = cbor::decode(&bytes);
            let value = value.map_err(|source| JetstreamError::Record { cid, source })?;
            let record = JetstreamRecord { cid, value };
            match action {
                Action::Create => JetstreamOperation::Create(record),
                _ => JetstreamOperation::Update(record),
            }
        }
    };
    Ok(JetstreamCommit { rev, path: change.path, operation })
}

/// Collections that a reader may name, patterns included; as the public servers document it.
pub const MAX_COLLECTIONS: usize = 100;

/// Accounts that a reader may name; as the public servers document it.
pub const MAX_DIDS: usize = 10_000;
