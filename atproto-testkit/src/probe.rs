//! One event without a network.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use atproto_firehose::{consumer::Delivery, event::Event, intake::Settlement};

/// A delivery of an event, as a consumer would make it, and a probe that sees what becomes of
/// it. `event` is a firehose event, or a message as an [`Author`](crate::Author) makes them.
///
/// ```
/// use atproto_testkit::{Author, delivery};
/// # use atproto_firehose::consumer::Delivery;
/// # async fn handle(delivery: Delivery) { delivery.ack().await; }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let alice = Author::new("alice.test", 1);
/// let (delivery, probe) = delivery(alice.account(Some("deactivated")));
/// handle(delivery).await; // your code
/// assert!(probe.acked());
/// # }
/// ```
///
/// # Panics
/// If `event` is a message that is never delivered, which is `#info`.
pub fn delivery<E>(event: E) -> (Delivery, Probe)
where
    E: TryInto<Event>,
    E::Error: Debug,
{
    let event = event.try_into().expect("the message is one that consumers deliver");
    let probe = Probe::default();
    let seen = Arc::clone(&probe.0);
    let delivery = Delivery::detached(event, 1, move |settlement| {
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(settlement);
        true
    });
    (delivery, probe)
}

/// What became of a [`delivery`].
#[derive(Debug, Clone, Default)]
pub struct Probe(Arc<Mutex<Option<Settlement>>>);

impl Probe {
    /// How it was settled; `None` while somebody still has it. What is dropped without a word
    /// is to be tried again.
    pub fn settlement(&self) -> Option<Settlement> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it was acknowledged.
    pub fn acked(&self) -> bool {
        matches!(self.settlement(), Some(Settlement::Ack))
    }

    /// Whether it is to come again, because it failed or was dropped.
    pub fn retried(&self) -> bool {
        matches!(self.settlement(), Some(Settlement::Retry(_)))
    }

    /// Whether what it takes to work on it was said to be down.
    pub fn unavailable(&self) -> bool {
        matches!(self.settlement(), Some(Settlement::Unavailable))
    }

    /// The reason for which it was given up.
    pub fn rejected(&self) -> Option<Arc<str>> {
        match self.settlement() {
            Some(Settlement::Reject(reason)) => Some(reason),
            _ => None,
        }
    }
}
