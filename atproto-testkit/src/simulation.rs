//! The firehose's consumer in a [simulated network](crate::net), with an oracle.
//!
//! A [`Simulation`] runs a service on a consumer, in one of the three forms in which consumers
//! are used, while everything goes wrong that can. It knows what the network really holds, and
//! counts what must not happen: events lost, out of order within an account, delivered again
//! after their ack was durable, bytes above the limit.
//!
//! ```
//! use atproto_testkit::{hours, simulation::Simulation};
//!
//! let outcome = Simulation::seeded(1).hours(1).accounts(5).run();
//! assert!(outcome.is_sound(), "{outcome}");
//! ```

mod index;
mod oracle;
mod service;

use std::{fmt, sync::Arc, time::Duration};

pub use self::service::Form;
use self::{oracle::Oracle, service::Rig};
use crate::net::{Fault, Faults, Net, Report};

/// One run. The same settings give the same run, event by event.
#[derive(Debug, Clone)]
pub struct Simulation {
    seed: u64,
    span: Duration,
    accounts: usize,
    events_per_hour: u32,
    faults: Faults,
    faults_per_hour: f64,
    form: Form,
}

/// What a run has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What has happened in the network.
    pub report: Report,
    /// Deliveries made, repeated ones included.
    pub deliveries: u64,
    /// A number that differs if any delivery does, or its time.
    pub digest: u64,
    /// True events that were neither delivered nor made up for.
    pub lost: u64,
    /// Deliveries out of order within an account, or before the one before was settled.
    pub reordered: u64,
    /// Deliveries of events whose settlement was durable.
    pub redelivered: u64,
    /// Times that more bytes were in flight than allowed.
    pub above_cap: u64,
    /// Accounts whose copy differs from the truth in the end.
    pub wrong: u64,
    /// What exactly, for the first few.
    pub notes: Vec<String>,
}

impl Simulation {
    /// Six hours of ten accounts with all faults; the form goes by the seed.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            span: crate::hours(6),
            accounts: 10,
            events_per_hour: 800,
            faults: Faults::all(),
            faults_per_hour: 2.0,
            form: Form::ALL[(seed % 3) as usize],
        }
    }

    /// Sets the simulated time.
    #[must_use]
    pub fn hours(mut self, hours: u64) -> Self {
        self.span = crate::hours(hours);
        self
    }

    /// Sets the number of accounts.
    #[must_use]
    pub fn accounts(mut self, accounts: usize) -> Self {
        self.accounts = accounts;
        self
    }

    /// Sets how many commits there are in an hour.
    #[must_use]
    pub fn events_per_hour(mut self, events: u32) -> Self {
        self.events_per_hour = events;
        self
    }

    /// Sets what goes wrong.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Sets how often each kind of fault happens in an hour, as a mean.
    #[must_use]
    pub fn faults_per_hour(mut self, faults: f64) -> Self {
        self.faults_per_hour = faults;
        self
    }

    /// Sets how the service uses its consumer.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Runs it, on a runtime of its own.
    ///
    /// # Panics
    /// If the runtime cannot be built.
    pub fn run(self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing of the system");
        runtime.block_on(self.simulate())
    }

    async fn simulate(self) -> Outcome {
        let net = Net::seeded(self.seed)
            .accounts(self.accounts)
            .events_per_hour(self.events_per_hour)
            .faults(self.faults)
            .faults_per_hour(self.faults_per_hour);
        net.operator();
        let rig = Arc::new(Rig::new(&net, self.seed, self.form));
        let served = Arc::clone(&rig);
        net.service(move || Arc::clone(&served).serve());
        net.run(self.span).await;
        let mut oracle = rig.oracle();
        oracle.judge(&net, &rig.state);
        oracle.outcome(net.report())
    }
}

impl Outcome {
    /// Whether nothing happened that must not, and every planned kind of fault did.
    pub fn is_sound(&self) -> bool {
        self.is_true() && self.missing().is_empty()
    }

    /// Whether nothing happened that must not.
    pub fn is_true(&self) -> bool {
        let Self { lost, reordered, redelivered, above_cap, wrong, .. } = self;
        lost + reordered + redelivered + above_cap + wrong == 0
    }

    /// Kinds of faults that were planned, and never happened.
    pub fn missing(&self) -> Vec<Fault> {
        self.report.missing()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, reordered, redelivered, above_cap, wrong, deliveries, .. } = self;
        writeln!(
            f,
            "seed {}: {} events, {deliveries} deliveries; lost {lost}, reordered {reordered}, \
             redelivered {redelivered}, above the cap {above_cap}, wrong {wrong}",
            self.report.seed, self.report.events,
        )?;
        for fault in self.missing() {
            writeln!(f, "  planned and never fired: {fault}")?;
        }
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        Ok(())
    }
}
