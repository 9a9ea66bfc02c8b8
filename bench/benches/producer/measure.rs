use std::time::{SystemTime, UNIX_EPOCH};

/// Of some times, in milliseconds.
#[derive(Clone, Debug)]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
}

impl Percentiles {
    /// Of times in microseconds.
    pub fn of(mut times: Vec<u32>) -> Self {
        times.sort_unstable();
        let at = |part: usize| {
            let place = times.len().saturating_sub(1) * part / 100;
            times.get(place).map_or(f64::NAN, |micros| f64::from(*micros) / 1e3)
        };
        Self { p50: at(50), p99: at(99) }
    }
}

/// Unix time in microseconds, which is the same in all processes.
pub fn micros_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    now.as_micros() as i64
}
