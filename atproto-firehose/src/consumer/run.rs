use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Consumer, ConsumerError, Delivery};
use crate::event::Event;
use crate::intake::Settlement;

/// How many events are handled at the same time, of different accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers(pub usize);

/// Why a handler did not handle an event, and so what becomes of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Something it needs is down, for instance the database. All deliveries
    /// pause for a while, however long it takes; nothing is given up.
    #[error("unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Try this event again after a while. After
    /// [`max_attempts`](super::ConsumerOptions::max_attempts) it is given up.
    #[error("to be tried again after {0:?}")]
    Retry(Duration),
    /// This event can never be handled: to the dead letters.
    #[error("rejected: {0}")]
    Reject(Arc<str>),
    /// Stop the consumer.
    #[error("fatal")]
    Fatal(#[source] Box<dyn Error + Send + Sync>),
}

impl Consumer {
    /// Calls a handler for each event: in order for each account, for several
    /// accounts at the same time. An event whose handler panics is delivered
    /// again. Ends when the consumer stops.
    ///
    /// # Errors
    /// [`ConsumerError::Stopped`], [`ConsumerError::Handler`]. The event of a
    /// fatal failure stays unsettled.
    pub async fn run<H, F>(&mut self, workers: Workers, handler: H) -> Result<(), ConsumerError>
    where
        H: Fn(Arc<Event>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                // In this order, so that a run with a given input can be repeated.
                biased;
                Some(done) = tasks.join_next() => {
                    if let Ok(Some(fatal)) = done {
                        return Err(ConsumerError::Handler(fatal));
                    }
                }
                delivery = self.next(), if tasks.len() < workers.0.max(1) => {
                    let Some(delivery) = delivery else { break };
                    tasks.spawn(handle(delivery, Arc::clone(&handler)));
                }
            }
        }
        self.stopped().map_or(Ok(()), |reason| Err(ConsumerError::Stopped(reason)))
    }
}

async fn handle<H, F>(delivery: Delivery, handler: Arc<H>) -> Option<Box<dyn Error + Send + Sync>>
where
    H: Fn(Arc<Event>) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let (event, acknowledger) = delivery.into_parts();
    let settlement = match handler(event).await {
        Ok(()) => Settlement::Ack,
        Err(Failure::Unavailable(error)) => {
            tracing::warn!(%error, "the handler is unavailable, deliveries pause");
            Settlement::Unavailable
        }
        Err(Failure::Retry(after)) => Settlement::Retry(after),
        Err(Failure::Reject(reason)) => Settlement::Reject(reason),
        Err(Failure::Fatal(error)) => return Some(error),
    };
    acknowledger.settle(settlement);
    None
}
