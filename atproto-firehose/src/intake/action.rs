use std::sync::Arc;
use std::time::Duration;

use atproto_core::syntax::Did;
use atproto_repo::event::Event as Message;
use atproto_repo::sync::RepoState;
use bytes::Bytes;

use crate::checkpoint::Checkpoint;
use crate::event::Labels;

/// Identifies an event from its arrival until it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) u64);

/// Identifies one delivery of an event. A settlement of an earlier delivery
/// than the last one is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryId {
    pub(crate) entry: EntryId,
    pub(crate) attempt: u32,
}

/// What the shell has to do.
#[derive(Debug)]
pub enum Action {
    /// Connect, and answer with `handle_connected` or `handle_closed`.
    Connect {
        /// Which of the upstreams, counted from zero.
        upstream: usize,
        /// The cursor parameter.
        cursor: Option<i64>,
    },
    /// Close the connection, and answer with `handle_closed`.
    Disconnect {
        /// Why, for the log.
        reason: &'static str,
    },
    /// Look up what is stored of an account, and answer with `handle_head`.
    LoadHead {
        /// The event that needs it.
        id: EntryId,
        /// The account.
        did: Did,
    },
    /// Verify an event, on any thread, and answer with `handle_verified`.
    Verify {
        /// The event.
        id: EntryId,
        /// Its message.
        event: Arc<Message>,
        /// The state to hold it against.
        previous: Option<RepoState>,
    },
    /// Verify labels, on any thread, and answer with
    /// `handle_labels_verified`.
    VerifyLabels {
        /// The event.
        id: EntryId,
        /// The labels.
        labels: Arc<Labels>,
    },
    /// Write a frame to the spool, and answer with `handle_spooled` or
    /// `handle_spool_failed`. It need not survive a crash.
    Spool {
        /// The event.
        id: EntryId,
        /// What to write.
        frame: Bytes,
    },
    /// Take a frame out of the spool, and answer with `handle_unspooled` or
    /// `handle_unspool_failed`.
    Unspool {
        /// The event.
        id: EntryId,
    },
    /// Remove a frame from the spool if it is there. There is no answer.
    Discard {
        /// The event.
        id: EntryId,
    },
    /// Read the frame of a parked event from the store, and answer with
    /// `handle_parked` or `handle_parked_failed`.
    LoadParked {
        /// The event.
        id: EntryId,
        /// The id under which it is parked.
        parked: u64,
    },
    /// Store a checkpoint, and answer with `handle_persisted` or
    /// `handle_persist_failed`. There is one at a time.
    Persist(Box<Checkpoint>),
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Its effects are durable.
    Ack,
    /// It failed; deliver it again after this time. It counts as an attempt.
    Retry(Duration),
    /// What the handler needs is down. All deliveries pause, and this one
    /// comes again without counting as an attempt.
    Unavailable,
    /// The account cannot be worked on for now. This event and all behind it
    /// are parked in the store, which lets the cursor pass them, until
    /// [`Intake::unpark`](super::Intake::unpark), or the next process. Where
    /// nothing can be parked, and for what is of no account, it comes again
    /// after a while, which does not count as an attempt.
    Park,
    /// It can never succeed: to the dead letters, with this reason.
    Reject(Arc<str>),
}
