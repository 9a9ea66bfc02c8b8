//! An intake driven by hand: what a test does not do
//! does not happen.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use atproto_core::identity::ResolveError;
use atproto_core::syntax::Did;
use atproto_firehose::checkpoint::{Checkpoint, Parked, ParkedRef, StoredFilter};
use atproto_firehose::event::Event;
use atproto_firehose::intake::{Action, DeliveryId, EntryId, Intake, IntakeConfig, Settlement};
use atproto_firehose::label::LabelError;
use atproto_firehose::verify::Outcome;
use atproto_lexicons::com::atproto::label::defs::Label;
use atproto_repo::event::{Event as Message, IdentityEvent};
use bytes::Bytes;

use crate::support::network::TIME;

/// What an event costs in memory beyond its frame.
pub(crate) const OVERHEAD: usize = 1_024;

pub(crate) struct Rig {
    pub(crate) intake: Intake,
    pub(crate) now: Instant,
    /// The cursors of the connections so far.
    pub(crate) cursors: Vec<Option<i64>>,
    /// A spool that works as long as nothing is said.
    pub(crate) spool: HashMap<EntryId, Bytes>,
    pub(crate) spool_writes_fail: bool,
    pub(crate) spool_reads_fail: bool,
    /// Accounts whose identity cannot be resolved.
    pub(crate) unresolved: HashSet<char>,
    /// What is parked in the store.
    pub(crate) parked: BTreeMap<u64, Parked>,
    /// The filter in the store.
    pub(crate) filter: Option<StoredFilter>,
    /// Checkpoints that were stored.
    pub(crate) saved: Vec<Checkpoint>,
    pub(crate) saves_fail: bool,
}

/// The account of a letter.
pub(crate) fn account(letter: char) -> Did {
    Did::new(format!("did:plc:{}", letter.to_string().repeat(24))).unwrap()
}

/// The letter of an account.
pub(crate) fn letter(did: &Did) -> char {
    did.as_str().chars().last().unwrap()
}

pub(crate) fn frame(seq: i64, letter: char) -> Bytes {
    let identity = IdentityEvent::new(account(letter), None, TIME);
    Message::from(identity).with_seq(seq).encode().into()
}

/// What an event of [`frame`] costs in memory.
pub(crate) fn cost() -> usize {
    frame(1_000, 'a').len() + OVERHEAD
}

pub(crate) fn unverified() -> IntakeConfig {
    let mut config = IntakeConfig::default();
    config.start = Some(atproto_firehose::intake::Start::Oldest);
    config.verify = false;
    config.max_frame_bytes = 500;
    config
}

impl Rig {
    /// With an open connection.
    pub(crate) fn new(config: IntakeConfig) -> Self {
        let now = Instant::now();
        let mut rig = Self {
            intake: Intake::new(config, &Checkpoint::default(), now),
            now,
            cursors: Vec::new(),
            spool: HashMap::new(),
            spool_writes_fail: false,
            spool_reads_fail: false,
            unresolved: HashSet::new(),
            parked: BTreeMap::new(),
            filter: None,
            saved: Vec::new(),
            saves_fail: false,
        };
        rig.act();
        rig
    }

    /// Does all that is asked for.
    pub(crate) fn act(&mut self) {
        let down = || Arc::new(std::io::Error::other("down"));
        while let Some(action) = self.intake.poll_action(self.now) {
            match action {
                Action::Connect { cursor, .. } => {
                    self.cursors.push(cursor);
                    self.intake.handle_connected(self.now);
                }
                Action::Disconnect { reason } => self.intake.handle_closed(self.now, reason),
                Action::Spool { id, .. } if self.spool_writes_fail => {
                    self.intake.handle_spool_failed(id);
                }
                Action::Spool { id, frame } => {
                    self.spool.insert(id, frame);
                    self.intake.handle_spooled(id);
                }
                Action::Unspool { id } if self.spool_reads_fail => {
                    self.intake.handle_unspool_failed(id);
                }
                Action::Unspool { id } => {
                    let frame = self.spool.remove(&id).unwrap();
                    self.intake.handle_unspooled(self.now, id, frame);
                }
                Action::Discard { id } => {
                    self.spool.remove(&id);
                }
                Action::Persist(_) if self.saves_fail => {
                    self.intake.handle_persist_failed(self.now);
                }
                Action::Persist(checkpoint) => {
                    self.store(&checkpoint);
                    self.saved.push(*checkpoint);
                    self.intake.handle_persisted();
                }
                Action::LoadParked { id, parked } => {
                    let frame = self.parked.get(&parked).map(|parked| parked.frame.clone());
                    self.intake.handle_parked(self.now, id, frame);
                }
                Action::LoadHead { id, .. } => self.intake.handle_head(id, None),
                Action::Verify { id, event, .. } => {
                    let unresolved = self.unresolved.contains(&letter(event.did().unwrap()));
                    let outcome = if unresolved {
                        Outcome::Defer(ResolveError::Unavailable(down()))
                    } else {
                        Outcome::Accept(None)
                    };
                    self.intake.handle_verified(self.now, id, outcome);
                }
                Action::VerifyLabels { id, labels } => {
                    let verdict =
                        |label: &Label| match self.unresolved.contains(&letter(&label.src)) {
                            true => Err(LabelError::Identity(ResolveError::Unavailable(down()))),
                            false => Ok(()),
                        };
                    let verdicts = labels.labels.iter().map(verdict).collect();
                    self.intake.handle_labels_verified(self.now, id, verdicts);
                }
            }
        }
    }

    /// What a store does with what is parked.
    pub(crate) fn store(&mut self, checkpoint: &Checkpoint) {
        for parked in &checkpoint.parked {
            self.parked.insert(parked.id, parked.clone());
        }
        for id in &checkpoint.unparked {
            self.parked.remove(id);
        }
        if checkpoint.filter.is_some() {
            self.filter.clone_from(&checkpoint.filter);
        }
    }

    /// The process dies, and another one continues from what is stored.
    pub(crate) fn restart(&mut self, mut config: IntakeConfig) {
        let mut stored = self.saved.last().cloned().unwrap_or_default();
        stored.filter.clone_from(&self.filter);
        config.restore_filter(&stored).unwrap();
        self.intake = Intake::new(config, &stored, self.now);
        self.intake.restore_parked(self.now, self.parked.values().map(ParkedRef::from));
        self.spool.clear();
        self.act();
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.intake.handle_timeout(self.now);
        self.act();
    }

    /// Reads the event of that number, if the intake wants one.
    pub(crate) fn read(&mut self, seq: i64, letter: char) -> bool {
        let wanted = self.intake.wants_frames();
        if wanted {
            self.intake.handle_frame(self.now, frame(seq, letter));
            self.act();
        }
        wanted
    }

    /// The next delivery: account, number, and what to settle it by.
    pub(crate) fn next(&mut self) -> Option<(char, i64, DeliveryId)> {
        let delivered = self.intake.poll_delivery(self.now)?;
        let event: &Event = &delivered.event;
        Some((letter(event.did()?), event.seq()?, delivered.id))
    }

    pub(crate) fn settle(&mut self, id: DeliveryId, settlement: Settlement) {
        self.intake.handle_settled(self.now, id, settlement);
        self.act();
    }

    /// Works on the next event; says whose it was and its number.
    pub(crate) fn work(&mut self) -> Option<(char, i64)> {
        let (account, seq, id) = self.next()?;
        self.settle(id, Settlement::Ack);
        Some((account, seq))
    }

    /// Works on all there is.
    pub(crate) fn work_off(&mut self) -> Vec<(char, i64)> {
        std::iter::from_fn(|| self.work()).collect()
    }
}
