use std::fmt;
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
    recipient: Recipient,
}

/// Who is told how the delivery ended.
enum Recipient {
    /// Nobody any more.
    Told,
    Consumer {
        shared: Arc<Shared>,
        id: DeliveryId,
    },
    Caller(Box<dyn FnOnce(Settlement) -> bool + Send + Sync>),
}

impl Delivery {
    pub(crate) fn new(shared: Arc<Shared>, delivered: Delivered) -> Self {
        let recipient = Recipient::Consumer { shared, id: delivered.id };
        let acknowledger = Acknowledger { recipient };
        Self { event: delivered.event, attempt: delivered.attempt, acknowledger }
    }

    /// A delivery that no consumer made, for tests of what works on deliveries. `settled` is
    /// called once, with what becomes of it, and answers as a consumer would: false if it comes
    /// too late.
    pub fn detached(
        event: Event,
        attempt: u32,
        settled: impl FnOnce(Settlement) -> bool + Send + Sync + 'static,
    ) -> Self {
        let acknowledger = Acknowledger { recipient: Recipient::Caller(Box::new(settled)) };
        Self { event: Arc::new(event), attempt, acknowledger }
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

    /// The account cannot be worked on for now, for instance because its
    /// repository is being fetched: this event and all behind it wait in the
    /// state, and let the cursor pass, until
    /// [`Consumer::unpark`](super::Consumer::unpark) or the next process. Needs
    /// [`ConsumerOptions::parking`](super::ConsumerOptions::parking); without, and for
    /// what is of no account, it comes again soon.
    pub fn park(self) -> bool {
        self.acknowledger.settle(Settlement::Park)
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
        self.recipient.tell(settlement)
    }
}

impl Drop for Acknowledger {
    fn drop(&mut self) {
        self.recipient.tell(Settlement::Retry(DROPPED_RETRY));
    }
}

impl Recipient {
    fn tell(&mut self, settlement: Settlement) -> bool {
        match std::mem::replace(self, Self::Told) {
            Self::Told => false,
            Self::Consumer { shared, id } => {
                shared.update(|intake| intake.handle_settled(now(), id, settlement))
            }
            Self::Caller(settled) => settled(settlement),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => f.write_str("Told"),
            Self::Consumer { id, .. } => f.debug_tuple("Consumer").field(id).finish(),
            Self::Caller(_) => f.write_str("Caller"),
        }
    }
}
