//! The way of an operation into the store.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use atproto_core::identity::plc::{
    History, OperationError, SignedOperation, SubmissionError, check_submission,
};
use atproto_core::syntax::Did;

use tokio::sync::watch;

use crate::store::{Store, StoreError};

/// Gives the present, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The rules of the directory over its store.
pub struct Directory {
    store: Store,
    limits: RateLimits,
    clock: Clock,
    accepted: watch::Sender<()>,
}

/// How many operations one identity may have in force within a time; `None` is without limit.
///
/// The defaults are those of the public directory. They keep one identity from filling the
/// log, and never stand in the way of a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Within the last hour.
    pub hour: Option<usize>,
    /// Within the last day.
    pub day: Option<usize>,
    /// Within the last week.
    pub week: Option<usize>,
}

/// Why an operation was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It does not follow from the identity's log.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// The identity had too many operations lately.
    #[error("Too many operations within last {period} (max {limit})")]
    Rate {
        /// The time that the limit is about.
        period: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The store failed; nothing is known about the operation.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It exceeds a limit of submissions.
    #[error(transparent)]
    Submission(#[from] SubmissionError),
}

impl Directory {
    /// A directory by the system's clock.
    pub fn new(store: Store, limits: RateLimits) -> Self {
        Self { store, limits, clock: Arc::new(system_millis), accepted: watch::Sender::new(()) }
    }

    /// Replaces the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The operations.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The present, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Changes whenever an operation was accepted.
    pub fn accepted(&self) -> watch::Receiver<()> {
        self.accepted.subscribe()
    }

    /// Accepts an operation for good, or says why not. Blocks; the operation is durable when
    /// this returns.
    pub fn submit(&self, did: &Did, operation: &SignedOperation) -> Result<(), Rejection> {
        check_submission(operation)?;
        self.store.append(did, operation, self.now(), |history, now| {
            let accepted = history.check(operation, now * 1000)?;
            // A recovery must get through even if a thief has used up the limits.
            if accepted.nullified.is_empty() {
                self.limits.check(history, now)?;
            }
            Ok(accepted)
        })?;
        self.accepted.send_replace(());
        Ok(())
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { hour: Some(10), day: Some(30), week: Some(100) }
    }
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self { hour: None, day: None, week: None };

    /// Whether one more operation is admitted, as of `now` in milliseconds.
    fn check(&self, history: &History, now: i64) -> Result<(), Rejection> {
        const HOUR: i64 = 60 * 60 * 1000;
        for (period, length, limit) in [
            ("week", 7 * 24 * HOUR, self.week),
            ("day", 24 * HOUR, self.day),
            ("hour", HOUR, self.hour),
        ] {
            let Some(limit) = limit else { continue };
            let since = (now - length) * 1000;
            if history.iter().filter(|(_, accepted_at)| *accepted_at > since).count() >= limit {
                return Err(Rejection::Rate { period, limit });
            }
        }
        Ok(())
    }
}

fn system_millis() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
