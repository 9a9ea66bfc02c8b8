use std::sync::Arc;

use atproto_core::syntax::{Cid, Did};
use atproto_repo::RepoPath;
use futures::FutureExt;
use futures::future::ready;

use crate::state::{Store, Stored};

/// Which records whoever consumes was told of: what a fetched repository is compared with.
///
/// The store of a [`Tracker`](super::Tracker) is one. An index that can say the same takes its
/// place by [`TrackerOptions::known`](super::TrackerOptions::known), so that it is not kept twice:
/// it must have the effect of an event before that is acknowledged.
pub trait KnownRecords: Send + Sync + 'static {
    /// Up to `max` records of an account behind a path, in the order of their paths, which is that
    /// of their bytes. Fewer than `max` are the last.
    ///
    /// # Errors
    /// [`StoreError`](crate::state::StoreError).
    fn known<'a>(
        &'a self,
        did: &'a Did,
        after: Option<&'a RepoPath>,
        max: usize,
    ) -> Stored<'a, Vec<(RepoPath, Cid)>>;
}

/// What the store knows.
pub(super) struct OfStore(pub(super) Arc<dyn Store>);

impl KnownRecords for OfStore {
    fn known<'a>(
        &'a self,
        did: &'a Did,
        after: Option<&'a RepoPath>,
        max: usize,
    ) -> Stored<'a, Vec<(RepoPath, Cid)>> {
        match self.0.tracking() {
            Some(store) => store.known(did, after, max),
            // A tracker does not start on such a store.
            None => ready(Ok(Vec::new())).boxed(),
        }
    }
}
