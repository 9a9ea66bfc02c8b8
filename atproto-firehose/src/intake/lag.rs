//! How far behind a consumer is.

use std::time::{Duration, Instant};

use atproto_core::syntax::Datetime;

use super::Intake;

/// How far behind a consumer is, in three ways that fail apart. A figure is
/// `None` while there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// Between the time that the newest event names and now: what the upstream,
    /// the network and backpressure cost. It depends on the clock of the host
    /// that made the event; zero if that is ahead.
    pub head: Option<Duration>,
    /// How long the cursor has been held by the same event, as far as this
    /// process knows.
    pub watermark: Option<Duration>,
    /// How long the oldest parked event has been so.
    pub parked: Option<Duration>,
}

impl Intake {
    /// How far behind it is.
    pub fn lag(&self, now: Instant) -> Lag {
        let micros = self.unix_micros(now);
        let since = |then: i64| {
            Duration::from_micros(u64::try_from(micros.saturating_sub(then)).unwrap_or(0))
        };
        let newest = Datetime::new(&self.newest_time).ok().and_then(|time| time.unix_micros());
        let first = self.window.first_open();
        let arrived = first.and_then(|id| {
            let held = self.entries.get(&id).map(|entry| entry.arrived);
            held.or_else(|| self.spooled_since(id))
        });
        Lag {
            head: newest.map(since),
            watermark: arrived.map(|arrived| now.saturating_duration_since(arrived)),
            parked: self.oldest_parked().map(since),
        }
    }

    /// The wall clock, in microseconds of Unix time.
    pub(crate) fn unix_micros(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.started).as_micros();
        self.config.started_at.saturating_add(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }
}
