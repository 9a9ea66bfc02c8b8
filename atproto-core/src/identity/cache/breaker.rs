//! When not to ask a directory that does not answer.

use std::time::{Duration, Instant};

/// Stops requests to a service after several failures in a row, and lets single ones through
/// to find out whether it is back.
///
/// One success closes the breaker. A probe that nobody waits for to its end needs no notice:
/// the next one is due when its time has come.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// When the next request may be made; `None` while requests are free.
    next_probe: Option<Instant>,
}

impl Breaker {
    /// Whether a request may be made now. In an open breaker this is the probe's turn.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        match self.next_probe {
            None => true,
            Some(due) if now < due => false,
            Some(_) => {
                self.next_probe = Some(now + self.pause());
                true
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.next_probe.is_some()
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= THRESHOLD {
            self.next_probe = Some(now + self.pause());
        }
    }

    /// One second after the first failures, twice as long after each further one.
    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(THRESHOLD).min(16);
        (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE)
    }
}

/// Failures in a row that open the breaker. Ours: what is down fails every time, while a
/// service that is merely strained answers one of five.
const THRESHOLD: u32 = 5;

/// The pause before the first probe. Ours.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between probes, hence the longest that a recovery goes unnoticed. Ours.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Breaker, LONGEST_PAUSE, THRESHOLD};

    #[test]
    fn opens_probes_and_closes() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..THRESHOLD {
            assert!(breaker.admit(now) && !breaker.is_open());
            breaker.failed(now);
        }
        assert!(breaker.is_open() && !breaker.admit(now));
        now += Duration::from_secs(1);
        assert!(breaker.admit(now), "the probe");
        assert!(!breaker.admit(now), "one at a time");
        breaker.failed(now);
        assert!(!breaker.admit(now + Duration::from_secs(1)), "longer each time");
        for _ in 0..100 {
            now += LONGEST_PAUSE;
            assert!(breaker.admit(now), "yet not longer than this");
            breaker.failed(now);
        }
        now += LONGEST_PAUSE;
        assert!(breaker.admit(now), "a probe of which nothing is heard");
        now += LONGEST_PAUSE;
        assert!(breaker.admit(now), "is followed by another one");
        breaker.succeeded();
        assert!(!breaker.is_open() && breaker.admit(now) && breaker.admit(now));
    }
}
