use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use super::{RateLimit, RequestError};
use crate::{XrpcError, random};

/// When a call is tried again, and after how long.
///
/// Queries are tried again after network errors, 429, 502, 503 and 504. Procedures only
/// where the server cannot have acted: no connection, 429. Nothing else is: a 501 or a 400
/// will be the same the next time.
///
/// The waits grow and are random, so that clients of a server that comes back do not return
/// all at once; `Retry-After` is obeyed, and where a 429 is without it, `RateLimit-Reset`.
/// Across all calls of a client a tenth as many retries as calls are made, beyond the first
/// ten: a server in trouble is not multiplied. Each retry is a `tracing` event of level
/// `debug`.
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
    /// Retries that are saved up at most, across all calls of a client; also those that it
    /// begins with. Default: 10.
    pub reserve: u32,
    /// How many retries a call adds to what is saved. Default: 0.1.
    pub ratio: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(250),
            max: Duration::from_secs(10),
            reserve: 10,
            ratio: 0.1,
        }
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

    /// The same policy with this budget: see [`reserve`](Self::reserve) and
    /// [`ratio`](Self::ratio).
    #[must_use]
    pub fn budget(mut self, reserve: u32, ratio: f64) -> Self {
        (self.reserve, self.ratio) = (reserve, ratio);
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
            RequestError::Xrpc(error) => error.retry_after().or_else(|| until_reset(error)),
            RequestError::Transport(_) | RequestError::Session(_) => None,
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
        RequestError::Session(_) => false,
    }
}

fn until_reset(error: &XrpcError) -> Option<Duration> {
    let limit = error.headers().filter(|_| error.status.as_u16() == 429).and_then(RateLimit::read);
    limit.map(|limit| limit.reset)
}

/// Thousandths of retries that may still be made.
#[derive(Debug)]
pub(super) struct RetryBudget {
    saved: AtomicI64,
    most: i64,
    per_call: i64,
}

impl RetryBudget {
    pub(super) fn new(policy: &RetryPolicy) -> Self {
        let most = RETRY * i64::from(policy.reserve);
        // What is no number saves nothing.
        let per_call = (RETRY as f64 * policy.ratio) as i64;
        Self { saved: AtomicI64::new(most), most, per_call: per_call.max(0) }
    }

    pub(super) fn deposit(&self) {
        let add = |now: i64| Some(now.saturating_add(self.per_call).min(self.most));
        let _always_some = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    pub(super) fn withdraw(&self) -> bool {
        let take = |now: i64| (now >= RETRY).then_some(now - RETRY);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

const RETRY: i64 = 1_000;

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

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
    fn a_limited_call_without_retry_after_waits_for_the_next_window() {
        let limited = |reset: u64| {
            let headers = [("limit", 5), ("remaining", 0), ("reset", reset)];
            let error = XrpcError::new(StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded");
            let error = headers.into_iter().fold(error, |error, (name, value)| {
                let name = format!("ratelimit-{name}").parse().unwrap();
                error.with_header(name, value.into())
            });
            RetryPolicy::default().wait_after(&error.into(), 1, true)
        };
        assert!(limited(5).unwrap() >= Duration::from_secs(5));
        assert!(limited(600).is_none());
    }

    #[test]
    fn the_budget_runs_out_and_refills_slowly() {
        let budget = RetryBudget::new(&RetryPolicy::default());
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 10);
        (0..10).for_each(|_| budget.deposit());
        assert!(budget.withdraw() && !budget.withdraw());
        let small = RetryBudget::new(&RetryPolicy::default().budget(2, 0.5));
        assert_eq!((0..20).filter(|_| small.withdraw()).count(), 2);
        (0..2).for_each(|_| small.deposit());
        assert!(small.withdraw() && !small.withdraw());
    }
}
