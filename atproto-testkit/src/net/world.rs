use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use atproto_core::syntax::{Did, Tid};
use atproto_repo::event::Event;
use tokio::time::Instant;

use super::{
    account::Account,
    fault::{Armory, Fault},
    log::Log,
    plc::Documents,
};
use crate::random::Random;

/// Everything that is true in a network, and what is yet to go wrong.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) accounts: Vec<Account>,
    places: HashMap<Did, usize>,
    pub(super) log: Log,
    pub(super) armory: Armory,
    pub(super) documents: Documents,
    /// What a consumer has to deliver, by epoch of the log and position.
    pub(super) expected: BTreeMap<(u32, i64), Expected>,
    /// Faults that last, and until when.
    lasting: BTreeMap<Fault, Instant>,
    skew: i64,
    /// Whether a consumer's state is at the beginning of the log: it would not notice that there
    /// is another one.
    pub(super) at_beginning: bool,
    /// Accounts of which the relay has lost a commit.
    pub(super) untold: BTreeSet<usize>,
}

/// A true message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) account: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Commit { rev: Tid, empty: bool },
    Sync { rev: Tid },
    Identity,
    Account,
}

/// How long faults last that last.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(300);
/// By how much a clock is wrong: less than what makes a commit from tomorrow one of today.
const MAX_SKEW: u64 = 72_000_000_000;

impl World {
    pub(super) fn new(seed: u64, accounts: usize) -> Self {
        let mut world = Self {
            random: Random::seeded(seed),
            accounts: Vec::with_capacity(accounts),
            places: HashMap::new(),
            log: Log::default(),
            armory: Armory::default(),
            documents: Documents::default(),
            expected: BTreeMap::new(),
            lasting: BTreeMap::new(),
            skew: 0,
            at_beginning: false,
            untold: BTreeSet::new(),
        };
        for _ in 0..accounts {
            world.open_account();
        }
        world
    }

    /// A new account, announced.
    fn open_account(&mut self) {
        let place = self.accounts.len();
        let account = Account::new(place);
        self.documents.insert(account.document());
        self.places.insert(account.did().clone(), place);
        let birth = account.author.birth();
        self.accounts.push(account);
        for event in birth {
            self.tell(place, event);
        }
    }

    pub(super) fn place(&self, did: &Did) -> Option<usize> {
        self.places.get(did).copied()
    }

    /// The relay passes a true message on.
    pub(super) fn tell(&mut self, account: usize, event: Event) {
        let what = match &event {
            Event::Commit(_) if self.armory.take(Fault::LostEvent) => {
                self.untold.insert(account);
                return;
            }
            Event::Commit(commit) => What::Commit { rev: commit.rev, empty: commit.ops.is_empty() },
            Event::Sync(sync) => What::Sync { rev: sync.rev },
            Event::Identity(_) => What::Identity,
            Event::Account(_) => What::Account,
            Event::Info(_) => return,
        };
        if self.log.may_be_reset() && !self.at_beginning && self.armory.take(Fault::SequenceReset) {
            self.log.reset(self.random.one_in(2));
        }
        let seq = self.log.next_seq(&mut self.random);
        let place = (self.log.epoch(), seq);
        self.log.append(seq, event.with_seq(seq).encode());
        self.expected.insert(place, Expected { account, what });
    }

    /// The relay passes on what is not true.
    pub(super) fn pass_on(&mut self, event: Event, distort: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let seq = self.log.next_seq(&mut self.random);
        self.log.append(seq, distort(event.with_seq(seq).encode()));
    }

    /// Whether a fault that lasts is there; it begins when it is first asked for.
    pub(super) fn lasts(&mut self, fault: Fault) -> bool {
        let now = Instant::now();
        if self.lasting.get(&fault).is_some_and(|until| now < *until) {
            return true;
        }
        let begins = self.armory.take(fault);
        if begins {
            let until = now + self.random.between(SHORTEST, LONGEST);
            self.lasting.insert(fault, until);
        }
        begins
    }

    pub(super) fn directory_is_down(&mut self) -> bool {
        self.lasts(Fault::DirectoryOutage)
    }

    /// By how much the service's clock is wrong, in microseconds.
    pub(super) fn skew(&mut self) -> i64 {
        let drawn = self.armory.is_armed(Fault::ClockJump);
        if !self.lasts(Fault::ClockJump) {
            return 0;
        }
        if drawn {
            let size = i64::try_from(self.random.below(MAX_SKEW)).unwrap_or(0);
            self.skew = if self.random.one_in(2) { size } else { -size };
        }
        self.skew
    }

    /// Nothing goes wrong any more, and what was left untold is told.
    pub(super) fn calm(&mut self) {
        self.armory.disarm();
        self.lasting.clear();
        self.log.come_back();
        for place in std::mem::take(&mut self.untold) {
            self.state(place);
        }
        for place in 0..self.accounts.len() {
            self.resume(place);
        }
    }

    /// An account's host says where its repository stands.
    pub(super) fn state(&mut self, place: usize) {
        if !self.accounts[place].is_gone() {
            let sync = self.accounts[place].author.sync();
            self.tell(place, sync);
        }
    }

    /// A paused account comes back.
    pub(super) fn resume(&mut self, place: usize) {
        let account = &mut self.accounts[place];
        if account.status.is_some() && !account.is_gone() {
            account.status = None;
            let active = account.author.account(None);
            self.tell(place, active);
            self.state(place);
        }
    }
}
