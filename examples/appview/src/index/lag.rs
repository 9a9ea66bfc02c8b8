//! How far the index is behind.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use atproto_core::syntax::Datetime;
use atproto_firehose::intake::IntakeStats;

/// Longer than this without an event, and silence is no proof of being up to date: a half-open
/// connection is as silent. In microseconds.
const SILENCE: i64 = 30_000_000;

/// Remembers the newest time known to be indexed, so that the lag grows from there while the
/// upstream is away.
pub(super) struct Lag {
    /// The newest time of an indexed event, in Unix microseconds; at first that of the start.
    indexed: AtomicI64,
    frames: AtomicU64,
    /// When the last frame came.
    received: AtomicI64,
}

impl Lag {
    pub(super) fn new(now: i64) -> Self {
        Self { indexed: now.into(), frames: 0.into(), received: 0.into() }
    }

    /// Events up to this time are indexed.
    pub(super) fn note_indexed(&self, time: i64) {
        self.indexed.fetch_max(time, Ordering::Relaxed);
    }

    /// Looks at the consumer; returns the lag in seconds.
    pub(super) fn observe(&self, stats: &IntakeStats, now: i64) -> f64 {
        if self.frames.swap(stats.frames, Ordering::Relaxed) != stats.frames {
            self.received.store(now, Ordering::Relaxed);
        }
        let fresh = now - self.received.load(Ordering::Relaxed) < SILENCE;
        if stats.connected && stats.in_flight == 0 && fresh {
            self.note_indexed(now);
            return 0.0;
        }
        now.saturating_sub(self.indexed.load(Ordering::Relaxed)).max(0) as f64 / 1e6
    }

    /// When the last frame came, in Unix seconds; 0 before the first.
    pub(super) fn received_seconds(&self) -> f64 {
        self.received.load(Ordering::Relaxed) as f64 / 1e6
    }
}

/// Now, in Unix microseconds.
pub(super) fn unix_micros() -> i64 {
    Datetime::now().unix_micros().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(connected: bool, in_flight: u64, frames: u64) -> IntakeStats {
        let mut stats = IntakeStats::default();
        (stats.connected, stats.in_flight, stats.frames) = (connected, in_flight, frames);
        stats
    }

    #[test]
    fn the_lag_is_zero_only_while_events_come_and_are_settled() {
        let lag = Lag::new(0);
        assert_eq!(lag.observe(&stats(true, 0, 1), 1_000_000), 0.0);
        assert_eq!(lag.observe(&stats(true, 5, 2), 3_000_000), 2.0);
        lag.note_indexed(2_500_000);
        assert_eq!(lag.observe(&stats(true, 1, 2), 3_000_000), 0.5);
        assert_eq!(lag.observe(&stats(false, 0, 2), 4_500_000), 2.0);
        assert_eq!(lag.observe(&stats(true, 0, 2), 62_500_000), 60.0);
    }
}
