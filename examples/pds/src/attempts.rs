//! Slowing down whoever guesses passwords.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use atproto_xrpc::XrpcError;
use tokio::time::Instant;

/// Counters in a table. Ours: 16,384 of some 24 bytes.
const SLOTS: usize = 1 << 14;
/// After so long without a failure all is forgiven.
const MEMORY: Duration = Duration::from_secs(3600);

/// Counts failed attempts by key and makes the next one wait: not at all at first, then
/// twice as long each time.
///
/// The table has a fixed size and keys that share a counter share its delay, so that no
/// flood of keys makes it grow or forget.
pub struct Attempts {
    free: u32,
    longest: Duration,
    hasher: RandomState,
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    failures: u32,
    last: Option<Instant>,
}

impl Attempts {
    /// Lets `free` attempts in a row fail; each further one makes the next wait, for one
    /// second and then twice as long each time, up to `longest`.
    pub fn new(free: u32, longest: Duration) -> Self {
        let slots = Mutex::new(vec![Slot::default(); SLOTS]);
        Self { free, longest, hasher: RandomState::new(), slots }
    }

    /// Begins an attempt, which counts as failed until [`Attempts::succeeded`]: attempts
    /// that run at the same time count, too. The error is a 429 with the time to wait; a
    /// refused attempt does not count.
    pub fn begin(&self, key: &str) -> Result<(), XrpcError> {
        let now = Instant::now();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[self.slot(key)];
        if let Some(last) = slot.last {
            let since = now.duration_since(last);
            if since >= MEMORY {
                slot.failures = 0;
            }
            if let Some(rest) = self.delay(slot.failures).checked_sub(since)
                && !rest.is_zero()
            {
                return Err(XrpcError::rate_limited(rest));
            }
        }
        slot.failures = slot.failures.saturating_add(1);
        slot.last = Some(now);
        Ok(())
    }

    /// The attempt was right after all.
    pub fn succeeded(&self, key: &str) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots[self.slot(key)] = Slot::default();
    }

    fn delay(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(doublings) => {
                let seconds = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
                Duration::from_secs(seconds).min(self.longest)
            }
        }
    }

    fn slot(&self, key: &str) -> usize {
        usize::try_from(self.hasher.hash_one(key) % SLOTS as u64).unwrap_or(0)
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::Attempts;

    #[tokio::test(start_paused = true)]
    async fn t74_each_failure_doubles_the_delay() {
        let attempts = Attempts::new(2, Duration::from_secs(3));
        let wait = || attempts.begin("a").err().and_then(|error| error.retry_after());
        assert_eq!((wait(), wait()), (None, None));
        for seconds in [1, 2, 3, 3] {
            assert_eq!(wait(), Some(Duration::from_secs(seconds)));
            advance(Duration::from_secs(seconds)).await;
            assert_eq!(wait(), None);
        }
        attempts.succeeded("a");
        assert_eq!((wait(), wait()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_forgotten_after_an_hour() {
        let attempts = Attempts::new(1, Duration::from_secs(60));
        attempts.begin("a").unwrap();
        assert!(attempts.begin("a").is_err());
        advance(Duration::from_secs(3600)).await;
        attempts.begin("a").unwrap();
        assert_eq!(attempts.begin("a").unwrap_err().retry_after(), Some(Duration::from_secs(1)));
    }
}
