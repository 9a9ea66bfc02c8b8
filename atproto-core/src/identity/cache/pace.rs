//! How often the network is asked.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lets through so many a second, after a burst of as many; others wait for their turn.
///
/// Kept as one moment: the time at which everything let through so far is paid for. A turn
/// moves it on by one interval; who would move it more than a second ahead waits.
pub(super) struct Pace {
    interval: Duration,
    paid_until: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self { interval: BURST / per_second.max(1), paid_until: Mutex::new(None) }
    }

    pub(super) async fn turn(&self) {
        sleep_until(self.reserve(Instant::now())).await;
    }

    /// The moment of the next turn.
    fn reserve(&self, now: Instant) -> Instant {
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = paid_until.unwrap_or(now).max(now) + self.interval;
        *paid_until = Some(paid);
        paid.checked_sub(BURST).map_or(now, |turn| turn.max(now))
    }
}

/// A second's worth may come at once.
const BURST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Pace;

    #[test]
    fn a_burst_then_a_steady_pace() {
        let pace = Pace::new(10);
        let now = Instant::now() + Duration::from_secs(60);
        for _ in 0..10 {
            assert_eq!(pace.reserve(now), now);
        }
        for waiting in 1..=20 {
            assert_eq!(pace.reserve(now), now + Duration::from_millis(100) * waiting);
        }
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.reserve(later), later, "rest is not saved beyond a burst");
        for _ in 0..9 {
            assert_eq!(pace.reserve(later), later);
        }
        assert!(pace.reserve(later) > later);
    }
}
