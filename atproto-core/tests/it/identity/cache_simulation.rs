//! The cache against a model that remembers everything, over random histories.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atproto_core::identity::cache::{CacheConfig, IdentityCache, Looked, Lookup, Ticket};
use atproto_core::identity::{DidDocument, ResolveError};
use atproto_core::syntax::{Did, Handle};

const NAMES: u64 = 12;
const CAPACITY: usize = 8;
const BYTES: usize = 24_000;
const MAX_AGE: Duration = Duration::from_secs(1000);
const FRESH: Duration = Duration::from_secs(100);
const NEGATIVE: Duration = Duration::from_secs(20);

/// A request under way and those who wait for it.
struct Flight {
    name: u64,
    began: Instant,
    /// How many times the name had been purged when the request began.
    purges: u64,
    /// Whether another one began since, because this one was too old for somebody.
    superseded: bool,
    waiters: Vec<Waiter>,
}

struct Waiter {
    looked: Looked<Arc<DidDocument>>,
    oldest: Option<Duration>,
    asked: Instant,
    purges: u64,
}

/// When an answer's request began, and after how many purges of its name.
#[derive(Clone, Copy)]
struct Origin {
    began: Instant,
    purges: u64,
}

struct World {
    random: u64,
    now: Instant,
    cache: IdentityCache,
    flights: HashMap<Ticket, Flight>,
    purges: HashMap<u64, u64>,
    /// Every answer that the network ever gave, by the number written in it.
    origins: Vec<Origin>,
    served: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let config = CacheConfig::default()
            .did_fresh(FRESH)
            .max_age(MAX_AGE)
            .negative(NEGATIVE)
            .capacity(CAPACITY)
            .bytes(BYTES)
            .pending(6);
        Self {
            random: seed,
            now: Instant::now(),
            cache: IdentityCache::new(&config, seed),
            flights: HashMap::new(),
            purges: HashMap::new(),
            origins: Vec::new(),
            served: 0,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % below
    }

    fn purges(&self, name: u64) -> u64 {
        self.purges.get(&name).copied().unwrap_or(0)
    }

    fn step(&mut self) {
        match self.random(100) {
            0..45 => self.ask(),
            45..60 => self.land(Outcome::Good),
            60..66 => self.land(Outcome::Refused),
            66..76 => self.land(Outcome::Failed),
            76..79 => self.give_up(),
            79..85 => {
                let name = self.random(NAMES);
                *self.purges.entry(name).or_default() += 1;
                self.cache.purge(&did(name));
            }
            _ => {
                let longest = [2, 30, 300][self.random(3) as usize];
                let pause = Duration::from_secs(self.random(longest));
                self.now += pause;
            }
        }
        self.check_bounds();
    }

    fn ask(&mut self) {
        let name = self.random(NAMES);
        let oldest = (self.random(3) == 0).then(|| Duration::from_secs(self.random(60)));
        let looked = self.cache.look_up(self.now, &did(name), oldest);
        let (asked, purges) = (self.now, self.purges(name));
        let ticket = match &looked.lookup {
            Lookup::Answer(answer) => {
                self.check_answer(answer.as_ref(), oldest, asked, purges);
                return;
            }
            Lookup::Ask(ticket) => {
                let began = self.now;
                let rival = self.flights.values().find(|flight| {
                    flight.name == name
                        && !flight.superseded
                        && flight.purges == purges
                        && began - flight.began < MAX_AGE
                        && oldest.is_none_or(|oldest| began - flight.began <= oldest)
                });
                assert!(rival.is_none(), "a flight that would have done is under way");
                for flight in self.flights.values_mut().filter(|flight| flight.name == name) {
                    flight.superseded = true;
                }
                let flight = Flight { name, began, purges, superseded: false, waiters: Vec::new() };
                self.flights.insert(*ticket, flight);
                *ticket
            }
            Lookup::Join(ticket) => *ticket,
        };
        let flight = self.flights.get_mut(&ticket).expect("the flight is under way");
        assert_eq!((flight.name, flight.purges), (name, purges), "joined a flight from before");
        flight.waiters.push(Waiter { looked, oldest, asked, purges });
    }

    fn land(&mut self, outcome: Outcome) {
        let Some((ticket, flight)) = self.take_flight() else { return };
        let question = did(flight.name);
        let answer = match outcome {
            Outcome::Good => {
                let number = self.origins.len();
                self.origins.push(Origin { began: flight.began, purges: flight.purges });
                Ok(Arc::new(self.document(&question, number)))
            }
            Outcome::Refused => Err(ResolveError::NotFound(question.to_string())),
            Outcome::Failed => Err(ResolveError::Unavailable(Arc::new(std::fmt::Error))),
        };
        self.cache.answered(self.now, &question, ticket, &answer);
        for waiter in flight.waiters {
            let concluded = self
                .cache
                .conclude(self.now, &question, &waiter.looked, ticket, answer.clone())
                .expect("DIDs never need asking twice");
            self.check_answer(concluded.as_ref(), waiter.oldest, waiter.asked, waiter.purges);
        }
    }

    fn give_up(&mut self) {
        if let Some((ticket, flight)) = self.take_flight() {
            self.cache.abandoned(&did(flight.name), ticket);
        }
    }

    fn take_flight(&mut self) -> Option<(Ticket, Flight)> {
        let mut tickets: Vec<_> = self.flights.keys().copied().collect();
        tickets.sort();
        let ticket = match tickets.len() {
            0 => return None,
            count => tickets[self.random(count as u64) as usize],
        };
        Some((ticket, self.flights.remove(&ticket).expect("just seen")))
    }

    /// A document of any size that says which answer it is.
    fn document(&mut self, did: &Did, number: usize) -> DidDocument {
        let mut document = DidDocument::new(did.clone());
        document.also_known_as = vec![number.to_string(), "x".repeat(self.random(6000) as usize)];
        document
    }

    fn check_answer(
        &mut self,
        answer: Result<&Arc<DidDocument>, &ResolveError>,
        oldest: Option<Duration>,
        asked: Instant,
        purges: u64,
    ) {
        let Ok(document) = answer else { return };
        let origin = self.origins[document.also_known_as[0].parse::<usize>().unwrap()];
        self.served += 1;
        assert!(origin.purges >= purges, "an answer from before a purge");
        // What was on its way when the question came is as good as new.
        let age = asked.saturating_duration_since(origin.began);
        assert!(age < MAX_AGE, "{age:?} is too old at all");
        assert!(oldest.is_none_or(|oldest| age <= oldest), "{age:?} is older than {oldest:?}");
    }

    fn check_bounds(&self) {
        let stats = self.cache.stats();
        assert!(stats.dids <= CAPACITY + CAPACITY / 8, "{stats:?}");
        assert!(stats.bytes <= BYTES + CAPACITY * 200, "{stats:?}");
        assert!(stats.pending <= 6 && stats.pending <= self.flights.len(), "{stats:?}");
        let told = stats.hits + stats.misses + stats.refused;
        assert!((told..=told + stats.stale).contains(&stats.lookups), "{stats:?}");
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Good,
    Refused,
    Failed,
}

fn did(name: u64) -> Did {
    Did::new(format!("did:plc:{}", char::from(b'a' + name as u8).to_string().repeat(24))).unwrap()
}

#[test]
fn id_009_random_histories_keep_the_rules() {
    let mut served = 0;
    for seed in 0..100 {
        let mut world = World::new(seed);
        for _ in 0..1_000 {
            world.step();
        }
        served += world.served;
        assert!(world.cache.stats().evictions > 0, "the bounds were reached");
    }
    assert!(served > 10_000, "{served} answers were checked");
}

#[test]
fn handles_that_point_to_a_purged_did_are_asked_again() {
    let mut cache = IdentityCache::new(&CacheConfig::default(), 7);
    let now = Instant::now();
    let (alice, name) = (did(0), Handle::new("alice.example.com").unwrap());
    let ask = |cache: &mut IdentityCache| cache.look_up(now, &name, None);

    // The document was never asked for: only the handle's answer names the DID.
    let before = ask(&mut cache);
    let Lookup::Ask(ticket) = before.lookup else { panic!("{before:?}") };
    cache.answered(now, &name, ticket, &Ok(alice.clone()));
    assert!(matches!(ask(&mut cache).lookup, Lookup::Answer(Ok(_))));
    cache.purge(&alice);
    let second = ask(&mut cache);
    let Lookup::Ask(ticket) = second.lookup else { panic!("{second:?}") };

    // A purge while the request is under way.
    cache.purge(&alice);
    let after = ask(&mut cache);
    assert!(matches!(after.lookup, Lookup::Join(_)), "nobody knows yet whom it will name");
    let answer = Ok(alice.clone());
    cache.answered(now, &name, ticket, &answer);
    let conclude = |cache: &mut IdentityCache, looked: &Looked<Did>| {
        cache.conclude(now, &name, looked, ticket, answer.clone())
    };
    assert!(conclude(&mut cache, &second).is_some(), "asked before the purge");
    assert!(conclude(&mut cache, &after).is_none(), "asked after it");
    assert!(matches!(ask(&mut cache).lookup, Lookup::Ask(_)), "and not remembered");
}

#[test]
fn purges_without_end_forget_no_purge() {
    let mut cache = IdentityCache::new(&CacheConfig::default().capacity(4), 7);
    let now = Instant::now();
    let name = Handle::new("alice.example.com").unwrap();
    let looked = cache.look_up(now, &name, None);
    let Lookup::Ask(ticket) = looked.lookup else { panic!("{looked:?}") };
    cache.answered(now, &name, ticket, &Ok(did(0)));
    for other in 0..12 {
        cache.purge(&did(other));
    }
    assert!(matches!(cache.look_up(now, &name, None).lookup, Lookup::Ask(_)));
}

/// Six hours without a directory, played through in seconds of virtual time.
#[test]
fn t13_six_hours_without_a_directory() {
    const KNOWN: u64 = 6;
    let mut cache = IdentityCache::new(&CacheConfig::default(), 7);
    let start = Instant::now();
    let mut now = start;
    let request = |cache: &mut IdentityCache, now, name, up: bool| {
        let looked = cache.look_up(now, &did(name), None);
        let ticket = match looked.lookup {
            Lookup::Answer(answer) => return (answer, false),
            Lookup::Ask(ticket) => ticket,
            Lookup::Join(_) => panic!("nothing is under way"),
        };
        let answer = match up {
            true => Ok(Arc::new(DidDocument::new(did(name)))),
            false => Err(ResolveError::Unavailable(Arc::new(std::fmt::Error))),
        };
        cache.answered(now, &did(name), ticket, &answer);
        (cache.conclude(now, &did(name), &looked, ticket, answer).unwrap(), true)
    };
    for name in 0..KNOWN {
        request(&mut cache, now, name, true).0.unwrap();
    }
    let (mut requests, mut at_once) = (0, 0);
    while now - start < Duration::from_secs(6 * 60 * 60) {
        now += Duration::from_secs(1);
        for name in 0..NAMES {
            let (answer, asked) = request(&mut cache, now, name, false);
            requests += u64::from(asked);
            match answer {
                Ok(document) => assert!(name < KNOWN && document.id == did(name)),
                Err(error) => {
                    assert!(name >= KNOWN && error.is_transient(), "{name}: {error}");
                    at_once += u64::from(!asked);
                }
            }
        }
    }
    let stats = cache.stats();
    assert!(stats.directory_down && stats.stale > 0);
    assert!(requests < 6 * 60 * 60 / 30 + 50, "{requests} requests in six hours");
    assert!(at_once > 100_000, "{at_once} unknown accounts were told at once");

    // The first probe that succeeds opens the way for all.
    let back = now;
    while cache.stats().directory_down {
        now += Duration::from_secs(1);
        for name in 0..NAMES {
            drop(request(&mut cache, now, name, true));
        }
        assert!(now - back <= Duration::from_secs(31));
    }
    now += Duration::from_secs(31);
    for name in 0..NAMES {
        request(&mut cache, now, name, true).0.unwrap();
    }

    // A stale answer serves for a day and not longer.
    now += Duration::from_secs(24 * 60 * 60);
    assert!(request(&mut cache, now, 0, false).0.unwrap_err().is_transient());
}
