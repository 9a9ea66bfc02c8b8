use std::collections::BTreeSet;

use atproto_core::syntax::{Cid, Did};
use atproto_repo::RepoPath;

use super::Stored;
use crate::checkpoint::{Due, Wanted};

/// What a [`Store`](super::Store) keeps for a [`Tracker`](crate::tracker::Tracker): which
/// repositories are wanted, which records whoever consumes was told of, and how far lists of
/// repositories were read. All of it but what these methods change comes with
/// [`Checkpoint::tracking`](crate::checkpoint::Checkpoint::tracking).
pub trait TrackingStore: Send + Sync {
    /// Up to `max` known records of an account behind a path, in the order of their paths.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    fn known<'a>(
        &'a self,
        did: &'a Did,
        after: Option<&'a RepoPath>,
        max: usize,
    ) -> Stored<'a, Vec<(RepoPath, Cid)>>;

    /// Wants repositories, and remembers how far a list of them was read, in one step. Where one
    /// is wanted already it is wanted anew: under another token, without delay, at the newer of
    /// the two revisions. With [`Want::Unknown`] those are left alone that have a head, or are
    /// wanted.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    fn want(&self, wanted: Vec<Wanted>, which: Want, read: Option<Listing>) -> Stored<'_, ()>;

    /// Up to `max` wanted repositories whose time has come at `now`, in microseconds of Unix
    /// time, whose hosts are not among `except`, those first that have waited longest.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    fn due(&self, now: i64, max: usize, except: BTreeSet<String>) -> Stored<'_, Vec<Due>>;

    /// Notes for repositories that are still wanted under their token when they are tried again,
    /// and where.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    fn postpone(&self, postponed: Vec<Postponed>) -> Stored<'_, ()>;

    /// The lists of repositories that were begun.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    fn listings(&self) -> Stored<'_, Vec<Listing>>;

    /// How many there are of each kind.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    fn counts(&self) -> Stored<'_, Counts>;
}

/// Which of several repositories [`TrackingStore::want`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// All.
    All,
    /// Those without a head.
    Unknown,
}

/// A list of repositories at some host, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// Which list, as a unique name.
    pub name: String,
    /// Where to read on.
    pub cursor: Option<String>,
    /// Whether it was read to its end.
    pub done: bool,
}

/// A repository that is not fetched now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Postponed {
    /// The account.
    pub did: Did,
    /// The token under which it is wanted.
    pub token: u64,
    /// Times in a row that it could not be fetched.
    pub attempts: u32,
    /// When it is tried again, in microseconds of Unix time.
    pub at: i64,
    /// Where it is.
    pub host: Option<String>,
    /// Why it could not be fetched, in words; `None` if it was not tried.
    pub error: Option<String>,
}

/// How far a [`Tracker`](crate::tracker::Tracker) is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Repositories with a head.
    pub tracked: u64,
    /// Repositories that are to be fetched.
    pub wanted: u64,
    /// Those of them that could not be fetched the last time.
    pub failing: u64,
}

impl Listing {
    /// A list that was read up to here.
    pub fn new(name: impl Into<String>, cursor: Option<String>, done: bool) -> Self {
        Self { name: name.into(), cursor, done }
    }
}

impl Counts {
    /// So many of each.
    pub fn new(tracked: u64, wanted: u64, failing: u64) -> Self {
        Self { tracked, wanted, failing }
    }
}
