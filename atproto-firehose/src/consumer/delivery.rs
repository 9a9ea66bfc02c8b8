use std::sync::Arc;
use std::time::Duration;

use super::driver::{Shared, now};
use crate::event::Event;
use crate::intake::{Delivered, DeliveryId, Settlement};

/// How soon an event comes again that was dropped without a word.
const DROPPED_RETRY: Duration = Duration::from_millis(100);

/// One event to work on. Dropped without [`Self::ack`] it is delivered again.
#[derive(Debug)]
#[must_use = "an event that is not acknowledged is delivered again"]
pub struct Delivery {
    event: Arc<Event>,
    attempt: u32,
    acknowledger: Acknowledger,
}

/// The ack of a [`Delivery`], apart from its event.
#[derive(Debug)]
#[must_use = "an event that is not acknowledged is delivered again"]
pub struct Acknowledger {
    shared: Arc<Shared>,
    id: DeliveryId,
    settled: bool,
}

impl Delivery {
    pub(crate) fn new(shared: Arc<Shared>, delivered: Delivered) -> Self {
        let acknowledger = Acknowledger { shared, id: delivered.id, settled: false };
        Self { event: delivered.event, attempt: delivered.attempt, acknowledger }
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// 1 for the first delivery. A higher one says that an earlier one was not
    /// acknowledged, whatever it may have done.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The effects of the event are durable: it need not come again. False if
    /// the deadline had passed and the event was delivered anew.
    pub async fn ack(self) -> bool {
        self.acknowledger.ack().await
    }

    /// It failed: deliver it again after a while.
    pub fn nack(self, after: Duration) -> bool {
        self.acknowledger.settle(Settlement::Retry(after))
    }

    /// It can never succeed: to the dead letters.
    pub fn reject(self, reason: impl Into<Arc<str>>) -> bool {
        self.acknowledger.settle(Settlement::Reject(reason.into()))
    }

    /// What it takes to work on it is down: all deliveries pause for a while.
    pub fn unavailable(self) -> bool {
        self.acknowledger.settle(Settlement::Unavailable)
    }

    /// The event and its ack, to go separate ways.
    pub fn into_parts(self) -> (Arc<Event>, Acknowledger) {
        (self.event, self.acknowledger)
    }
}

impl Acknowledger {
    /// As [`Delivery::ack`].
    // Asynchronous, so that a store with an ack of its own has room to wait.
    #[expect(clippy::unused_async, reason = "part of the interface")]
    pub async fn ack(self) -> bool {
        self.settle(Settlement::Ack)
    }

    /// Ends the delivery in any way. False as in [`Delivery::ack`].
    pub fn settle(mut self, settlement: Settlement) -> bool {
        self.settled = true;
        self.shared.update(|intake| intake.handle_settled(now(), self.id, settlement))
    }
}

impl Drop for Acknowledger {
    fn drop(&mut self) {
        if !self.settled {
            let retry = Settlement::Retry(DROPPED_RETRY);
            self.shared.update(|intake| intake.handle_settled(now(), self.id, retry));
        }
    }
}
