//! Events that were given up, once more.

use std::{sync::Arc, time::Instant};

use atproto_repo::event::EventError;

use super::{Intake, entry::OVERHEAD};
use crate::{checkpoint::Reject, event::Event};

/// Why a reject is not replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It is being worked on, or waits to be.
    #[error("the event is in flight already")]
    InFlight,
    /// The frame says nothing.
    #[error("the frame cannot be read")]
    Frame(#[from] EventError),
    /// The event of a Jetstream server or a labeler says nothing.
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
    /// There is no room for it now.
    #[error("as many bytes are in flight as are allowed")]
    NoRoom,
    /// The consumer reads no more.
    #[error("the consumer has stopped")]
    Stopped,
    /// It was rejected because it is not true. A gap was delivered in its place: fetch the
    /// repository.
    #[error("an event that was rejected as {0} cannot be replayed")]
    Untrue(String),
}

impl Intake {
    /// Delivers an event again that was given up by whoever worked on it. It was verified
    /// then, and counts for nothing in the account's chain now. When it is settled its id
    /// is in the next checkpoint's `replayed`.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn handle_replay(
        &mut self,
        now: Instant,
        id: i64,
        reject: &Reject,
    ) -> Result<(), ReplayError> {
        if !GIVEN_UP.contains(&&*reject.label) {
            return Err(ReplayError::Untrue(reject.label.clone().into_owned()));
        }
        if self.stream.halted.is_some() {
            return Err(ReplayError::Stopped);
        }
        if self.entries.values().any(|entry| entry.replay == Some(id)) {
            return Err(ReplayError::InFlight);
        }
        let cost = reject.frame.len() + OVERHEAD;
        if self.bytes + self.unsaved_bytes + cost > self.config.max_in_flight_bytes {
            return Err(ReplayError::NoRoom);
        }
        let event = self.config.wire.event(reject.frame.clone(), reject.seq)?;
        let entry_id = self.next_id();
        let did = event.did().cloned();
        if let Event::Labels(labels) = event {
            // Some of the message may have been refused.
            self.hold_labels(now, entry_id, (None, reject.seq), labels, reject.frame.clone());
        } else {
            self.insert(now, entry_id, (None, reject.seq), did.clone(), reject.frame.clone());
            if let Some(entry) = self.entries.get_mut(&entry_id) {
                entry.event = Some(Arc::new(event));
            }
            if did.is_none_or(|did| self.lanes.push(&did, entry_id, cost)) {
                self.start(now, entry_id);
            }
        }
        if let Some(entry) = self.entries.get_mut(&entry_id) {
            entry.replay = Some(id);
        }
        self.stats.replayed += 1;
        Ok(())
    }
}

/// The label of what a handler rejected.
pub(super) const HANDLER: &str = "handler";

/// The label of what failed too often.
pub(super) const ATTEMPTS: &str = "attempts";

/// The labels of events that were true.
const GIVEN_UP: [&str; 2] = [HANDLER, ATTEMPTS];
