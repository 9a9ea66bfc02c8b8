use std::{f64::consts::TAU, time::Duration};

use crate::random::Random;

/// When events happen: bursts that come at random, more of them by day than by night.
#[derive(Debug, Clone)]
pub(super) struct Traffic {
    random: Random,
    per_hour: f64,
    /// The time of day at which the network begins, from 0 to 1.
    phase: f64,
}

/// The mean number of events in a burst.
const BURST: f64 = 3.0;
/// The most events in a burst.
const LONGEST_BURST: u32 = 24;
/// By how much day and night differ from the mean.
const SWING: f64 = 0.8;
const DAY: f64 = 86_400.0;

impl Traffic {
    pub(super) fn new(mut random: Random, per_hour: u32) -> Self {
        let phase = random.unit();
        Self { random, per_hour: f64::from(per_hour.max(1)), phase }
    }

    /// The time to the next burst.
    pub(super) fn pause(&mut self, since: Duration) -> Duration {
        let day = 1.0 + SWING * ((since.as_secs_f64() / DAY + self.phase) * TAU).sin();
        let bursts_per_second = self.per_hour * day / BURST / 3_600.0;
        self.random.exponential(Duration::from_secs_f64(1.0 / bursts_per_second))
    }

    /// How many events there are at once.
    pub(super) fn burst(&mut self) -> u32 {
        let mut events = 1;
        while events < LONGEST_BURST && self.random.unit() > 1.0 / BURST {
            events += 1;
        }
        events
    }
}
