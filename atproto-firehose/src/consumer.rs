//! The consuming side of the firehose: events, verified, in order for each
//! account, until they are acknowledged.
//!
//! A [`Consumer`] is an [`Intake`] with a socket, a clock and tasks around it;
//! the rules are there. Three ways to use it, one core:
//!
//! - [`Consumer::next`]: a stream of [`Delivery`]s, each acknowledged by
//!   itself. What is dropped without [`Delivery::ack`] is delivered again.
//! - [`Consumer::run`]: a handler on several workers; its
//!   [`Failure`] says what becomes of an event.
//! - [`Consumer::next_batch`]: batches whose [`Checkpoint`] the caller stores
//!   in the same transaction as their effects: exactly once.
//!
//! An example of what is guaranteed. Five events come, of the accounts A, B,
//! A, C, B; 2 and 4 are acknowledged while 1 is still being worked on:
//!
//! ```text
//! seq      1A  2B  3A  4C  5B
//! state    ·   ✓   waits ✓  ·        cursor 0, received 5, unsettled [1, 3, 5]
//! ```
//! 3 waits for 1, because both are A's; 5 did not begin before 2 was settled.
//! The process dies. The next one reads from 0 on, passes over 2 and 4, and
//! delivers 1, 3 and 5: nothing is lost, and nothing acknowledged comes again
//! once its checkpoint is stored, which is at most
//! [`ConsumerOptions::flush_interval`] later.

#[cfg(feature = "zstd")]
mod archive;
mod batch;
mod delivery;
pub(crate) mod driver;
mod filter_handle;
mod jetstream;
mod options;
mod run;
mod spool;
mod transport;
mod websocket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use atproto_core::syntax::Did;

#[cfg(feature = "zstd")]
pub use self::archive::JetstreamArchive;
pub use self::batch::Batch;
pub use self::delivery::{Acknowledger, Delivery};
use self::driver::Shared;
pub use self::filter_handle::FilterHandle;
pub use self::jetstream::JetstreamSocket;
pub use self::options::{ConsumerOptions, Policy};
pub use self::run::{Failure, Workers};
use self::spool::SpoolDir;
pub use self::transport::{
    Connecting, FrameSource, NextFrame, Transport, TransportError, Upstream, Wire,
};
pub use self::websocket::WebSocket;
use crate::checkpoint::{Checkpoint, Reject};
use crate::filter::FilterError;
pub use crate::intake::{GapPolicies, GapPolicy, ReplayError, Start};
use crate::intake::{Intake, IntakeStats, Lag, later};
use crate::state::{Store, StoreError};

/// Reads a firehose. See the [module](self).
///
/// The connection is kept up by a task of its own, also while nobody waits in
/// [`Self::next`]; it ends with the consumer.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

/// Why a consumer did not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// Nothing is stored and [`ConsumerOptions::start`] is not set. Where to
    /// begin is too important for a default.
    #[error("nothing is stored: say where to start with ConsumerOptions::start")]
    NoStart,
    /// Verification needs a resolver of identities:
    /// [`Policy::strict`].
    #[error("verification needs a resolver: set ConsumerOptions::policy")]
    NoResolver,
    /// [`ConsumerOptions::partition`] names one that does not exist.
    #[error("there is no partition {index} of {count}, counted from zero")]
    Partition {
        /// The partition.
        index: u32,
        /// How many there are.
        count: u32,
    },
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// [`ConsumerOptions::parking`] is set, and the state has no room for parked
    /// events: [`Store::parks`].
    #[error("the state does not keep parked events")]
    NoParking,
    /// The stored filter cannot be read.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The state does not keep filters: [`Store::keeps_filter`].
    #[error("the state does not keep filters")]
    NoFilters,
    /// No upstream is given, two have the same name, or the state does not keep
    /// their positions: [`Store::keeps_upstreams`].
    #[error("several upstreams need different names, and a state that keeps their positions")]
    NoUpstreams,
    /// The stored position is that of one of several upstreams, and a number of
    /// one says nothing about another: [`Consumer::open_any`].
    #[error("the position is of the upstream {name}, one of several")]
    OneOfSeveral {
        /// Its name.
        name: Arc<str>,
    },
    /// The upstream tells events in a form that cannot be verified: whoever reads it believes
    /// it, and says so with [`Policy::dangerous`].
    #[error("what this upstream says cannot be verified: set ConsumerOptions::policy to trust it")]
    Unverifiable,
    /// The upstreams tell events in different forms, whose positions have nothing to do with
    /// each other.
    #[error("upstreams of different forms")]
    Mixed,
    /// The directory of the spool cannot be used, or another consumer uses it.
    #[error("the spool cannot be opened")]
    Spool(#[source] std::io::Error),
    /// The stream cannot go on without a decision, for instance because the
    /// upstream does not know the cursor.
    #[error("the consumer stopped: {0}")]
    Stopped(Arc<str>),
    /// The handler said so.
    #[error("the handler failed for good")]
    Handler(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a drain left behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DrainReport {
    /// Events that were received and not settled; they come again.
    pub unsettled: u64,
    /// Whether everything that was settled is also stored. Where the caller
    /// stores checkpoints: whether its last one covers everything. Events after
    /// it that needed nothing are passed over anew by the next process.
    pub saved: bool,
    /// The cursor.
    pub cursor: Option<i64>,
}

impl Consumer {
    /// Opens `com.atproto.sync.subscribeRepos` at a host (`wss://relay.example`)
    /// and continues from the state.
    ///
    /// # Errors
    /// [`ConsumerError::NoStart`], [`ConsumerError::NoResolver`],
    /// [`ConsumerError::Store`], [`ConsumerError::NoParking`],
    /// [`ConsumerError::Filter`], [`ConsumerError::Spool`]. That the host cannot be reached is none: it is
    /// tried until it can.
    pub async fn open(
        url: &str,
        state: impl Into<StateArgument>,
        options: ConsumerOptions,
    ) -> Result<Self, ConsumerError> {
        Self::open_on(Arc::new(WebSocket::new(url)), state, options).await
    }

    /// Opens a Jetstream server (`wss://jetstream.example`) and continues from the state: the
    /// same deliveries, acknowledgements, order and limits.
    ///
    /// What it says cannot be verified, so the [policy](ConsumerOptions::policy) has to be
    /// `Policy::dangerous().trust_upstream()`. The server sends what the filter wants alone. A
    /// [`Commit`](crate::event::Commit) has one change, encoded anew from JSON;
    /// [`Event::Sync`](crate::event::Event::Sync) does not come. Positions are times, in
    /// microseconds: a state belongs to one server. Whoever begins a process with another
    /// filter than that of the process before sets it with
    /// [`ConsumerOptions::replace_filter`]: some events come again then. For compression and
    /// options of the connection see [`JetstreamSocket`] and [`Self::open_on`]; for servers of
    /// the second version, whose archive is read first, `JetstreamArchive` (feature `zstd`).
    ///
    /// # Errors
    /// As [`Self::open`]; [`ConsumerError::Unverifiable`].
    pub async fn open_jetstream(
        url: &str,
        state: impl Into<StateArgument>,
        options: ConsumerOptions,
    ) -> Result<Self, ConsumerError> {
        Self::open_on(Arc::new(JetstreamSocket::new(url)), state, options).await
    }

    /// Opens `com.atproto.label.subscribeLabels` at a labeler (`wss://labels.example`) and
    /// continues from the state: the same deliveries, acknowledgements and limits. What comes is
    /// [`Event::Labels`](crate::event::Event::Labels), and gaps.
    ///
    /// Each label is held against the key of its source, see
    /// [`LabelVerifier`](crate::label::LabelVerifier); while that cannot be resolved the message
    /// waits in memory. Labels are of no account: messages do not wait for each other. Accounts of
    /// the [filter](ConsumerOptions::filter) are sources of labels here. A label with a wrong
    /// signature is never delivered as one that counts: see
    /// [`Labels::refused`](crate::event::Labels::refused). [`Start::Oldest`] brings all that the
    /// labeler has. [`crate::label`] shows how to keep what is told.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_labels(
        url: &str,
        state: impl Into<StateArgument>,
        options: ConsumerOptions,
    ) -> Result<Self, ConsumerError> {
        Self::open_on(Arc::new(WebSocket::labels(url)), state, options).await
    }

    /// As [`Self::open`], of several relays of the same network: one is read at a
    /// time, and the next takes over after failures, from its own cursor. See
    /// [`ConsumerOptions::failover`] and [`GapPolicy::FailOver`].
    ///
    /// What a relay repeats of what another has told is recognised by the heads of
    /// the repositories: verification must be on, or commits are delivered again.
    /// Events of accounts and identities are delivered again in any case.
    ///
    /// # Errors
    /// As [`Self::open`]; [`ConsumerError::NoUpstreams`].
    pub async fn open_any(
        urls: &[&str],
        state: impl Into<StateArgument>,
        options: ConsumerOptions,
    ) -> Result<Self, ConsumerError> {
        let upstream = |url: &&str| Upstream::new(*url, Arc::new(WebSocket::new(url)));
        Self::open_on_any(urls.iter().map(upstream).collect(), state, options).await
    }

    /// As [`Self::open`], over any [`Transport`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_on(
        transport: Arc<dyn Transport>,
        state: impl Into<StateArgument>,
        options: ConsumerOptions,
    ) -> Result<Self, ConsumerError> {
        Self::begin(vec![transport], Vec::new(), state.into().0, options).await
    }

    /// As [`Self::open_any`], over any [`Transport`]s.
    ///
    /// # Errors
    /// As [`Self::open_any`].
    pub async fn open_on_any(
        upstreams: Vec<Upstream>,
        state: impl Into<StateArgument>,
        options: ConsumerOptions,
    ) -> Result<Self, ConsumerError> {
        let store = state.into().0;
        let (names, transports): (Vec<Arc<str>>, Vec<_>) =
            upstreams.into_iter().map(|upstream| (upstream.name, upstream.transport)).unzip();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        if names.is_empty() || distinct.len() < names.len() || !store.keeps_upstreams() {
            return Err(ConsumerError::NoUpstreams);
        }
        Self::begin(transports, names, store, options).await
    }

    async fn begin(
        transports: Vec<Arc<dyn Transport>>,
        names: Vec<Arc<str>>,
        store: Arc<dyn Store>,
        options: ConsumerOptions,
    ) -> Result<Self, ConsumerError> {
        let spool = options.spool_dir();
        let replaces_filter = options.replaces_filter();
        let (mut config, verifier) = options.resolve(store.saves())?;
        config.upstreams = names;
        config.wire = one_wire(&transports)?;
        if config.verify && !config.wire.is_verifiable() {
            return Err(ConsumerError::Unverifiable);
        }
        let stored = store.load().await?;
        if config.start.is_none() && stored.cursor.is_none() {
            return Err(ConsumerError::NoStart);
        }
        if let (true, Some(name)) = (config.upstreams.is_empty(), stored.upstream) {
            return Err(ConsumerError::OneOfSeveral { name });
        }
        if config.max_parked_bytes > 0 && !store.parks() {
            return Err(ConsumerError::NoParking);
        }
        let open = |dir| SpoolDir::open(dir).map(Arc::new).map_err(ConsumerError::Spool);
        let spool = spool.as_deref().map(open).transpose()?;
        // Whoever had the state before is fenced off from here on.
        let restored = store.take_over().await?;
        let replacement = replaces_filter.then(|| config.filter.clone());
        if let Some(scope) = config.scope.take() {
            config.restore_scope(scope, &restored)?;
        } else if replacement.is_none() {
            config.restore_filter(&restored)?;
        }
        let mut intake = Intake::new(config, &restored, driver::now());
        if let Some(filter) = replacement.filter(|_| restored.filter.is_some()) {
            intake.set_filter(driver::now(), filter);
        } else if replaces_filter {
            intake.choose_anew();
        }
        intake.restore_parked(driver::now(), store.parked().await?);
        let shared = Arc::new(Shared::new(intake, store));
        let task = tokio::spawn(driver::drive(Arc::clone(&shared), transports, verifier, spool));
        Ok(Self { shared, task })
    }

    /// The next event to work on. Waits if there is none; `None` once the
    /// consumer has stopped and everything was settled, see [`Self::stopped`].
    /// Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivered = self.shared.next(None).await?;
        Some(Delivery::new(Arc::clone(&self.shared), delivered))
    }

    /// Up to `max` events: those that come within `wait` after the first. Each
    /// account has at most one event in a batch. `None` as in [`Self::next`].
    /// A batch without events asks for its checkpoint to be stored: rejects or
    /// heads have reached their limit, and reading goes on after that.
    ///
    /// Ask for the next one after this one is committed or dropped: of two at a
    /// time, whichever is stored last takes back the position of the other, and
    /// events come again.
    ///
    /// # Errors
    /// [`ConsumerError::Stopped`].
    pub async fn next_batch(
        &mut self,
        max: usize,
        wait: Duration,
    ) -> Result<Option<Batch>, ConsumerError> {
        let Some(first) = self.shared.begin_batch().await else {
            return self.stopped().map_or(Ok(None), |why| Err(ConsumerError::Stopped(why)));
        };
        let deadline: Instant = later(driver::now(), wait);
        let mut batch = Batch::new(Arc::clone(&self.shared), first);
        while !batch.is_empty()
            && batch.len() < max
            && let Some(delivered) = self.shared.next(Some(deadline)).await
        {
            batch.push(delivered);
        }
        Ok(Some(batch))
    }

    /// Why the stream stopped by itself; `None` while it goes on, and after
    /// [`Stopper::drain`].
    pub fn stopped(&self) -> Option<Arc<str>> {
        let reason = self.shared.with(|intake| intake.halted().cloned());
        reason.filter(|reason| **reason != *driver::DRAINED)
    }

    /// Where things stand.
    pub fn stats(&self) -> IntakeStats {
        self.shared.with(Intake::stats)
    }

    /// How far behind it is.
    pub fn lag(&self) -> Lag {
        self.shared.with(|intake| intake.lag(driver::now()))
    }

    /// Takes up an account again that was parked by [`Delivery::park`], or that
    /// waits for its identity. False if nothing of it waits.
    pub fn unpark(&self, did: &Did) -> bool {
        self.shared.update(|intake| intake.unpark(driver::now(), did))
    }

    /// What would have to be stored now to continue from here.
    pub fn checkpoint(&self) -> Checkpoint {
        self.shared.with(|intake| intake.checkpoint_with(&[]))
    }

    /// Delivers an event once more that was given up, in order with the events of its account.
    /// `id` is the one under which it is stored: it is removed there with the checkpoint that
    /// has the event settled.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn replay(&self, id: i64, reject: &Reject) -> Result<(), ReplayError> {
        self.shared.update(|intake| intake.handle_replay(driver::now(), id, reject))
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// A handle that can change the filter from elsewhere.
    pub fn filter(&self) -> FilterHandle {
        FilterHandle { shared: Arc::clone(&self.shared) }
    }

    /// A handle that can stop the consumer from elsewhere, for instance from a
    /// signal handler.
    pub fn stopper(&self) -> Stopper {
        Stopper { shared: Arc::clone(&self.shared) }
    }
}

/// The form of all upstreams.
fn one_wire(transports: &[Arc<dyn Transport>]) -> Result<Wire, ConsumerError> {
    let mut wires = transports.iter().map(|transport| transport.wire());
    let first = wires.next().unwrap_or_default();
    if wires.all(|wire| wire == first) { Ok(first) } else { Err(ConsumerError::Mixed) }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Stops a [`Consumer`].
#[derive(Clone, Debug)]
pub struct Stopper {
    shared: Arc<Shared>,
}

impl Stopper {
    /// Where things stand, for whoever watches the consumer from elsewhere.
    pub fn stats(&self) -> IntakeStats {
        self.shared.with(Intake::stats)
    }

    /// How far behind the consumer is.
    pub fn lag(&self) -> Lag {
        self.shared.with(|intake| intake.lag(driver::now()))
    }

    /// As [`Consumer::unpark`].
    pub fn unpark(&self, did: &Did) -> bool {
        self.shared.update(|intake| intake.unpark(driver::now(), did))
    }

    /// Stops reading, lets what was received be settled, and waits for that up
    /// to a deadline; also until it is stored, if the state
    /// [saves by itself](Store::saves).
    pub async fn drain(&self, deadline: Duration) -> DrainReport {
        self.shared.update(|intake| intake.halt(driver::DRAINED));
        // After the deadline the report says what is left.
        let _ = tokio::time::timeout(deadline, self.shared.drained()).await;
        self.shared.with(|intake| {
            let stats = intake.stats();
            let (unsettled, cursor) = (stats.in_flight, stats.cursor);
            DrainReport { unsettled, saved: intake.is_saved(), cursor }
        })
    }
}

/// What [`Consumer::open`] takes as state: any [`Store`], or a [`Checkpoint`]
/// that the caller keeps.
#[derive(Clone)]
pub struct StateArgument(Arc<dyn Store>);

impl StateArgument {
    pub(crate) fn into_store(self) -> Arc<dyn Store> {
        self.0
    }
}

impl<S: Store> From<S> for StateArgument {
    fn from(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl From<Checkpoint> for StateArgument {
    fn from(checkpoint: Checkpoint) -> Self {
        Self(Arc::new(crate::state::MemoryState::from(checkpoint)))
    }
}

impl From<Arc<dyn Store>> for StateArgument {
    fn from(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}
