use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use super::RequestError;
use crate::random;

/// When a call is tried again, and after how long.
///
/// Queries are tried again after network errors, 429, 502, 503 and 504. Procedures only
/// where the server cannot have acted: no connection, 429. Nothing else is: a 501 or a 400
/// will be the same the next time.
///
/// The waits grow and are random, so that clients of a server that comes back do not return
/// all at once; `Retry-After` is obeyed. Across all calls of a client a tenth as many
/// retries as calls are made, beyond the first ten: a server in trouble is not multiplied.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts at a call, the first included. Default: 3.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles from then on. Default: 250 ms.
    pub base: Duration,
    /// The longest wait of all. A `Retry-After` beyond it is the caller's to decide on, and
    /// the error is returned. Default: 10 s.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, base: Duration::from_millis(250), max: Duration::from_secs(10) }
    }
}

impl RetryPolicy {
    /// Every call is tried once.
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// The same policy with so many attempts.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same policy with these waits.
    #[must_use]
    pub fn waits(mut self, base: Duration, max: Duration) -> Self {
        (self.base, self.max) = (base, max);
        self
    }

    /// How long to wait after this failure, if another attempt makes sense. `attempt` counts
    /// from 1.
    pub(super) fn wait_after(
        &self,
        error: &RequestError,
        attempt: u32,
        idempotent: bool,
    ) -> Option<Duration> {
        if attempt >= self.attempts || !is_worthwhile(error, idempotent) {
            return None;
        }
        let asked = match error {
            RequestError::Xrpc(error) => error.retry_after(),
            RequestError::Transport(_) => None,
        };
        let ceiling = self.base.saturating_mul(1 << (attempt - 1).min(16)).min(self.max);
        let random = ceiling.mul_f64(random::fraction());
        match asked {
            Some(asked) if asked > self.max => None,
            Some(asked) => Some(asked + random),
            None => Some(random),
        }
    }
}

fn is_worthwhile(error: &RequestError, idempotent: bool) -> bool {
    match error {
        RequestError::Xrpc(error) => match error.status.as_u16() {
            429 => true,
            502..=504 => idempotent,
            _ => false,
        },
        RequestError::Transport(error) => error.is_unsent() || (idempotent && error.is_transient()),
    }
}

/// Thousandths of retries that may still be made.
#[derive(Debug)]
pub(super) struct RetryBudget(AtomicI64);

const RETRY: i64 = 1_000;
const PER_CALL: i64 = RETRY / 10;
const FULL: i64 = 10 * RETRY;

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicI64::new(FULL))
    }
}

impl RetryBudget {
    pub(super) fn deposit(&self) {
        let add = |now: i64| Some((now + PER_CALL).min(FULL));
        let _always_some = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    pub(super) fn withdraw(&self) -> bool {
        let take = |now: i64| (now >= RETRY).then_some(now - RETRY);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::XrpcError;

    fn answered(status: u16) -> RequestError {
        XrpcError::new(StatusCode::from_u16(status).unwrap(), "X").into()
    }

    #[test]
    fn xr_010_and_011_what_is_tried_again() {
        let policy = RetryPolicy::default();
        for (status, query, procedure) in
            [(429, true, true), (503, true, false), (501, false, false), (400, false, false)]
        {
            let error = answered(status);
            assert_eq!(policy.wait_after(&error, 1, true).is_some(), query, "{status}");
            assert_eq!(policy.wait_after(&error, 1, false).is_some(), procedure, "{status}");
        }
        assert!(policy.wait_after(&answered(503), 3, true).is_none());
    }

    #[test]
    fn xr_009_retry_after_is_obeyed_or_handed_on() {
        let policy = RetryPolicy::default();
        let after = |seconds| XrpcError::rate_limited(Duration::from_secs(seconds)).into();
        assert!(policy.wait_after(&after(5), 1, true).unwrap() >= Duration::from_secs(5));
        assert!(policy.wait_after(&after(11), 1, true).is_none());
    }

    #[test]
    fn the_budget_runs_out_and_refills_slowly() {
        let budget = RetryBudget::default();
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 10);
        (0..10).for_each(|_| budget.deposit());
        assert!(budget.withdraw() && !budget.withdraw());
    }
}
