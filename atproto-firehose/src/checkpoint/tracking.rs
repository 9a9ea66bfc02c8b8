use std::borrow::Cow;

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_repo::RepoPath;

use crate::intake::EntryId;

/// What changed in the memory of a [`Tracker`](crate::tracker::Tracker), beside the heads:
/// empty for other consumers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackingDelta {
    /// Which records whoever consumes has been told of: each in place of what was stored for its
    /// path, in this order.
    pub known: Vec<Known>,
    /// Repositories that are to be fetched.
    pub wanted: Vec<Wanted>,
    /// Repositories that were fetched and told of, each with the [token](Due::token) it was
    /// wanted under: they are no longer wanted, unless that token has changed.
    pub fetched: Vec<(Did, u64)>,
    /// Every repository with a head is wanted, because events were lost: for the reason
    /// [`GAP`].
    pub all_wanted: bool,
    /// The entries that `known` is of.
    pub(crate) entries: Vec<EntryId>,
}

/// What is known of an account's records now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Known {
    /// A record is another one, or there is none any more.
    Record {
        /// The account.
        did: Did,
        /// Where it is.
        path: RepoPath,
        /// The record; `None` if there is none.
        cid: Option<Cid>,
    },
    /// The account is gone, with all its records.
    Nothing {
        /// The account.
        did: Did,
    },
}

/// A repository that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// The account.
    pub did: Did,
    /// A revision that the stream has told of: what is fetched must not be older.
    pub rev: Option<Tid>,
    /// Why, as a short constant name.
    pub reason: Cow<'static, str>,
    /// The host that named it, if it was found there.
    pub host: Option<String>,
}

/// A repository whose turn it is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// What is wanted.
    pub wanted: Wanted,
    /// Another one whenever it is wanted again before it was fetched.
    pub token: u64,
    /// Times in a row that it could not be fetched.
    pub attempts: u32,
}

impl TrackingDelta {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        let Self { known, wanted, fetched, all_wanted, entries: _ } = self;
        known.is_empty() && wanted.is_empty() && fetched.is_empty() && !all_wanted
    }

    pub(super) fn merge(&mut self, later: &Self) {
        self.known.extend_from_slice(&later.known);
        self.wanted.extend_from_slice(&later.wanted);
        self.fetched.extend_from_slice(&later.fetched);
        self.all_wanted |= later.all_wanted;
    }
}

impl Known {
    /// The account.
    pub fn did(&self) -> &Did {
        match self {
            Self::Record { did, .. } | Self::Nothing { did } => did,
        }
    }
}

impl Wanted {
    /// A repository that is wanted for a reason.
    pub fn new(did: Did, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { did, rev: None, reason: reason.into(), host: None }
    }

    /// Not older than this revision.
    #[must_use]
    pub fn rev(mut self, rev: Option<Tid>) -> Self {
        self.rev = rev;
        self
    }

    /// Found at this host.
    #[must_use]
    pub fn host(mut self, host: Option<String>) -> Self {
        self.host = host;
        self
    }
}

impl Due {
    /// A repository as it was stored.
    pub fn new(wanted: Wanted, token: u64, attempts: u32) -> Self {
        Self { wanted, token, attempts }
    }
}

/// The reason for which repositories are looked at after a gap in the stream. Those whose
/// revision is the one that is known need not be fetched.
pub const GAP: &str = "gap";
