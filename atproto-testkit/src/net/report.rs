use std::{collections::BTreeMap, fmt, time::Duration};

use super::fault::Fault;

/// What has happened in a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The seed, which makes it happen again.
    pub seed: u64,
    /// How much time has passed in it.
    pub time: Duration,
    /// Messages that the relay had to send.
    pub events: u64,
    /// A number that differs if any byte of them does.
    pub digest: u64,
    /// Faults that were planned.
    pub planned: BTreeMap<Fault, u64>,
    /// Faults that have happened.
    pub fired: BTreeMap<Fault, u64>,
}

impl Report {
    /// Kinds of faults that were planned, and never happened.
    pub fn missing(&self) -> Vec<Fault> {
        let planned = self.planned.keys().copied();
        planned.filter(|fault| !self.fired.contains_key(fault)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, time, events, .. } = self;
        writeln!(f, "seed {seed}: {events} events in {} s", time.as_secs())?;
        for (fault, fired) in &self.fired {
            writeln!(f, "  {:<18} {fired}", fault.name())?;
        }
        Ok(())
    }
}
