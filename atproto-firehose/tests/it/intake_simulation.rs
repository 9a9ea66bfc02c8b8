//! The whole life of a consumer under faults, from one seed: connections drop,
//! frames come twice, identities cannot be resolved, handlers fail, hang and
//! answer late, saves fail, the spool breaks, another upstream with other numbers takes over,
//! filters change, the process dies. Nothing may be lost, reordered within an account, or come
//! again once it was durably settled.

mod world;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use atproto_core::identity::ResolveError;
use atproto_firehose::checkpoint::{Checkpoint, Head, ParkedRef};
use atproto_firehose::event::Event;
use atproto_firehose::filter::Filter;
use atproto_firehose::intake::{
    Action, DeliveryId, EntryId, Intake, IntakeConfig, Settlement, Start,
};
use atproto_firehose::verify::Outcome;
use atproto_repo::event::Event as Message;
use bytes::Bytes;

use self::world::{Durable, World, did, state};
use crate::support::random::Random;

const CAP: usize = 40_000;
const ACCOUNT_CAP: usize = 9_000;
const SPOOL_CAP: u64 = 30_000;
const PARKING_CAP: u64 = 25_000;

type Faults = BTreeMap<&'static str, u64>;

struct Simulation<'a> {
    world: &'a World,
    random: Random,
    now: Instant,
    intake: Intake,
    durable: Durable,
    limits: Limits,
    /// The upstream of the last connection.
    upstream: usize,
    /// The newest filter that is said to be stored.
    filter: u64,
    /// Next frame on the open connection.
    reading: Option<usize>,
    /// The frame with which it began.
    began: usize,
    /// With whether it is older than what is known.
    verifying: Vec<(EntryId, i64, bool)>,
    saving: Option<Checkpoint>,
    /// What has been asked of the spool.
    asked: Vec<Asked>,
    /// What is in it.
    spool: HashMap<EntryId, Bytes>,
    working: Vec<(DeliveryId, (usize, i64))>,
    faults: Faults,
    calm: bool,
}

enum Asked {
    Write(EntryId, Bytes),
    Take(EntryId),
}

/// What differs from seed to seed.
#[derive(Clone, Copy)]
struct Limits {
    park_slow: bool,
    events: usize,
    rejects: usize,
    verifications: usize,
    spool: u64,
}

impl Limits {
    fn of(seed: u64) -> Self {
        let small = |bit: u32| (seed >> bit) & 1 == 1;
        Self {
            park_slow: small(0),
            events: if small(1) { 25 } else { 100_000 },
            rejects: if small(2) { 5 } else { 1_000 },
            verifications: if small(3) { 2 } else { 64 },
            spool: if seed % 5 == 4 { 0 } else { SPOOL_CAP },
        }
    }
}

fn config(limits: Limits) -> IntakeConfig {
    let mut config = IntakeConfig::default();
    config.start = Some(Start::Oldest);
    config.max_in_flight_bytes = CAP;
    config.max_frame_bytes = 4_000;
    config.max_account_bytes = ACCOUNT_CAP;
    config.max_spool_bytes = limits.spool;
    config.max_in_flight_events = limits.events;
    config.max_unsaved_rejects = limits.rejects;
    config.max_verifications = limits.verifications;
    config.park_slow = limits.park_slow;
    config.upstreams = vec!["one".into(), "two".into()];
    config.failover_after = 3;
    config.max_parked_bytes = PARKING_CAP;
    config.park_after = Duration::from_millis(600);
    config.park_retry_base = Duration::from_secs(1);
    config.park_retry_max = Duration::from_secs(10);
    config.max_attempts = u32::MAX;
    config.ack_deadline = Duration::from_secs(30);
    config
}

impl<'a> Simulation<'a> {
    fn new(world: &'a World, seed: u64) -> Self {
        let (now, limits) = (Instant::now(), Limits::of(seed));
        Self {
            limits,
            upstream: 0,
            filter: 0,
            world,
            random: Random::seeded(seed),
            now,
            intake: Intake::new(config(limits), &Checkpoint::default(), now),
            durable: Durable::default(),
            reading: None,
            began: 0,
            verifying: Vec::new(),
            saving: None,
            asked: Vec::new(),
            spool: HashMap::new(),
            working: Vec::new(),
            faults: Faults::new(),
            calm: false,
        }
    }

    fn fault(&mut self, name: &'static str, one_in: usize) -> bool {
        let fires = !self.calm && self.random.one_in(one_in);
        if fires {
            *self.faults.entry(name).or_default() += 1;
        }
        fires
    }

    fn step(&mut self) {
        if self.fault("crash", 400) {
            self.crash();
        }
        if self.calm || self.random.one_in(100) {
            for account in 0..7 {
                self.intake.unpark(self.now, &did(account));
            }
        }
        self.now += Duration::from_millis(self.random.below(40) as u64);
        self.intake.handle_timeout(self.now);
        let mut actions = 0;
        while let Some(action) = self.intake.poll_action(self.now) {
            self.perform(action);
            actions += 1;
            assert!(actions < 10_000, "it asks for ever: {:?}", self.intake.stats());
        }
        let due = self.intake.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "time that is over is waited for");
        if self.fault("filter_changed", 500) {
            self.intake.set_filter(self.now, Filter::all());
        }
        let version = self.intake.stats().filter_version;
        if self.intake.is_filter_saved(version) {
            let stored = self.durable.filter.as_ref().map_or(0, |filter| filter.version);
            assert_eq!(stored, version, "the filter is said to be stored");
            self.filter = version;
        }
        match self.random.below(6) {
            0 | 1 => self.read(),
            2 => self.verify(),
            3 => self.work(),
            4 => self.spool(),
            _ => self.save(),
        }
        let stats = self.intake.stats();
        assert!(stats.in_flight_bytes + stats.unsaved_bytes <= CAP as u64, "{stats:?}");
        assert!(stats.parked_bytes <= PARKING_CAP);
        assert!(stats.in_spool_bytes <= SPOOL_CAP);
        let stored: usize = self.spool.values().map(Bytes::len).sum();
        assert!(stored as u64 <= SPOOL_CAP, "{stored} bytes in the spool");
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Connect { .. } if self.fault("dial_failure", 3) => {
                self.intake.handle_closed(self.now, "connect");
            }
            Action::Connect { upstream, cursor } => {
                let cursor = cursor.unwrap();
                if self.upstream != upstream {
                    *self.faults.entry("failover").or_default() += 1;
                }
                self.upstream = upstream;
                let frames = &self.world.frames[upstream];
                let next = frames.partition_point(|(seq, _)| *seq <= cursor);
                self.reading = Some(next);
                self.began = next;
                self.intake.handle_connected(self.now);
            }
            Action::Disconnect { .. } => {
                self.reading = None;
                self.intake.handle_closed(self.now, "protocol");
            }
            Action::LoadHead { id, .. } if self.fault("store_unreadable", 20) => {
                self.intake.handle_head_failed(self.now, id);
            }
            Action::LoadHead { id, did } => {
                self.intake.handle_head(id, self.durable.heads.get(&did).copied());
            }
            Action::Verify { id, event, previous } => {
                let Message::Commit(commit) = &*event else { panic!("{event:?}") };
                let (account, number) = self.world.find(commit);
                let stale = previous.is_some_and(|known| known.rev >= commit.rev);
                let expected = (number > 1).then(|| state(number - 1));
                assert!(stale || previous == expected, "the chain of {account} broke at {number}");
                self.verifying.push((id, number, stale));
            }
            Action::VerifyLabels { .. } => unreachable!("the relays tell no labels"),
            Action::Spool { id, frame } => self.asked.push(Asked::Write(id, frame)),
            Action::Unspool { id } => self.asked.push(Asked::Take(id)),
            Action::Discard { id } => {
                self.spool.remove(&id);
            }
            Action::LoadParked { id, .. } if self.fault("parked_unreadable", 20) => {
                self.intake.handle_parked_failed(self.now, id);
            }
            Action::LoadParked { id, parked } => {
                let frame = self.durable.parked.get(&parked).map(|parked| parked.frame.clone());
                self.intake.handle_parked(self.now, id, Some(frame.expect("it is stored")));
            }
            Action::Persist(checkpoint) => {
                assert!(self.saving.is_none(), "two saves at once");
                self.saving = Some(*checkpoint);
            }
        }
    }

    fn read(&mut self) {
        let Some(next) = self.reading else { return };
        if self.fault("connection_lost", 60) {
            self.reading = None;
            return self.intake.handle_closed(self.now, "reset");
        }
        if !self.intake.wants_frames() {
            return;
        }
        if next > self.began && self.fault("duplicate_frame", 80) {
            let frame = self.world.frames[self.upstream][next - 1].1.clone();
            return self.intake.handle_frame(self.now, frame);
        }
        if self.fault("malformed_frame", 200) {
            return self.intake.handle_frame(self.now, Bytes::from_static(b"\xff"));
        }
        if let Some((_, frame)) = self.world.frames[self.upstream].get(next) {
            self.intake.handle_frame(self.now, frame.clone());
            self.reading = Some(next + 1);
        }
    }

    fn verify(&mut self) {
        if self.verifying.is_empty() {
            return;
        }
        let index = self.random.below(self.verifying.len());
        let (id, number, stale) = self.verifying.swap_remove(index);
        let outcome = if self.fault("identity_unavailable", 15) {
            Outcome::Defer(ResolveError::Unavailable(Arc::new(std::io::Error::other("down"))))
        } else if stale {
            Outcome::Stale
        } else {
            Outcome::Accept(Some(state(number)))
        };
        self.intake.handle_verified(self.now, id, outcome);
    }

    fn spool(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        let index = self.random.below(self.asked.len());
        match self.asked.swap_remove(index) {
            Asked::Write(id, _) if self.fault("spool_write_failure", 30) => {
                self.intake.handle_spool_failed(id);
            }
            Asked::Write(id, frame) => {
                self.spool.insert(id, frame);
                self.intake.handle_spooled(id);
            }
            Asked::Take(id) if self.fault("spool_unreadable", 30) => {
                self.intake.handle_unspool_failed(id);
            }
            Asked::Take(id) => {
                // What was discarded meanwhile is not asked for any more.
                let frame = self.spool.remove(&id).unwrap_or_default();
                self.intake.handle_unspooled(self.now, id, frame);
                *self.faults.entry("spooled").or_default() += 1;
            }
        }
    }

    fn work(&mut self) {
        if self.working.len() < 6
            && let Some(delivered) = self.intake.poll_delivery(self.now)
        {
            let Event::Commit(commit) = &*delivered.event else { panic!("{delivered:?}") };
            let (account, number) = self.world.find(commit.message().unwrap());
            let again = self.durable.settled(account, number);
            assert!(!again, "{number} of {account} came again after a durable ack");
            self.working.push((delivered.id, (account, number)));
        }
        if self.working.is_empty() || self.fault("slow_handler", 3) {
            return;
        }
        if self.fault("hanging_handler", 150) {
            // Until the deadline takes the delivery back.
            self.now += Duration::from_secs(31);
            return;
        }
        let index = self.random.below(self.working.len());
        let (id, event) = self.working.swap_remove(index);
        let settlement = if self.fault("handler_error", 10) {
            Settlement::Retry(Duration::from_millis(self.random.below(500) as u64))
        } else if self.fault("parked_by_the_handler", 60) {
            Settlement::Park
        } else if self.fault("database_down", 40) {
            Settlement::Unavailable
        } else {
            // The effect is durable before the ack, as it should be.
            self.apply(event);
            Settlement::Ack
        };
        let current = self.intake.handle_settled(self.now, id, settlement);
        if !current {
            *self.faults.entry("late_settlement").or_default() += 1;
        }
    }

    fn apply(&mut self, (account, number): (usize, i64)) {
        let applied = self.durable.applied.entry(account).or_default();
        assert!(number <= *applied + 1, "{number} of account {account} came too early");
        *applied = number.max(*applied);
    }

    fn save(&mut self) {
        let Some(checkpoint) = self.saving.take() else { return };
        if self.fault("save_failure", 10) {
            return self.intake.handle_persist_failed(self.now);
        }
        let identity = checkpoint.parked.iter().filter(|parked| parked.label == "identity");
        let identity = identity.count() as u64;
        *self.faults.entry("parked_for_identity").or_default() += identity;
        self.durable.save(&checkpoint);
        self.intake.handle_persisted();
    }

    fn crash(&mut self) {
        if let Some(checkpoint) = self.saving.take()
            && self.random.one_in(2)
        {
            // The save was durable, and nobody lived to hear it.
            self.durable.save(&checkpoint);
            *self.faults.entry("crash_after_save").or_default() += 1;
        }
        self.reading = None;
        self.verifying.clear();
        self.working.clear();
        // Emptied at the start.
        self.asked.clear();
        self.spool.clear();
        let mut position = self.durable.position.clone();
        position.filter.clone_from(&self.durable.filter);
        self.intake = Intake::new(config(self.limits), &position, self.now);
        let version = self.intake.stats().filter_version;
        assert!(version >= self.filter, "a filter that was stored is lost");
        self.intake.restore_parked(self.now, self.durable.parked.values().map(ParkedRef::from));
    }

    fn run(mut self) -> Faults {
        for step in 0..60_000 {
            // Faults end at some time, so that the end can be judged.
            self.calm = step > 30_000;
            self.step();
        }
        let last = self.world.frames[self.upstream].last().map(|(seq, _)| *seq);
        let stats = self.intake.stats();
        assert_eq!(self.durable.position.cursor, last, "the cursor is behind: {stats:?}");
        assert!(self.intake.is_drained() && self.intake.is_saved());
        assert!(self.spool.is_empty(), "left in the spool");
        assert!(self.durable.parked.is_empty(), "left in the parking place");
        assert_eq!((stats.parked, stats.parked_bytes, stats.unsaved_bytes), (0, 0, 0));
        let mut expected: HashMap<usize, i64> = HashMap::new();
        for (account, number) in self.world.events.values() {
            let last = expected.entry(*account).or_default();
            *last = (*number).max(*last);
        }
        assert_eq!(self.durable.applied, expected, "events were lost");
        for (account, number) in expected {
            let head = self.durable.heads[&did(account)];
            assert_eq!(head, Head { state: Some(state(number)), active: true, gaps: 0 });
        }
        self.faults
    }
}

#[test]
fn nothing_is_lost_or_reordered_whatever_happens() {
    let mut fired = Faults::new();
    for seed in 0..8 {
        let world = World::new(&mut Random::seeded(seed), 1_500);
        let run = || Simulation::new(&world, seed).run();
        let faults = std::panic::catch_unwind(run)
            .unwrap_or_else(|_| panic!("the failure above is that of seed {seed}"));
        for (name, count) in faults {
            *fired.entry(name).or_default() += count;
        }
    }
    for name in [
        "connection_lost",
        "crash",
        "crash_after_save",
        "database_down",
        "dial_failure",
        "duplicate_frame",
        "failover",
        "filter_changed",
        "handler_error",
        "hanging_handler",
        "identity_unavailable",
        "late_settlement",
        "malformed_frame",
        "parked_by_the_handler",
        "parked_for_identity",
        "parked_unreadable",
        "save_failure",
        "slow_handler",
        "spool_unreadable",
        "spool_write_failure",
        "spooled",
        "store_unreadable",
    ] {
        assert!(fired.get(name).is_some_and(|count| *count > 5), "{name} did not fire: {fired:?}");
    }
}
