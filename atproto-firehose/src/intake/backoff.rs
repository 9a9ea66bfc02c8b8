use std::time::Duration;

/// Exponential waiting times with jitter, from a seed.
#[derive(Debug)]
pub(crate) struct Backoff {
    state: u64,
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(seed: u64, base: Duration, max: Duration) -> Self {
        Self { state: seed, base, max, failures: 0 }
    }

    /// The wait after one more failure.
    pub(crate) fn fail(&mut self) -> Duration {
        self.failures += 1;
        self.delay(self.failures)
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after `failures` in a row: between half and all of the doubled
    /// base, so that a crowd that was cut off together does not return
    /// together.
    pub(crate) fn delay(&mut self, failures: u32) -> Duration {
        let doubled = self.base.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let whole = doubled.min(self.max);
        let half = whole / 2;
        let jitter = self.random() % u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_nanos(jitter)
    }

    /// SplitMix64: reproducible, and good enough to spread waiting times.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_jitter_up_to_the_limit_and_resets() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(7, second, second * 60);
        let waits: Vec<_> = (0..12).map(|_| backoff.fail()).collect();
        assert!(waits[0] >= second / 2 && waits[0] <= second);
        assert!(waits[3] >= second * 4 && waits[3] <= second * 8);
        assert!(waits.iter().all(|wait| *wait <= second * 60));
        assert_ne!(waits[10], waits[11]);
        backoff.reset();
        assert!(backoff.fail() <= second);
    }
}
