use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use atproto_core::identity::DidDocument;
use atproto_core::syntax::{Cid, Did, Tid};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

/// Where a [`Tracker`](super::Tracker) gets repositories, and lists of them, from. It asks; how
/// often, and what to do when there is no answer, is the tracker's to say.
///
/// [`HttpRepoSource`](super::HttpRepoSource) is the one for the network.
pub trait RepoSource: Send + Sync + 'static {
    /// The archive of a repository, as `com.atproto.sync.getRepo` answers at the account's host.
    /// `document` is the account's.
    fn archive<'a>(&'a self, did: &'a Did, document: &'a DidDocument) -> Asked<'a, Archive>;

    /// The newest revision of a repository, as `com.atproto.sync.getLatestCommit` answers.
    fn latest<'a>(&'a self, did: &'a Did, document: &'a DidDocument) -> Asked<'a, Latest>;

    /// A page of a list, from a cursor on.
    fn list<'a>(&'a self, list: &'a List, cursor: Option<&'a str>) -> Asked<'a, Page>;
}

/// A question on its way.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, SourceError>>;

/// An archive as it comes.
pub type Archive = BoxStream<'static, Result<Bytes, SourceError>>;

/// The newest state of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The commit.
    pub cid: Cid,
    /// Its revision.
    pub rev: Tid,
}

/// Lists of repositories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum List {
    /// `com.atproto.sync.listReposByCollection` at a relay: those with a record in the
    /// collection.
    Collection {
        /// The relay.
        relay: String,
        /// The collection.
        collection: String,
    },
    /// `com.atproto.sync.listRepos`: all of a host, or of a relay's network.
    Repos {
        /// The host.
        host: String,
    },
    /// `com.atproto.sync.listHosts` at a relay: not repositories but the hosts that have them.
    Hosts {
        /// The relay.
        relay: String,
    },
}

/// A page of a [`List`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The repositories.
    pub repos: Vec<ListedRepo>,
    /// The hosts, where hosts were asked for.
    pub hosts: Vec<String>,
    /// Where the next page begins; `None` if this was the last.
    pub cursor: Option<String>,
}

/// A repository in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedRepo {
    /// The account.
    pub did: Did,
    /// The revision, if the list says it.
    pub rev: Option<Tid>,
    /// Whether the list says that it can be fetched.
    pub active: bool,
}

impl ListedRepo {
    /// A repository of that revision.
    pub fn new(did: Did, rev: Option<Tid>, active: bool) -> Self {
        Self { did, rev, active }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The host says that there is no such repository, or that it may not be had: the name of
    /// the error, as `RepoNotFound` or `RepoDeactivated`. It may come back, which the stream
    /// tells.
    #[error("the host does not give it: {0}")]
    Gone(String),
    /// The host was asked too often.
    #[error("the host was asked too often")]
    RateLimited {
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The document of the account names no host.
    #[error("the account has no host")]
    NoHost,
    /// The answer is not what was asked for.
    #[error("the host answers {0}")]
    Answer(String),
    /// The answer is larger than is read.
    #[error("the archive is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It came too slowly.
    #[error("the answer took longer than {0:?}")]
    TooSlow(Duration),
    /// The host cannot be reached, or does not answer.
    #[error("the host cannot be reached: {0}")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
}

impl SourceError {
    /// Wraps what went wrong on the way.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }

    /// Whether it says something of the host, not of the repository.
    pub(crate) fn is_of_host(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable(_) | Self::TooSlow(_))
    }
}
