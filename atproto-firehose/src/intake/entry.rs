use std::sync::Arc;
use std::time::Instant;

use atproto_core::syntax::Did;
use atproto_repo::event::Event as Message;
use bytes::Bytes;

use super::tracking::Fetched;
use crate::checkpoint::Head;
use crate::event::{Event, Labels};

/// What an event costs beyond its frame: decoded fields and bookkeeping.
pub(crate) const OVERHEAD: usize = 1_024;

/// An event from its arrival until it is settled.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The number under which it holds the cursor. `None` for what does not.
    pub(crate) seq: Option<i64>,
    /// The number that it came with; 0 without one.
    pub(crate) number: i64,
    pub(crate) did: Option<Did>,
    pub(crate) arrived: Instant,
    pub(crate) cost: usize,
    pub(crate) stage: Stage,
    /// Deliveries so far.
    pub(crate) attempt: u32,
    /// Deliveries that failed.
    pub(crate) failures: u32,
    /// When something is due for it.
    pub(crate) timer: Option<Instant>,
    /// Since when its identity cannot be resolved.
    pub(crate) deferred_since: Option<Instant>,
    /// Deferrals so far.
    pub(crate) deferrals: u32,
    pub(crate) frame: Bytes,
    /// Why it has not the form it should have.
    pub(crate) invalid: Option<Arc<str>>,
    /// The message until it is verified.
    pub(crate) message: Option<Arc<Message>>,
    /// The labels until they are verified.
    pub(crate) labels: Option<Arc<Labels>>,
    /// What is delivered, once that is known.
    pub(crate) event: Option<Arc<Event>>,
    /// As in [`Checkpoint::gaps`](crate::checkpoint::Checkpoint::gaps), when it came.
    pub(crate) gaps: u64,
    /// What is known of the account before this event.
    pub(crate) head: Head,
    /// What will be known once it is settled.
    pub(crate) head_after: Option<Head>,
    /// The id of the stored reject that is replayed.
    pub(crate) replay: Option<i64>,
    /// The id under which it is parked.
    pub(crate) parked: Option<u64>,
    /// What follows once a repository was fetched: nobody works on it.
    pub(crate) fetched: Option<Box<Fetched>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Behind an earlier event of the account.
    Queued,
    /// Needs the account's head.
    Load,
    Loading,
    /// The head could not be read.
    LoadLater,
    /// Needs to be verified.
    Verify,
    Verifying,
    /// The identity cannot be resolved now.
    Deferred,
    Ready,
    Delivered,
    /// Waits to be delivered again.
    Retrying,
}
