//! What happens in a network: traffic, the lives of accounts, and what is not true.

use std::time::Duration;

use atproto_core::syntax::Cid;
use atproto_repo::{
    car,
    event::{CommitEvent, Event, RepoOp},
};

use super::{account::Account, fault::Fault, world::World};

/// What is to happen at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Fault(Fault),
    /// A paused account comes back.
    Resume(usize),
    /// The host of an account says where its repository stands.
    State(usize),
}

/// What follows from an act.
pub(super) enum Outcome {
    Done,
    /// Something else, after a while.
    Then(Duration, Act),
    /// The chance was not there; it may be later.
    Later,
    /// The services die.
    Crash(Fault),
}

/// How many events an absent relay misses.
const ABSENCE: u64 = 6;
/// A day.
const TOMORROW: u64 = 86_400_000_000;

impl World {
    /// Some account writes; the first one does so more often than all the others. False if there is
    /// none that can.
    pub(super) fn traffic(&mut self, micros: u64) -> bool {
        let Some(place) = self.active_account() else { return false };
        let Self { accounts, random, .. } = self;
        let event = accounts[place].commit(random, micros);
        self.tell(place, event);
        true
    }

    fn active_account(&mut self) -> Option<usize> {
        let count = self.accounts.len();
        let start = match self.random.below(10) {
            0..3 => 0,
            // The others are the busier the lower their number.
            _ => (self.random.unit().powi(2) * count as f64) as usize,
        };
        (0..count).map(|step| (start + step) % count).find(|at| self.accounts[*at].is_active())
    }

    pub(super) fn act(&mut self, act: Act, micros: u64) -> Outcome {
        match act {
            Act::Resume(place) => self.resume(place),
            Act::State(place) => {
                self.untold.remove(&place);
                self.state(place);
            }
            Act::Fault(fault) => return self.strike(fault, micros),
        }
        Outcome::Done
    }

    fn strike(&mut self, fault: Fault, micros: u64) -> Outcome {
        match fault {
            Fault::Crash => return Outcome::Crash(fault),
            Fault::OutdatedCursor => {
                let absence = 3 + self.random.below(ABSENCE);
                self.log.go_away(absence);
                return Outcome::Done;
            }
            Fault::SequenceJump => self.log.jump(),
            Fault::KeyRotation
            | Fault::Migration
            | Fault::AccountPause
            | Fault::AccountDeletion => {
                let Some(place) = self.active_account() else { return Outcome::Later };
                self.armory.fire(fault);
                return self.live(fault, place, micros);
            }
            Fault::BadSignature
            | Fault::WrongAccount
            | Fault::DroppedOp
            | Fault::InventedOp
            | Fault::WrongPrevData
            | Fault::MissingBlock
            | Fault::Rollback
            | Fault::FutureRev
            | Fault::InvalidMessage
            | Fault::TooBig
            | Fault::UnknownKind => {
                let Some(place) = self.active_account() else { return Outcome::Later };
                self.lie(fault, place, micros);
            }
            Fault::LostEvent => {
                self.armory.arm(fault);
                let Some(place) = self.active_account() else { return Outcome::Later };
                let Self { accounts, random, .. } = self;
                let event = accounts[place].commit(random, micros);
                self.tell(place, event);
                return Outcome::Then(self.random.between(SOON, LATER), Act::State(place));
            }
            _ => {
                self.armory.arm(fault);
                return Outcome::Done;
            }
        }
        self.armory.fire(fault);
        Outcome::Done
    }

    /// Something happens to an account.
    fn live(&mut self, fault: Fault, place: usize, micros: u64) -> Outcome {
        let account = &mut self.accounts[place];
        match fault {
            Fault::AccountDeletion => {
                let gone = account.delete();
                self.tell(place, gone);
            }
            Fault::AccountPause => {
                const STATES: [&str; 3] = ["deactivated", "takendown", "suspended"];
                account.status = Some(STATES[self.random.index(STATES.len())]);
                let paused = account.author.account(account.status);
                self.tell(place, paused);
                return Outcome::Then(self.random.between(SOON, LATER), Act::Resume(place));
            }
            _ => {
                let mut before = account.author.clone();
                account.rotate_key(fault == Fault::Migration);
                self.documents.insert(account.document());
                let identity = account.author.identity();
                let signed = account.write(Vec::new(), micros);
                let state = account.author.sync();
                for event in [identity, signed, state] {
                    self.tell(place, event);
                }
                if fault == Fault::Migration {
                    // The old host does not know, or does not care.
                    before.set_time(micros + 1);
                    let stale = before.write(Vec::new());
                    self.pass_on(stale, |frame| frame);
                }
            }
        }
        Outcome::Done
    }

    /// Somebody says in the name of an account what is not true.
    fn lie(&mut self, fault: Fault, place: usize, micros: u64) {
        let (mut random, other) = (self.random.fork(), self.random.index(self.accounts.len()));
        let mut liar = self.accounts[place].speaker();
        let key = (fault == Fault::BadSignature).then_some(u64::MAX);
        if let Some(generation) = key {
            liar.author.rotate_key(generation);
        }
        let moment = if fault == Fault::FutureRev { micros + TOMORROW } else { micros };
        let event = match fault {
            Fault::Rollback => liar.author.birth().swap_remove(2),
            _ => liar.commit_of(2, &mut random, moment),
        };
        let Event::Commit(commit) = event else { return };
        let event = Event::Commit(match fault {
            Fault::WrongAccount => {
                let wrong = if other == place { (place + 1) % self.accounts.len() } else { other };
                CommitEvent { repo: self.accounts[wrong].did().clone(), ..commit }
            }
            Fault::DroppedOp => CommitEvent { ops: commit.ops[1..].to_vec(), ..commit },
            Fault::InventedOp => invent(commit),
            Fault::WrongPrevData => {
                CommitEvent { prev_data: Some(Cid::dag_cbor(b"another state")), ..commit }
            }
            Fault::MissingBlock => strip(commit),
            Fault::TooBig => CommitEvent { too_big: true, ..commit },
            _ => commit,
        });
        self.pass_on(event, |frame| match fault {
            Fault::UnknownKind => replaced(frame, b"#commit", b"#tidbit"),
            Fault::InvalidMessage => replaced(frame, b"\x63ops", b"\x63opt"),
            _ => frame,
        });
    }
}

impl Account {
    /// Somebody who can sign for the account, and whose words leave no trace in it.
    fn speaker(&self) -> Account {
        let mut speaker = Account::new(0);
        speaker.author = self.author.clone();
        speaker.leave_out_keys();
        speaker
    }
}

/// With one more operation, of a record that exists and was not written.
fn invent(mut commit: CommitEvent) -> CommitEvent {
    if let Some(RepoOp { path, cid: Some(cid), .. }) = commit.ops.first().cloned() {
        let mut path = path;
        path.rkey = "invented".parse().expect("a record key");
        commit.ops.push(RepoOp::create(path, cid));
    }
    commit
}

/// With the commit alone in its archive.
fn strip(commit: CommitEvent) -> CommitEvent {
    let limits = car::Limits::default();
    let archive = car::read_all(commit.blocks.clone(), &limits).map(|(_, blocks)| blocks);
    let block = archive.ok().and_then(|blocks| blocks.get(&commit.commit).cloned());
    let blocks = block.map(|block| car::write(&commit.commit, [(&commit.commit, &block)]).into());
    CommitEvent { blocks: blocks.unwrap_or_default(), ..commit }
}

/// The frame with one text in place of another of the same length.
fn replaced(mut frame: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    if let Some(at) = frame.windows(old.len()).position(|window| window == old) {
        frame[at..at + old.len()].copy_from_slice(new);
    }
    frame
}

/// When what an act has begun goes on.
const SOON: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_secs(600);
