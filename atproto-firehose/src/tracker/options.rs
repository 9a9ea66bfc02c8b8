use std::fmt;
use std::sync::Arc;

use atproto_core::identity::{Resolver, safe_client::SafeClient};

use super::pacer::PaceLimits;
use super::{HttpRepoSource, KnownRecords, RepoSource, Scope};
use crate::consumer::ConsumerOptions;

/// How a [`Tracker`](super::Tracker) follows repositories.
#[derive(Clone, Default)]
pub struct TrackerOptions {
    pub(super) scope: Scope,
    pub(super) replace_scope: bool,
    pub(super) consumer: ConsumerOptions,
    pub(super) resolver: Option<Arc<dyn Resolver>>,
    pub(super) source: Option<Arc<dyn RepoSource>>,
    pub(super) known: Option<Arc<dyn KnownRecords>>,
    pub(super) pace: PaceLimits,
    pub(super) relays: Vec<String>,
}

impl TrackerOptions {
    /// Which repositories. Default: all of the network. A state whose scope was
    /// [changed](super::ScopeHandle) goes on with that one; see [`Self::replace_scope`].
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// As [`Self::scope`], and in place of one that is stored.
    #[must_use]
    pub fn replace_scope(mut self, scope: Scope) -> Self {
        self.replace_scope = true;
        self.scope(scope)
    }

    /// Where identities come from: the keys that commits are verified with, and the hosts that
    /// have the repositories. There is no default. Give it one with a cache.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// How the stream is read: limits, spool, partition. Its filter and where it begins are the
    /// tracker's to say, and so is its policy, which is strict unless it says otherwise.
    #[must_use]
    pub fn consumer(mut self, options: ConsumerOptions) -> Self {
        self.consumer = options;
        self
    }

    /// Where repositories come from. Default: [`HttpRepoSource`](super::HttpRepoSource), by a
    /// client that keeps to public addresses.
    #[must_use]
    pub fn source(mut self, source: Arc<dyn RepoSource>) -> Self {
        self.source = Some(source);
        self
    }

    /// As [`Self::source`], from hosts by this client.
    #[must_use]
    pub fn client(self, client: SafeClient) -> Self {
        self.source(Arc::new(HttpRepoSource::new(client)))
    }

    /// Which records exist, from an index of one's own: the state does not remember them then.
    /// Default: the state remembers them.
    #[must_use]
    pub fn known(mut self, known: Arc<dyn KnownRecords>) -> Self {
        self.known = Some(known);
        self
    }

    /// What hosts are asked for.
    #[must_use]
    pub fn pace(mut self, limits: PaceLimits) -> Self {
        self.pace = limits;
        self
    }

    /// Relays, or hosts, that are asked for lists of repositories, in place of the one whose
    /// stream is read.
    #[must_use]
    pub fn relays(mut self, relays: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.relays = relays.into_iter().map(Into::into).collect();
        self
    }
}

impl fmt::Debug for TrackerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackerOptions")
            .field("scope", &self.scope)
            .field("consumer", &self.consumer)
            .field("pace", &self.pace)
            .field("relays", &self.relays)
            .finish_non_exhaustive()
    }
}
