//! How many events a host may send. One that sends more is read more slowly.

use std::time::Duration;

use tokio::time::Instant;

/// Counts events in windows of a second, an hour and a day.
#[derive(Debug)]
pub(super) struct Quota {
    windows: [Window; 3],
}

#[derive(Debug)]
struct Window {
    length: Duration,
    limit: u64,
    spent: u64,
    ends: Instant,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Quota {
    /// The limits of a host with so many accounts, as the reference relay sets them.
    pub(super) fn new(trusted: bool, accounts: u64) -> Self {
        let limits = if trusted {
            [5_000, 50_000_000, 500_000_000]
        } else {
            [50 + accounts / 1_000, 2_500 + accounts, 20_000 + 10 * accounts]
        };
        let now = Instant::now();
        let window = |length, limit| Window { length, limit, spent: 0, ends: now + length };
        let [second, hour, day] = limits;
        Self { windows: [window(SECOND, second), window(HOUR, hour), window(DAY, day)] }
    }

    /// Counts an event.
    pub(super) fn spend(&mut self) {
        let now = Instant::now();
        for window in &mut self.windows {
            if window.ends <= now {
                (window.spent, window.ends) = (0, now + window.length);
            }
            window.spent += 1;
        }
    }

    /// When the next event may be read, if not now.
    pub(super) fn wait(&self) -> Option<Instant> {
        let now = Instant::now();
        let full = |window: &&Window| window.spent >= window.limit && window.ends > now;
        self.windows.iter().filter(full).map(|window| window.ends).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn t45_a_flood_is_read_at_its_limit() {
        let mut quota = Quota::new(false, 0);
        for _ in 0..50 {
            assert_eq!(quota.wait(), None);
            quota.spend();
        }
        let until = quota.wait().unwrap();
        assert_eq!(until, Instant::now() + SECOND);
        tokio::time::advance(SECOND).await;
        assert_eq!(quota.wait(), None);
        for _ in 50..2_500 {
            quota.spend();
        }
        assert!(quota.wait().unwrap() > Instant::now() + HOUR / 2);
    }
}
