//! The consumer's protocol, without sockets, clocks or tasks.
//!
//! An [`Intake`] is fed and drained. Feed it with what happened
//! (`handle_connected`, `handle_frame`, `handle_head`, `handle_verified`,
//! `handle_settled`, `handle_persisted`, `handle_timeout`, `handle_closed`),
//! then drain [`Intake::poll_action`] until it is empty and do what it says;
//! call [`Intake::poll_delivery`] when somebody can work on an event;
//! [`Intake::poll_timeout`] says when to call `handle_timeout`. Read a frame
//! only while [`Intake::wants_frames`].
//!
//! Rules:
//! - an event is *settled* when it was acknowledged, rejected under a label,
//!   or found to need nothing (stale, filtered, of an inactive account); one
//!   that is parked counts as settled for the cursor alone;
//! - never does the cursor pass an event that is not settled;
//! - never is the next event of an account begun before the previous one is
//!   settled; accounts do not wait for each other;
//! - never do the bytes in flight exceed the limit: reading stops instead. What
//!   an account has above a budget of its own goes to a spool, if there is one;
//! - never does a head appear in a checkpoint before its event is settled: a
//!   commit whose head was stored and whose effect was lost would look stale
//!   at the replay.

mod action;
mod backoff;
mod config;
mod delivery;
mod entry;
mod filtering;
mod gaps;
mod labels;
mod lag;
mod lanes;
mod parking;
mod persist;
mod pressure;
mod receive;
mod replay;
mod spool;
mod stats;
mod tracking;
mod upstreams;
mod verdict;
mod window;
mod wire;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use atproto_core::syntax::Did;

pub use self::action::{Action, DeliveryId, EntryId, Settlement};
use self::backoff::Backoff;
pub use self::config::{IntakeConfig, Start};
pub use self::delivery::Delivered;
use self::entry::{Entry, Stage};
use self::gaps::Restart;
pub use self::gaps::{GapPolicies, GapPolicy};
pub use self::lag::Lag;
use self::lanes::Lanes;
use self::parking::Parking;
use self::persist::Persistence;
pub use self::replay::ReplayError;
use self::spool::Spool;
pub use self::stats::IntakeStats;
use self::tracking::Tracking;
pub(crate) use self::tracking::{Fetched, Refused, offered_cost};
use self::upstreams::Upstreams;
use self::window::Window;
pub use self::wire::Wire;
#[cfg(feature = "zstd")]
pub(crate) use self::wire::passed_frame;
use crate::checkpoint::{Checkpoint, Head, Reject, StoredFilter};

/// The state machine of a consumer. See the [module](self) for how to drive
/// it.
#[derive(Debug)]
pub struct Intake {
    config: IntakeConfig,
    /// Of the checkpoints made here.
    epoch: u64,
    started: Instant,
    /// The time that the newest event names.
    newest_time: String,
    stream: Stream,
    upstreams: Upstreams,
    entries: HashMap<EntryId, Entry>,
    next_entry: u64,
    lanes: Lanes,
    window: Window,
    /// Entries whose next step is due.
    runnable: VecDeque<EntryId>,
    /// Verified entries that wait for somebody to work on them.
    ready: VecDeque<EntryId>,
    timers: BTreeSet<(Instant, EntryId)>,
    /// Verifications that have been asked for.
    verifying: usize,
    /// No deliveries before this: the handler's own dependencies are down.
    paused_until: Option<Instant>,
    /// Times in a row that they were down.
    outages: u32,
    bytes: usize,
    /// The filter as it is stored, or is to be.
    filter: StoredFilter,
    filter_is_saved: bool,
    /// As in [`Checkpoint::gaps`].
    gaps: u64,
    /// Heads changed by settled events and not yet stored.
    heads: HashMap<Did, Head>,
    rejects: Vec<Reject>,
    /// What rejects and parked events hold that are not stored, out of the same budget as events in flight.
    unsaved_bytes: usize,
    /// Stored rejects that were replayed and settled, and are not removed yet.
    replayed: Vec<i64>,
    /// Events that are being read from the spool or the store.
    returning: usize,
    spool: Spool,
    parking: Parking,
    tracking: Tracking,
    park_backoff: Backoff,
    persistence: Persistence,
    /// The limit that held up the reading when that was last looked at.
    noted_pressure: Option<&'static str>,
    stats: IntakeStats,
}

/// The connection.
#[derive(Debug)]
struct Stream {
    phase: Phase,
    backoff: Backoff,
    /// Newest sequence number on this connection.
    last_seq: Option<i64>,
    /// The newest ones on this connection.
    recent: VecDeque<i64>,
    /// The cursor this connection was opened with.
    cursor: Option<i64>,
    /// The newest sequence number received before it.
    received: i64,
    halted: Option<Arc<str>>,
    /// The connection being opened is to be closed for this: it would begin
    /// above an event that was forgotten.
    outdated: Option<&'static str>,
    /// Where to begin anew once everything is settled.
    restart: Option<Restart>,
    /// The last gap without a position.
    told: Option<(&'static str, EntryId)>,
    /// The filter is another than that by which the events before the cursor were asked for.
    is_refiltered: bool,
    /// The cursor of which was said that the upstream may not go back so far.
    outdated_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The shell has been told to close it.
    Idle,
    Connecting,
    Open {
        since: Instant,
    },
    /// The shell is to close it.
    Closing {
        reason: &'static str,
    },
    Waiting {
        until: Instant,
    },
    Halted,
}

/// A wait without end is one of thirty years.
pub(crate) fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or_else(|| now + Duration::from_secs(30 * 365 * 86_400))
}

impl Intake {
    /// An intake that continues from a checkpoint, or begins at
    /// [`IntakeConfig::start`] if that has no cursor. Of the heads in it none
    /// are kept in memory; they are asked for with [`Action::LoadHead`].
    pub fn new(config: IntakeConfig, restored: &Checkpoint, now: Instant) -> Self {
        let (upstreams, is_own) = Upstreams::restored(&config, restored);
        let elsewhere = upstreams.current_cursor().map_or(config.failover_start, Start::Cursor);
        let (cursor, received, replay) = match (restored.cursor, config.start) {
            _ if !is_own => {
                let (cursor, received) = elsewhere.position();
                (cursor, received, &[][..])
            }
            (Some(cursor), _) => (Some(cursor), restored.received, &restored.unsettled[..]),
            (None, start) => {
                let (cursor, received) = start.unwrap_or(Start::Live).position();
                (cursor, received, &[][..])
            }
        };
        let unsettled: BTreeSet<i64> = replay.iter().copied().collect();
        Self {
            stream: Stream {
                phase: Phase::Waiting { until: now },
                backoff: Backoff::new(config.seed, config.backoff_base, config.backoff_max),
                last_seq: None,
                recent: VecDeque::new(),
                cursor,
                received,
                halted: None,
                outdated: None,
                restart: None,
                told: None,
                is_refiltered: false,
                outdated_at: None,
            },
            upstreams,
            epoch: restored.epoch + 1,
            entries: HashMap::new(),
            next_entry: 0,
            lanes: Lanes::default(),
            window: Window::new(cursor, received, unsettled),
            runnable: VecDeque::new(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            verifying: 0,
            paused_until: None,
            outages: 0,
            bytes: 0,
            filter: restored.filter.clone().unwrap_or_default(),
            filter_is_saved: true,
            gaps: restored.gaps,
            heads: HashMap::new(),
            rejects: Vec::new(),
            unsaved_bytes: 0,
            replayed: Vec::new(),
            returning: 0,
            spool: Spool::default(),
            parking: Parking::default(),
            tracking: Tracking::default(),
            park_backoff: Backoff::new(
                config.seed.wrapping_add(1),
                config.park_retry_base,
                config.park_retry_max,
            ),
            started: now,
            newest_time: String::new(),
            persistence: Persistence::default(),
            noted_pressure: None,
            stats: IntakeStats::default(),
            config,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, id)) = self.timers.first().copied()
            && at <= now
        {
            self.clear_timer(id);
            self.expire(now, id);
        }
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
    }

    /// When [`Self::handle_timeout`] is due next, or an action that waits for
    /// time. `None`: only when something else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let connect = match self.stream.phase {
            Phase::Waiting { until } if self.may_connect() => Some(until),
            _ => None,
        };
        let timer = self.timers.first().map(|(at, _)| *at);
        let others = [self.paused_until, self.persist_due(), self.park_due()];
        [connect, timer].into_iter().chain(others).flatten().min()
    }

    /// The next thing to do, if any.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        if let Some(action) = self.poll_stream(now) {
            return Some(action);
        }
        if let Some(action) = self.poll_spool() {
            return Some(action);
        }
        if let Some(action) = self.poll_parked(now) {
            return Some(action);
        }
        while self.verifying < self.config.max_verifications
            && let Some(id) = self.runnable.pop_front()
        {
            if let Some(action) = self.step(now, id) {
                return Some(action);
            }
        }
        self.note_pressure();
        self.poll_persist(now)
    }

    /// Why no more events will come, if that is so.
    pub fn halted(&self) -> Option<&Arc<str>> {
        self.stream.halted.as_ref()
    }

    /// Whether every event that was received is settled.
    pub fn is_drained(&self) -> bool {
        self.entries.is_empty() && self.spool_len() == 0
    }

    /// Whether everything that is settled is also stored. Where the caller
    /// stores checkpoints it is stored with the next one of theirs.
    pub fn is_saved(&self) -> bool {
        !self.persistence.dirty && self.persistence.saving.is_none() && !self.persistence.fenced
    }

    /// Whether every event is settled, and no save that the intake asks for is
    /// outstanding: nothing more will happen once it is halted.
    pub fn is_at_rest(&self) -> bool {
        let can_save = self.config.persist && !self.persistence.fenced;
        self.is_drained() && (self.is_saved() || !can_save)
    }

    /// Stops reading. What was received can still be settled.
    pub fn halt(&mut self, reason: impl Into<Arc<str>>) {
        self.stream.halted.get_or_insert(reason.into());
        self.refill_starved();
    }

    /// Where things stand.
    pub fn stats(&self) -> IntakeStats {
        let (parked, parked_bytes, parked_accounts) = self.parked_totals();
        IntakeStats {
            parked,
            parked_bytes,
            parked_accounts,
            cursor: self.window.cursor(),
            received: self.window.received(),
            in_flight: (self.entries.len() + self.spool_len()) as u64,
            in_spool: self.spool_len() as u64,
            in_spool_bytes: self.spool_bytes(),
            pressure: self.pressure(),
            in_flight_bytes: self.bytes as u64,
            lanes: self.lanes.len() as u64,
            upstream: self.upstreams.current,
            connected: matches!(self.stream.phase, Phase::Open { .. }),
            filter_version: self.filter.version,
            filter_since: self.filter.since,
            unsaved_bytes: self.unsaved_bytes as u64,
            unsaved_heads: self.heads.len() as u64,
            ..self.stats.clone()
        }
    }

    /// An entry's time has come.
    fn expire(&mut self, now: Instant, id: EntryId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        match entry.stage {
            Stage::LoadLater => {
                entry.stage = Stage::Load;
                self.runnable.push_back(id);
            }
            Stage::Deferred => {
                entry.stage = Stage::Verify;
                self.runnable.push_back(id);
            }
            Stage::Retrying => {
                entry.stage = Stage::Ready;
                self.ready.push_back(id);
            }
            Stage::Delivered => {
                self.stats.expired += 1;
                self.retry(now, id, Duration::ZERO);
            }
            _ => {}
        }
    }
}
