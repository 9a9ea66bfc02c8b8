use std::sync::Arc;
use std::time::Duration;

use atproto_core::data::limits::MAX_FRAME;

use super::gaps::GapPolicies;
use super::wire::Wire;
use crate::filter::{Filter, Partition};
use crate::tracker::Scope;

/// Where to begin when nothing is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what happens from now on.
    Live,
    /// With the oldest event that the upstream has.
    Oldest,
    /// After this sequence number.
    Cursor(i64),
}

impl Start {
    /// The cursor, and the newest sequence number below it.
    pub(super) fn position(self) -> (Option<i64>, i64) {
        match self {
            Self::Live => (None, 0),
            Self::Oldest => (Some(0), 0),
            Self::Cursor(cursor) => (Some(cursor), cursor),
        }
    }

    /// A short constant name, for statistics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Oldest => "oldest",
            Self::Cursor(_) => "cursor",
        }
    }
}

/// Limits and rules of an [`Intake`](super::Intake).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IntakeConfig {
    /// Where to begin when nothing is stored.
    pub start: Option<Start>,
    /// The form in which the upstreams tell events.
    pub wire: Wire,
    /// How far back upstreams go that do not say when a cursor is older:
    /// [`Wire::Jetstream`]. After a longer time without them there is a
    /// [`Gap::OutdatedCursor`](crate::event::Gap::OutdatedCursor). Default 24 hours, as long as
    /// the first public servers keep events.
    pub replay_window: Duration,
    /// What to deliver.
    pub filter: Filter,
    /// The accounts that are read here; others are passed over.
    pub partition: Partition,
    /// Whether events are verified. Without, what the upstream says is
    /// believed, and no heads are kept.
    pub verify: bool,
    /// Whether checkpoints come as [`Action::Persist`](super::Action::Persist).
    /// Otherwise the caller stores them with its own effects.
    pub persist: bool,
    /// Bytes of all events that are not settled, frames and bookkeeping.
    /// Default 64 MiB.
    pub max_in_flight_bytes: usize,
    /// Bytes of one account's events in memory, frames and bookkeeping. What
    /// comes above goes to the spool. Without a spool it stays in memory, as
    /// long as the whole fits [`Self::max_in_flight_bytes`]: then the socket is
    /// not read, since nothing may be dropped. One event is always in memory,
    /// however large it is. Default 8 MiB.
    pub max_account_bytes: usize,
    /// Bytes of frames in the spool; 0: there is no spool. When it is full the
    /// socket is not read. Default 0.
    pub max_spool_bytes: u64,
    /// How long the identity of an account's next event may be unresolved
    /// before the account is parked. Default 1 minute.
    pub park_after: Duration,
    /// Parks what comes for an account above
    /// [`max_account_bytes`](Self::max_account_bytes). Default false.
    pub park_slow: bool,
    /// Bytes of frames that are parked; 0: nothing can be. When they are used
    /// up the socket is not read while any account is parked. Default 0.
    pub max_parked_bytes: u64,
    /// Events that are parked, about 100 bytes of memory each. Default 100,000.
    pub max_parked_events: usize,
    /// First wait before a parked account is tried again. Default 10 s.
    pub park_retry_base: Duration,
    /// Longest wait before a parked account is tried again. Default 10 minutes.
    pub park_retry_max: Duration,
    /// Events that are not settled; it bounds the list in a checkpoint.
    /// Default 100,000.
    pub max_in_flight_events: usize,
    /// The largest frame that can come. Default: the protocol's limit of 5 MB.
    pub max_frame_bytes: usize,
    /// Verifications at the same time. Default 64.
    pub max_verifications: usize,
    /// Deliveries of one event before it is given up. Default 10.
    pub max_attempts: u32,
    /// How long a delivery may take before it is taken back and made again.
    /// Default 5 minutes.
    pub ack_deadline: Duration,
    /// How long a settled event may wait to be stored: after a crash this much
    /// may be delivered again. Default 100 ms.
    pub flush_interval: Duration,
    /// Heads that may wait to be stored. Default 100,000, about 10 MB.
    pub max_unsaved_heads: usize,
    /// Rejects, and parked events, that may wait to be stored; their bytes are part of
    /// [`Self::max_in_flight_bytes`]. Default 1,000.
    pub max_unsaved_rejects: usize,
    /// First wait before connecting again. Default 500 ms.
    pub backoff_base: Duration,
    /// Longest wait before connecting again. Default 60 s.
    pub backoff_max: Duration,
    /// A connection that lived this long ends a row of failures. Default 10 s.
    pub stable_after: Duration,
    /// Names of the upstreams, of which the first is read first; empty where
    /// there is only one. They are part of checkpoints.
    pub upstreams: Vec<Arc<str>>,
    /// Connections to an upstream that fail in a row before the next is read.
    /// Default 5.
    pub failover_after: u32,
    /// Where an upstream is begun that takes over for the first time. Default:
    /// with the oldest event it has, so that nothing is missed.
    pub failover_start: Start,
    /// The repositories that are followed, and fetched where the stream alone cannot tell their
    /// state; `None`: gaps in repositories are delivered. Default `None`.
    pub scope: Option<Scope>,
    /// Whether checkpoints have the records that were told of repositories that are followed.
    /// Default true.
    pub remember_records: bool,
    /// What follows gaps in the stream.
    pub gaps: GapPolicies,
    /// A larger step between sequence numbers is reported as a gap. Default
    /// 100 million: a day of a busy network.
    pub max_seq_jump: i64,
    /// The wall clock at the start, in microseconds of Unix time. Default 0.
    pub started_at: i64,
    /// Where the jitter comes from.
    pub seed: u64,
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            start: None,
            wire: Wire::SubscribeRepos,
            replay_window: Duration::from_secs(24 * 60 * 60),
            filter: Filter::default(),
            partition: Partition::WHOLE,
            verify: true,
            persist: true,
            max_in_flight_bytes: 64 << 20,
            max_account_bytes: 8 << 20,
            max_spool_bytes: 0,
            park_after: Duration::from_secs(60),
            park_slow: false,
            max_parked_bytes: 0,
            max_parked_events: 100_000,
            park_retry_base: Duration::from_secs(10),
            park_retry_max: Duration::from_secs(600),
            max_in_flight_events: 100_000,
            max_frame_bytes: MAX_FRAME,
            max_verifications: 64,
            max_attempts: 10,
            ack_deadline: Duration::from_secs(300),
            flush_interval: Duration::from_millis(100),
            max_unsaved_heads: 100_000,
            max_unsaved_rejects: 1_000,
            backoff_base: Duration::from_millis(500),
            backoff_max: Duration::from_secs(60),
            stable_after: Duration::from_secs(10),
            upstreams: Vec::new(),
            failover_after: 5,
            failover_start: Start::Oldest,
            scope: None,
            remember_records: true,
            gaps: GapPolicies::default(),
            max_seq_jump: 100_000_000,
            started_at: 0,
            seed: 0,
        }
    }
}
