//! What a consumer must remember, as a value.

mod tracking;

use std::borrow::Cow;
use std::sync::Arc;

use atproto_core::syntax::Did;
use atproto_repo::sync::RepoState;
use bytes::Bytes;

pub use self::tracking::{Due, GAP, Known, TrackingDelta, Wanted};

/// All that changed in a consumer's memory since the last one that was stored.
///
/// It is stored as a whole, in one transaction: by a
/// [`Store`](crate::state::Store), or by the caller together with the effects
/// of the events it covers, which makes them exactly-once.
///
/// Events settle out of order, so a single number cannot say what is done:
///
/// ```text
/// seq        1  2  3  4  5  6  7  8  9
/// settled    ✓  ✓  ·  ✓  ✓  ·  ✓  ·  ·  cursor 2, received 7, unsettled [3, 6]
/// ```
/// After a restart the stream is read from `cursor`, and what was received and
/// is not listed as unsettled is passed over. What came after the newest settled
/// event counts as not received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// How many consumers have continued from this state. Each raises it by one, and whoever
    /// stores refuses a checkpoint whose epoch is below the stored one: of two processes
    /// that take themselves for the same consumer the older one is fenced off.
    pub epoch: u64,
    /// Everything up to here is settled. `None` before the first event of a
    /// stream that is read from live.
    pub cursor: Option<i64>,
    /// The newest sequence number that counts as received: that of the newest settled event, or
    /// the cursor.
    pub received: i64,
    /// Sequence numbers above the cursor, up to `received`, that are not
    /// settled.
    pub unsettled: Vec<i64>,
    /// States of repositories that changed, as of their last settled event.
    /// Store each in place of the one before.
    pub heads: Vec<(Did, Head)>,
    /// Events that were given up, to be kept for inspection.
    pub rejects: Vec<Reject>,
    /// Ids of kept rejects that were replayed and are settled: remove them.
    pub replayed: Vec<i64>,
    /// Events that wait in the store: keep each under its id until it is among
    /// `unparked`. The cursor has passed them, so that who loses one has lost an
    /// event.
    pub parked: Vec<Parked>,
    /// Ids of parked events that are settled: remove them, after `parked` is
    /// added, which may have them too.
    pub unparked: Vec<u64>,
    /// The filter, if it was [changed](crate::consumer::FilterHandle::set): store it
    /// in place of the one before, and give it back at the start.
    pub filter: Option<StoredFilter>,
    /// The upstream whose numbers these are, where there are several.
    pub upstream: Option<Arc<str>>,
    /// Where the other upstreams were left. It is complete, as the cursor is.
    pub positions: Vec<(Arc<str>, i64)>,
    /// How often events of any account may have been missed: gaps in the stream, and new
    /// beginnings elsewhere. Whoever moves a stored cursor by hand raises it by one.
    pub gaps: u64,
    /// What a [`Tracker`](crate::tracker::Tracker) remembers beside the heads.
    pub tracking: TrackingDelta,
}

/// A filter that was changed while the stream was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredFilter {
    /// Rises by one with each change; 0: never changed.
    pub version: u64,
    /// Every event from this sequence number on is judged by it.
    pub since: i64,
    /// [`Filter::to_json`](crate::filter::Filter::to_json).
    pub text: Arc<str>,
}

impl StoredFilter {
    /// A filter as it was stored.
    pub fn new(version: u64, since: i64, text: impl Into<Arc<str>>) -> Self {
        Self { version, since, text: text.into() }
    }
}

/// An event that waits in the store until its account can be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parked {
    /// Unique among those that are parked; rises in the order of the events.
    pub id: u64,
    /// The account.
    pub did: Did,
    /// Its sequence number.
    pub seq: i64,
    /// When it was parked, in microseconds of Unix time.
    pub since: i64,
    /// Why, as a short constant name: `identity` (it cannot be resolved),
    /// `caller`, `slow`, or `behind` another event of the account.
    pub label: Cow<'static, str>,
    /// The frame as it came.
    pub frame: Bytes,
}

/// A [`Parked`] event without its frame: what a consumer remembers of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedRef {
    /// As in [`Parked::id`].
    pub id: u64,
    /// The account.
    pub did: Did,
    /// Its sequence number.
    pub seq: i64,
    /// When it was parked, in microseconds of Unix time.
    pub since: i64,
    /// The length of its frame.
    pub bytes: u64,
}

impl Parked {
    /// An event as it was stored.
    pub fn new(
        id: u64,
        did: Did,
        seq: i64,
        since: i64,
        label: impl Into<Cow<'static, str>>,
        frame: impl Into<Bytes>,
    ) -> Self {
        Self { id, did, seq, since, label: label.into(), frame: frame.into() }
    }
}

impl ParkedRef {
    /// What is remembered of an event with a frame of so many bytes.
    pub fn new(id: u64, did: Did, seq: i64, since: i64, bytes: u64) -> Self {
        Self { id, did, seq, since, bytes }
    }
}

impl From<&Parked> for ParkedRef {
    fn from(parked: &Parked) -> Self {
        let Parked { id, did, seq, since, frame, .. } = parked;
        Self { id: *id, did: did.clone(), seq: *seq, since: *since, bytes: frame.len() as u64 }
    }
}

/// What is known of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The state after its last commit or sync; `None` before the first.
    pub state: Option<RepoState>,
    /// Whether the upstream says that it is active.
    pub active: bool,
    /// [`Checkpoint::gaps`] when it said so: in a later gap it may have said otherwise.
    pub gaps: u64,
}

impl Default for Head {
    fn default() -> Self {
        Self { state: None, active: true, gaps: 0 }
    }
}

/// An event that was given up: a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reject {
    /// Its sequence number; 0 if it had none.
    pub seq: i64,
    /// The account, if it is about one.
    pub did: Option<Did>,
    /// A short constant name: of a rejection, or `handler` and `attempts` for
    /// events that the handler gave up.
    pub label: Cow<'static, str>,
    /// The reason in words.
    pub reason: Arc<str>,
    /// The frame as it came.
    pub frame: Bytes,
}

impl Reject {
    /// One as a store has kept it.
    pub fn new(
        seq: i64,
        did: Option<Did>,
        label: impl Into<Cow<'static, str>>,
        reason: impl Into<Arc<str>>,
        frame: Bytes,
    ) -> Self {
        Self { seq, did, label: label.into(), reason: reason.into(), frame }
    }
}

impl Checkpoint {
    /// Takes over what a later one changed. The result is what storing both
    /// would leave; of `rejects` it keeps all.
    pub fn merge(&mut self, later: &Self) {
        self.epoch = later.epoch;
        self.cursor = later.cursor;
        self.received = later.received;
        self.unsettled.clone_from(&later.unsettled);
        self.upstream.clone_from(&later.upstream);
        self.positions.clone_from(&later.positions);
        self.gaps = later.gaps;
        for (did, head) in &later.heads {
            match self.heads.iter_mut().find(|(known, _)| known == did) {
                Some((_, known)) => *known = *head,
                None => self.heads.push((did.clone(), *head)),
            }
        }
        self.rejects.extend_from_slice(&later.rejects);
        self.replayed.extend_from_slice(&later.replayed);
        self.parked.extend_from_slice(&later.parked);
        self.parked.retain(|parked| !later.unparked.contains(&parked.id));
        self.unparked.extend_from_slice(&later.unparked);
        self.tracking.merge(&later.tracking);
        if later.filter.is_some() {
            self.filter.clone_from(&later.filter);
        }
    }
}
