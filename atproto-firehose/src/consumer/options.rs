use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atproto_core::identity::Resolver;
use atproto_core::syntax::Datetime;

use super::ConsumerError;
use crate::filter::{Filter, Partition};
use crate::intake::{GapPolicies, IntakeConfig, Start};
use crate::tracker::Scope;
use crate::verify::Verifier;

/// How a [`Consumer`](super::Consumer) reads. Every limit has a default.
#[derive(Clone, Debug, Default)]
pub struct ConsumerOptions {
    config: IntakeConfig,
    policy: Policy,
    replace_filter: bool,
    partition: Option<(u32, u32)>,
    seed: Option<u64>,
    spool: Option<PathBuf>,
}

/// How far the upstream is believed.
#[derive(Clone, Default)]
pub struct Policy(Trust);

#[derive(Clone, Default)]
enum Trust {
    /// Strict, and nobody said how to resolve identities.
    #[default]
    Undecided,
    Verify {
        verifier: Verifier,
        host: Option<Arc<str>>,
    },
    Upstream,
}

impl Policy {
    /// Every commit and sync is verified against the account's identity.
    pub fn strict(resolver: Arc<dyn Resolver>) -> Self {
        Self::verifier(Verifier::new(resolver))
    }

    /// As [`Self::strict`], with a verifier of one's own making.
    pub fn verifier(verifier: Verifier) -> Self {
        Self(Trust::Verify { verifier, host: None })
    }

    /// The upstream is not a relay but this PDS: what it says counts only for
    /// accounts whose document names it.
    #[must_use]
    pub fn host(mut self, name: &str) -> Self {
        if let Trust::Verify { host, .. } = &mut self.0 {
            *host = Some(name.into());
        }
        self
    }

    /// Ways to verify less.
    pub fn dangerous() -> Dangerous {
        Dangerous(())
    }
}

/// See [`Policy::dangerous`].
#[derive(Debug)]
pub struct Dangerous(());

impl Dangerous {
    /// Believes whatever the upstream says: for an upstream of one's own that
    /// has verified it.
    pub fn trust_upstream(self) -> Policy {
        Policy(Trust::Upstream)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Trust::Undecided => "undecided",
            Trust::Verify { .. } => "verify",
            Trust::Upstream => "trust upstream",
        })
    }
}

/// A verifier, and the host whose events it sees.
pub(crate) type Judge = Option<(Verifier, Option<Arc<str>>)>;

impl ConsumerOptions {
    /// Where to begin when the state is empty. There is no default.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.config.start = Some(start);
        self
    }

    /// How far the upstream is believed. There is no default, because strict
    /// verification needs a resolver.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Which commits are delivered. Default: all. A state whose filter was
    /// [changed](super::FilterHandle::set) goes on with that one; see
    /// [`Self::replace_filter`].
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.config.filter = filter;
        self
    }

    /// As [`Self::filter`], and in place of one that is stored.
    #[must_use]
    pub fn replace_filter(mut self, filter: Filter) -> Self {
        self.replace_filter = true;
        self.filter(filter)
    }

    /// Whether a stored filter gives way.
    pub(crate) fn replaces_filter(&self) -> bool {
        self.replace_filter
    }

    /// Reads one partition of the accounts, counted from zero, of so many: the others belong
    /// to other processes, each with a state of its own. Default: all. See
    /// [`Partition`](crate::filter::Partition).
    #[must_use]
    pub fn partition(mut self, index: u32, count: u32) -> Self {
        self.partition = Some((index, count));
        self
    }

    /// Bytes of all events that are not settled. When they are used up the
    /// socket is not read. Default 64 MiB.
    #[must_use]
    pub fn max_in_flight_bytes(mut self, bytes: usize) -> Self {
        self.config.max_in_flight_bytes = bytes;
        self
    }

    /// Bytes of one account's events in memory. What comes above goes to the
    /// [spool](Self::spool); without one it stays in memory as long as the whole
    /// fits [`Self::max_in_flight_bytes`]. Default 8 MiB.
    #[must_use]
    pub fn max_account_bytes(mut self, bytes: usize) -> Self {
        self.config.max_account_bytes = bytes;
        self
    }

    /// Events that are not settled, in memory and in the spool; it bounds the
    /// list in a checkpoint. Default 100,000.
    #[must_use]
    pub fn max_in_flight_events(mut self, events: usize) -> Self {
        self.config.max_in_flight_events = events.max(1);
        self
    }

    /// Keeps events of accounts above their budget in a directory of their own,
    /// up to so many bytes of frames; when it is full the socket is not read. It
    /// is emptied at the start, since all that is in it comes again. Default: none.
    #[must_use]
    pub fn spool(mut self, dir: impl AsRef<Path>, max_bytes: u64) -> Self {
        self.spool = Some(dir.as_ref().to_owned());
        self.config.max_spool_bytes = max_bytes;
        self
    }

    /// Gives the consumer a place in its state for events whose account cannot
    /// be worked on, up to so many bytes of frames: the cursor passes them, and
    /// they come back in order. Accounts are parked whose identity cannot be
    /// resolved for [`Self::park_after`], and by
    /// [`Delivery::park`](super::Delivery::park). When it is full the socket is
    /// not read while any account is parked. Default: none.
    #[must_use]
    pub fn parking(mut self, max_bytes: u64) -> Self {
        self.config.max_parked_bytes = max_bytes;
        self
    }

    /// How long an identity may be unresolved before its account is parked.
    /// Default 1 minute.
    #[must_use]
    pub fn park_after(mut self, unresolved: Duration) -> Self {
        self.config.park_after = unresolved;
        self
    }

    /// Whether events of accounts above [`Self::max_account_bytes`] are parked
    /// too, where there is no spool. Default false.
    #[must_use]
    pub fn park_slow(mut self, park: bool) -> Self {
        self.config.park_slow = park;
        self
    }

    /// What follows gaps in the stream. Default: a cursor in the future and a
    /// sequence that starts anew stop the consumer, after others it goes on.
    #[must_use]
    pub fn gaps(mut self, policies: GapPolicies) -> Self {
        self.config.gaps = policies;
        self
    }

    /// How far back a Jetstream server goes, which does not say so: after a longer time without
    /// it there is a [`Gap::OutdatedCursor`](crate::event::Gap::OutdatedCursor). Default 24
    /// hours.
    #[must_use]
    pub fn replay_window(mut self, window: Duration) -> Self {
        self.config.replay_window = window;
        self
    }

    /// Of several upstreams: how many connections to one fail in a row before
    /// the next is read, and where one is begun that is read for the first time.
    /// Default: 5, and the oldest event it has.
    #[must_use]
    pub fn failover(mut self, failures: u32, start: Start) -> Self {
        self.config.failover_after = failures.max(1);
        self.config.failover_start = start;
        self
    }

    /// As a tracker reads it, where nobody said otherwise: strictly, with a place for events of
    /// repositories that are being fetched, and from now on, because the rest is fetched.
    pub(crate) fn tracking(
        mut self,
        scope: Scope,
        resolver: &Arc<dyn Resolver>,
        remember_records: bool,
    ) -> Self {
        self.config.scope = Some(scope);
        self.config.remember_records = remember_records;
        self.config.start.get_or_insert(Start::Live);
        if self.config.max_parked_bytes == 0 {
            self.config.max_parked_bytes = PARKING;
        }
        if matches!(self.policy.0, Trust::Undecided) {
            self.policy = Policy::strict(Arc::clone(resolver));
        }
        self
    }

    /// The directory of the spool.
    pub(crate) fn spool_dir(&self) -> Option<PathBuf> {
        self.spool.clone()
    }

    /// The largest frame. Default: the protocol's limit of 5 MB.
    #[must_use]
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.config.max_frame_bytes = bytes;
        self
    }

    /// Deliveries of one event before it is given up. Default 10.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.config.max_attempts = attempts.max(1);
        self
    }

    /// How long a delivery may take before it is made again. Default 5
    /// minutes.
    #[must_use]
    pub fn ack_deadline(mut self, deadline: Duration) -> Self {
        self.config.ack_deadline = deadline;
        self
    }

    /// How long an acknowledged event may wait to be stored. Default 100 ms.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.config.flush_interval = interval;
        self
    }

    /// First and longest wait before connecting again. Default 500 ms and
    /// 60 s.
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.config.backoff_base = base;
        self.config.backoff_max = max;
        self
    }

    /// Where the jitter of waits comes from, for tests that are to be repeated. Default: the
    /// randomness of the system.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The rules for the state machine, and the verifier.
    pub(crate) fn resolve(self, persist: bool) -> Result<(IntakeConfig, Judge), ConsumerError> {
        let judge = match self.policy.0 {
            Trust::Undecided => return Err(ConsumerError::NoResolver),
            Trust::Verify { verifier, host } => Some((verifier, host)),
            Trust::Upstream => None,
        };
        let (index, count) = self.partition.unwrap_or((0, 1));
        let partition =
            Partition::new(index, count).ok_or(ConsumerError::Partition { index, count })?;
        let mut seed = [0; 8];
        // Without randomness the waits are not spread; nothing else depends
        // on it.
        let _ = getrandom::fill(&mut seed);
        let seed = self.seed.unwrap_or(u64::from_le_bytes(seed));
        let verify = judge.is_some();
        let started_at = Datetime::now().unix_micros().unwrap_or_default();
        let config = self.config;
        Ok((IntakeConfig { verify, persist, partition, seed, started_at, ..config }, judge))
    }
}

/// Bytes of events of repositories that are being fetched, ours: an hour of a busy network, of
/// which but few accounts are fetched at a time.
const PARKING: u64 = 1 << 30;
