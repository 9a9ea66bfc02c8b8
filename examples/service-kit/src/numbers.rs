use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use tokio::time;

/// How often the numbers are read.
const EVERY: Duration = Duration::from_secs(1);

/// Numbers that a library counts by itself, as the counter `NAME_total` and the gauge `NAME`.
/// The label `number` tells them apart.
#[derive(Debug, Clone)]
pub struct Numbers {
    counter: String,
    gauge: String,
}

impl Numbers {
    /// Describes the metrics. `what` the numbers are about is a noun.
    pub fn new(name: &str, what: &str) -> Self {
        let this = Self { counter: format!("{name}_total"), gauge: name.to_owned() };
        describe_counter!(this.counter.clone(), format!("What {what} has done."));
        describe_gauge!(this.gauge.clone(), format!("What {what} holds at present."));
        this
    }

    /// Reads the numbers every second for as long as the runtime lives: those that only
    /// grow, and those that are what they are at present.
    pub fn publish<C, G>(self, read: impl Fn() -> (C, G) + Send + 'static)
    where
        C: IntoIterator<Item = (&'static str, u64)>,
        G: IntoIterator<Item = (&'static str, usize)>,
    {
        tokio::spawn(async move {
            let mut ticks = time::interval(EVERY);
            loop {
                ticks.tick().await;
                self.set(read());
            }
        });
    }

    fn set<C, G>(&self, (counters, gauges): (C, G))
    where
        C: IntoIterator<Item = (&'static str, u64)>,
        G: IntoIterator<Item = (&'static str, usize)>,
    {
        for (number, count) in counters {
            counter!(self.counter.clone(), "number" => number).absolute(count);
        }
        for (number, value) in gauges {
            gauge!(self.gauge.clone(), "number" => number).set(value as f64);
        }
    }
}
