//! Following repositories: what they hold, and then every change, behind one stream.
//!
//! Live events are half of the truth. A [`Tracker`] reads the stream as a
//! [`Consumer`] does, and fetches repositories whenever the stream alone
//! cannot say what is in them: those that came before it, those of which it missed something,
//! those that moved. Of each it knows which records it has told of, so that a fetch becomes the
//! difference: creates, updates *and deletes*, as [commits](crate::event::Commit) whose
//! [origin](crate::event::Commit::origin) says so. They come in the account's order with its
//! live events, are acknowledged as those are, and what is known of the repository is stored in
//! one step with that.
//!
//! ```text
//! stream   ──#commit──▶ follows what is known? ──yes──▶ told
//!                          │ no: wanted, with the revision
//!                          ▼
//! hosts    ──archive──▶ verified ▶ compared with what was told ▶ told ▶ the stream goes on
//! ```
//!
//! - A repository that is *wanted* is remembered until it was fetched and what it held was
//!   settled; a crash in between fetches it again, and tells what was not acknowledged.
//! - While one waits to be fetched its commits are passed over: they will be in what is fetched,
//!   which must not be older. While it is fetched they wait in the store.
//! - Each host is asked no more often than it wants, in turn with the others. A repository that
//!   cannot be fetched is tried again, less and less often, and holds up nobody.
//! - What it has told of is stored with the acknowledgements, at most
//!   [`flush_interval`](crate::consumer::ConsumerOptions::flush_interval) after them. Of a record
//!   that was told of in that time before a crash, and is deleted before its repository is fetched
//!   again, no deletion is told. [Batches](Tracker::next_batch) have no such time: there it is
//!   stored with the effects.
//! - Where events of the stream were lost, every repository that is followed is looked at, and
//!   those that have changed are fetched.

mod diff;
mod discover;
mod fetch;
mod http;
mod known;
mod options;
mod pacer;
mod progress;
mod schedule;
mod scope;
mod scope_handle;
mod source;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use atproto_core::identity::safe_client::{FetchError, SafeClient, SafeClientConfig};
use atproto_core::syntax::Did;
use tokio::task::JoinHandle;

use self::discover::Discovery;
use self::fetch::{Fetcher, REPLAY};
pub use self::http::{HttpLimits, HttpRepoSource};
pub use self::known::KnownRecords;
use self::known::OfStore;
pub use self::options::TrackerOptions;
pub use self::pacer::PaceLimits;
use self::progress::Meter;
pub use self::progress::{Progress, ProgressHandle};
use self::schedule::Scheduler;
pub use self::scope::Scope;
pub use self::scope_handle::{ScopeChange, ScopeHandle};
pub use self::source::{Archive, Asked, Latest, List, ListedRepo, Page, RepoSource, SourceError};
use crate::checkpoint::Wanted;
use crate::consumer::driver::Shared;
use crate::consumer::{
    Batch, Consumer, ConsumerError, Delivery, Failure, StateArgument, Stopper, Transport,
    WebSocket, Workers,
};
use crate::event::Event;
use crate::intake::IntakeStats;
use crate::state::{StoreError, Want};

/// Follows repositories. See the [module](self).
#[derive(Debug)]
pub struct Tracker {
    consumer: Consumer,
    shared: Arc<Shared>,
    scope: ScopeHandle,
    progress: ProgressHandle,
    tasks: [JoinHandle<()>; 2],
}

/// Why a tracker did not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// Whatever a consumer says.
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state keeps nothing for a tracker: [`Store::tracking`](crate::state::Store::tracking).
    #[error("the state does not keep what a tracker has to remember")]
    NoTracking,
    /// [`TrackerOptions::resolver`] is not set.
    #[error("a tracker needs a resolver: set TrackerOptions::resolver")]
    NoResolver,
    /// There can be no client for repositories.
    #[error(transparent)]
    Client(#[from] FetchError),
}

impl Tracker {
    /// Follows the repositories of a scope by way of a relay (`https://relay.example`), and
    /// continues from the state.
    ///
    /// # Errors
    /// [`TrackError`]. That the relay cannot be reached is none: it is tried until it can.
    pub async fn open(
        url: &str,
        state: impl Into<StateArgument>,
        mut options: TrackerOptions,
    ) -> Result<Self, TrackError> {
        if options.relays.is_empty() {
            options.relays.push(url.to_owned());
        }
        Self::open_on(Arc::new(WebSocket::new(url)), state, options).await
    }

    /// As [`Self::open`], over any [`Transport`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_on(
        transport: Arc<dyn Transport>,
        state: impl Into<StateArgument>,
        options: TrackerOptions,
    ) -> Result<Self, TrackError> {
        let TrackerOptions {
            scope,
            replace_scope,
            consumer,
            resolver,
            source,
            known,
            pace,
            relays,
        } = options;
        let resolver = resolver.ok_or(TrackError::NoResolver)?;
        let source = match source {
            Some(source) => source,
            None => Arc::new(HttpRepoSource::new(SafeClient::new(SafeClientConfig::default())?)),
        };
        let store = state.into().into_store();
        let tracking = store.tracking().ok_or(TrackError::NoTracking)?;
        // Nothing says how the stream went on before its first event was stored.
        let unseen = store.load().await?.cursor.is_none() && tracking.counts().await?.tracked > 0;
        let wanted = scope.clone();
        let options = consumer.tracking(scope, &resolver, known.is_none());
        let known = known.unwrap_or_else(|| Arc::new(OfStore(Arc::clone(&store))));
        let consumer = Consumer::open_on(transport, store, options).await?;
        let shared = consumer.shared();
        if unseen {
            shared.update(|intake| intake.want_all(crate::consumer::driver::now()));
        }
        let lists = Discovery::new(Arc::clone(&shared), Arc::clone(&source), relays.into());
        let discovery = Arc::new(lists);
        let meter = Arc::new(Meter::default());
        let scheduler = Scheduler::new(
            Fetcher::new(Arc::clone(&shared), source, resolver, known),
            Arc::clone(&meter),
            pace,
        );
        let scope = ScopeHandle { shared: Arc::clone(&shared), discovery: Arc::clone(&discovery) };
        if replace_scope && scope.get().to_json() != wanted.to_json() {
            scope.set(wanted).await?;
        }
        let progress = ProgressHandle { discovery: Arc::clone(&discovery), meter };
        let tasks = [tokio::spawn(scheduler.run()), discovery.spawn()];
        Ok(Self { consumer, shared, scope, progress, tasks })
    }

    /// As [`Consumer::next`].
    pub async fn next(&mut self) -> Option<Delivery> {
        self.consumer.next().await
    }

    /// As [`Consumer::run`].
    ///
    /// # Errors
    /// As there.
    pub async fn run<H, F>(&mut self, workers: Workers, handler: H) -> Result<(), ConsumerError>
    where
        H: Fn(Arc<Event>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.consumer.run(workers, handler).await
    }

    /// As [`Consumer::next_batch`].
    ///
    /// # Errors
    /// As there.
    pub async fn next_batch(
        &mut self,
        max: usize,
        wait: Duration,
    ) -> Result<Option<Batch>, ConsumerError> {
        self.consumer.next_batch(max, wait).await
    }

    /// The consumer that reads the stream.
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// As [`Consumer::stats`].
    pub fn stats(&self) -> IntakeStats {
        self.consumer.stats()
    }

    /// As [`Consumer::stopper`].
    pub fn stopper(&self) -> Stopper {
        self.consumer.stopper()
    }

    /// As [`Consumer::stopped`].
    pub fn stopped(&self) -> Option<Arc<str>> {
        self.consumer.stopped()
    }

    /// A handle that changes the scope, also from elsewhere.
    pub fn scope(&self) -> ScopeHandle {
        self.scope.clone()
    }

    /// Fetches a repository and tells all of it once more, whatever was told before: as commits of
    /// the origin [`Replay`](crate::event::Origin::Replay), between its live events.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replay(&self, did: &Did) -> Result<(), StoreError> {
        let Some(store) = self.shared.store.tracking() else { return Ok(()) };
        store.want(vec![Wanted::new(did.clone(), REPLAY)], Want::All, None).await
    }

    /// How far it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn progress(&self) -> Result<Progress, StoreError> {
        self.progress.get().await
    }

    /// A handle that says how far it is, also from elsewhere.
    pub fn progress_handle(&self) -> ProgressHandle {
        self.progress.clone()
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
