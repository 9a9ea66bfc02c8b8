//! A network in memory, on virtual time, that goes wrong as planned.
//!
//! Hosts with real repositories whose commits are signed, a directory of identities, a relay,
//! traffic by day and by night, accounts that rotate keys, move, pause and go; and whatever
//! [`Fault`]s are wanted. One number decides everything, so that a run can be repeated.
//!
//! Time is that of the tokio runtime, which must be paused and have one thread: then hours
//! pass in seconds.
//!
//! ```
//! use std::sync::Arc;
//!
//! use atproto_firehose::consumer::{Consumer, ConsumerOptions, Policy, Start};
//! use atproto_testkit::{Faults, Net, hours};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let net = Net::seeded(42).accounts(10).faults(Faults::all());
//! let clock = net.clock();
//! let verifier = atproto_firehose::verify::Verifier::new(net.directory())
//!     .clock(move || clock.now_micros());
//! let options = ConsumerOptions::default()
//!     .start(Start::Oldest)
//!     .seed(42)
//!     .policy(Policy::verifier(verifier));
//! let mut consumer =
//!     Consumer::open_on(net.relay().transport(), net.state(), options).await?;
//! let mine = tokio::spawn(async move {
//!     while let Some(delivery) = consumer.next().await {
//!         // Your service.
//!         delivery.ack().await;
//!     }
//! });
//! net.run_for(hours(2)).await; // panics if a planned fault has not happened
//! println!("{}", net.report());
//! # mine.abort();
//! # Ok(()) }
//! ```

mod account;
mod act;
mod clock;
mod fault;
mod log;
mod plc;
mod relay;
mod report;
mod schedule;
mod shared;
mod state;
mod traffic;
mod trouble;
mod truth;
mod world;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use atproto_core::identity::Resolver;
use tokio::{task::JoinHandle, time::Instant};

pub(crate) use self::world::{Expected, What};
use self::{act::Outcome, schedule::Schedule, shared::Shared, traffic::Traffic, world::World};
pub use self::{
    clock::Clock,
    fault::{Fault, Faults, Point},
    plc::Plc,
    relay::Relay,
    report::Report,
    state::SimState,
    trouble::Trouble,
    truth::{Repository, Truth},
};

/// A simulated network. See the [module](self).
pub struct Net {
    seed: u64,
    shared: Arc<Shared>,
    faults: Faults,
    per_hour: u32,
    faults_per_hour: f64,
    used: Mutex<BTreeSet<Point>>,
    services: Mutex<Vec<JoinHandle<()>>>,
}

impl Net {
    /// The network of that seed: ten accounts, 1,000 events an hour, no faults.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            shared: Arc::new(Shared::new(World::new(seed, ACCOUNTS))),
            faults: Faults::none(),
            per_hour: EVENTS_PER_HOUR,
            faults_per_hour: FAULTS_PER_HOUR,
            used: Mutex::default(),
            services: Mutex::default(),
        }
    }

    /// Sets how many accounts there are. To be called before the network's parts are asked for,
    /// which belong to the network as it was before.
    #[must_use]
    pub fn accounts(mut self, accounts: usize) -> Self {
        self.shared = Arc::new(Shared::new(World::new(self.seed, accounts.max(1))));
        self
    }

    /// Sets how many commits there are in an hour, as the mean of day and night.
    #[must_use]
    pub fn events_per_hour(mut self, events: u32) -> Self {
        self.per_hour = events;
        self
    }

    /// Sets what goes wrong.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Sets how often each kind of fault happens in an hour, as a mean: 2 if it is not set.
    /// Each happens at least once in a run.
    #[must_use]
    pub fn faults_per_hour(mut self, faults: f64) -> Self {
        self.faults_per_hour = faults;
        self
    }

    /// The relay, where a consumer reads.
    pub fn relay(&self) -> Relay {
        self.use_point(Point::Stream);
        Relay(Arc::clone(&self.shared))
    }

    /// The directory of identities.
    pub fn directory(&self) -> Arc<dyn Resolver> {
        self.use_point(Point::Directory);
        Arc::new(Plc(Arc::clone(&self.shared)))
    }

    /// The wall clock of the machine that the service runs on.
    pub fn clock(&self) -> Clock {
        self.use_point(Point::Clock);
        Clock(Arc::clone(&self.shared))
    }

    /// An empty state for a consumer, on a disk that survives [`Self::service`]'s crashes.
    pub fn state(&self) -> SimState {
        self.use_point(Point::Store);
        SimState::new(Arc::clone(&self.shared))
    }

    /// The troubles of a handler.
    pub fn trouble(&self) -> Trouble {
        self.use_point(Point::Handler);
        Trouble(Arc::clone(&self.shared))
    }

    /// Runs a service that may be crashed: its future is dropped, and after a while `start`
    /// makes another one. What it keeps elsewhere than in [`Self::state`] is for it to lose. A
    /// service that ends by itself is started again too.
    pub fn service<F, R>(&self, start: F)
    where
        F: Fn() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.use_point(Point::Service);
        let shared = Arc::clone(&self.shared);
        let service = tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    () = shared.crash.notified() => {}
                    () = start() => {}
                }
                let pause = shared.world().random.between(FAST_START, SLOW_START);
                tokio::time::sleep(pause).await;
            }
        });
        self.services.lock().unwrap_or_else(PoisonError::into_inner).push(service);
    }

    /// Says that somebody decides how to go on when the upstream has lost its data and the
    /// consumer stops: without that it does not happen.
    pub fn operator(&self) {
        self.use_point(Point::Operator);
    }

    /// What the network really holds.
    pub fn truth(&self) -> Truth {
        Truth(Arc::clone(&self.shared))
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        let world = self.shared.world();
        Report {
            seed: self.seed,
            time: self.shared.elapsed(),
            events: world.log.events(),
            digest: world.log.digest(),
            planned: world.armory.planned.clone(),
            fired: world.armory.fired.clone(),
        }
    }

    /// Lets that much time pass, with traffic and faults; and then a quarter of an hour without
    /// either, in which a service can catch up with everything.
    ///
    /// # Panics
    /// If a kind of fault was planned and has not happened: then the run has not shown what it
    /// was to show. Let it run longer, or leave that kind [out](Faults::without).
    pub async fn run_for(&self, span: Duration) {
        self.run(span).await;
        self.assert_faults_fired();
    }

    /// Panics as [`Self::run_for`] does.
    ///
    /// # Panics
    /// See there.
    pub fn assert_faults_fired(&self) {
        let missing = self.report().missing();
        let names: Vec<_> = missing.iter().map(|fault| fault.name()).collect();
        let seed = self.seed;
        assert!(missing.is_empty(), "seed {seed}: planned and never fired: {}", names.join(", "));
    }

    /// [`Self::run_for`] without its panic.
    pub(crate) async fn run(&self, span: Duration) {
        let (began, end) = (Instant::now(), Instant::now() + span);
        let mut schedule = self.plan(began, span);
        let mut traffic = {
            let mut world = self.shared.world();
            Traffic::new(world.random.fork(), self.per_hour)
        };
        let mut next = began + traffic.pause(Duration::ZERO);
        loop {
            let at = schedule.next().map_or(next, |due| due.min(next)).min(end);
            tokio::time::sleep_until(at).await;
            if at == end {
                break;
            }
            while let Some(act) = schedule.due(at) {
                self.act(&mut schedule, act);
            }
            if at == next {
                self.burst(traffic.burst());
                next = at + traffic.pause(began.elapsed());
            }
            self.shared.progress.notify_waiters();
        }
        self.shared.world().calm();
        self.shared.progress.notify_waiters();
        tokio::time::sleep(CALM).await;
    }

    fn burst(&self, events: u32) {
        let micros = self.shared.true_micros();
        let mut world = self.shared.world();
        for _ in 0..events {
            world.traffic(micros);
        }
    }

    fn act(&self, schedule: &mut Schedule, act: act::Act) {
        let outcome = self.shared.world().act(act, self.shared.true_micros());
        match outcome {
            Outcome::Done => {}
            Outcome::Then(after, act) => schedule.add(Instant::now() + after, act),
            Outcome::Later => schedule.add(Instant::now() + LATER, act),
            Outcome::Crash(fault) => self.shared.crash(fault),
        }
    }

    /// When which fault is to happen: at random, in the time in which it still can.
    fn plan(&self, began: Instant, span: Duration) -> Schedule {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut schedule = Schedule::default();
        let mut world = self.shared.world();
        let mean = self.faults_per_hour * span.as_secs_f64() / 3_600.0;
        let mut random = world.random.fork();
        for fault in self.faults.iter().filter(|fault| used.contains(&fault.point())) {
            let count = random.poisson(mean * fault.weight()).max(1);
            *world.armory.planned.entry(fault).or_default() += u64::from(count);
            for _ in 0..count {
                let at = began + random.between(span.mul_f64(EARLIEST), span.mul_f64(LATEST));
                schedule.add(at, act::Act::Fault(fault));
            }
        }
        schedule
    }

    fn use_point(&self, point: Point) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(point);
        if used.contains(&Point::Service) && used.contains(&Point::Store) {
            used.insert(Point::ServiceStore);
        }
    }

    pub(crate) fn expected<R>(&self, look: impl FnOnce(&Expectations<'_>) -> R) -> R {
        look(&Expectations(&self.shared.world()))
    }
}

/// What a consumer has to deliver.
pub(crate) struct Expectations<'a>(&'a World);

impl Expectations<'_> {
    /// By epoch and sequence number.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, i64, Expected)> + '_ {
        self.0.expected.iter().map(|((epoch, seq), expected)| (*epoch, *seq, *expected))
    }

    /// Whether the relay has dropped a message, maybe before it was read, or sent it too late.
    pub(crate) fn is_dropped(&self, epoch: u32, seq: i64) -> bool {
        let log = &self.0.log;
        epoch < log.epoch() || seq <= log.horizon_of(epoch) || log.is_swapped(epoch, seq)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for service in self.services.get_mut().unwrap_or_else(PoisonError::into_inner) {
            service.abort();
        }
    }
}

/// That many hours.
pub fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

const ACCOUNTS: usize = 10;
const EVENTS_PER_HOUR: u32 = 1_000;
const FAULTS_PER_HOUR: f64 = 2.0;
/// The part of a run in which faults begin.
const EARLIEST: f64 = 0.02;
const LATEST: f64 = 0.8;
/// When an act is tried again for which there was no chance.
const LATER: Duration = Duration::from_secs(30);
/// How long a service takes to start again.
const FAST_START: Duration = Duration::from_millis(100);
const SLOW_START: Duration = Duration::from_secs(5);
/// How long nothing happens at the end of a run: longer than connections, deliveries and
/// identities are waited for.
const CALM: Duration = Duration::from_secs(900);
