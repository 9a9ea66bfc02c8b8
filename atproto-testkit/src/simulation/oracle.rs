use std::collections::{BTreeMap, BTreeSet};

use atproto_core::syntax::{Did, Tid};
use atproto_firehose::event::Event;

use super::{
    Outcome,
    index::{Effect, GONE, Index},
};
use crate::net::{Expectations, Expected, Net, Report, SimState, Truth, What};

/// Watches deliveries and settlements, and knows what should have come.
pub(super) struct Oracle {
    truth: Truth,
    outcome: Outcome,
    /// The epoch of the relay's log that is read.
    epoch: u32,
    index: Index,
    settled: BTreeSet<(u32, i64)>,
    /// The newest event settled by this process, for each account.
    reached: BTreeMap<Did, (u32, i64)>,
    /// The newest event delivered by this process, for each account.
    delivered: BTreeMap<Did, i64>,
    /// The events being worked on in this process, for each account.
    open: BTreeMap<Did, (i64, Ticket)>,
    /// The newest revision that was fetched, for each account.
    fetched: BTreeMap<Did, Tid>,
    tickets: Ticket,
}

/// Stands for one delivery.
pub(super) type Ticket = u64;

/// How many notes are kept.
const NOTES: usize = 12;
/// The labels of rejects that can be of true events: one that came after its key was replaced,
/// and one that a wrong clock took for one of the future. They are made up for by a fetch.
const REFUTABLE: [&str; 2] = ["bad_signature", "rev_in_future"];

impl Oracle {
    pub(super) fn new(truth: Truth) -> Self {
        Self {
            truth,
            outcome: Outcome::default(),
            epoch: 0,
            index: Index::default(),
            settled: BTreeSet::new(),
            reached: BTreeMap::new(),
            delivered: BTreeMap::new(),
            open: BTreeMap::new(),
            fetched: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// A new process begins.
    pub(super) fn restart(&mut self) {
        self.delivered.clear();
        self.open.clear();
        // What was rejected may be judged otherwise by the next process, if that was not stored.
        self.reached.clear();
    }

    /// The upstream is read from the beginning, after everything was fetched.
    pub(super) fn begin_epoch(&mut self, epoch: u32, everything: &Effect) {
        self.epoch = epoch;
        self.apply(everything, self.tickets);
    }

    /// An event was delivered, with so many bytes in flight.
    pub(super) fn delivered(
        &mut self,
        event: &Event,
        micros: u64,
        state: &SimState,
        bytes: u64,
        cap: u64,
    ) -> Ticket {
        self.outcome.deliveries += 1;
        self.tickets += 1;
        let number = event.seq().map_or(u64::MAX, i64::unsigned_abs);
        for part in [micros, number] {
            self.outcome.digest = (self.outcome.digest ^ part).wrapping_mul(0x0100_0000_01B3);
        }
        if bytes > cap {
            self.outcome.above_cap += 1;
            self.note(format!("{bytes} bytes are in flight"));
        }
        let (Some(seq), Some(did)) = (event.seq(), event.did()) else { return self.tickets };
        if state.is_settled(seq) && !self.is_late(seq) {
            self.outcome.redelivered += 1;
            self.note(format!("seq {seq} of {did} came again after a durable ack"));
        }
        let before = self.delivered.insert(did.clone(), seq).unwrap_or(seq);
        let open = self.open.insert(did.clone(), (seq, self.tickets));
        if (seq < before && !self.is_late(seq)) || open.is_some_and(|(open, _)| open != seq) {
            self.outcome.reordered += 1;
            self.note(format!("seq {seq} of {did} came after {before}, open was {open:?}"));
        }
        self.tickets
    }

    /// A delivery has ended without effect.
    pub(super) fn failed(&mut self, event: &Event, ticket: Ticket) {
        if let Some(did) = event.did()
            && self.open.get(did).is_some_and(|(_, open)| *open == ticket)
        {
            self.open.remove(did);
        }
    }

    /// The effect of a delivery is durable.
    pub(super) fn done(&mut self, event: &Event, ticket: Ticket, effect: &Effect) {
        self.failed(event, ticket);
        self.apply(effect, ticket);
        let (Some(seq), Some(did)) = (event.seq(), event.did()) else { return };
        let place = (self.epoch, seq);
        let reached = self.reached.get(did).copied().unwrap_or(place);
        if self.settled.insert(place) && place < reached && !self.is_late(seq) {
            self.outcome.reordered += 1;
            self.note(format!("seq {seq} of {did} was settled after {reached:?}"));
        }
        self.reached.insert(did.clone(), reached.max(place));
    }

    /// Whether the upstream itself sent an event behind the next one. It is asked for again then,
    /// and comes after what it should have come before: that is no order of the consumer's.
    fn is_late(&self, seq: i64) -> bool {
        self.truth.is_swapped(self.epoch, seq)
    }

    fn apply(&mut self, effect: &Effect, ticket: Ticket) {
        if let Err(why) = self.index.apply(effect, ticket) {
            self.outcome.lost += 1;
            self.note(why);
        }
        if let Effect::Account(account) = effect
            && account.status.as_deref() == Some(GONE)
        {
            self.fetched.insert(account.did.clone(), Tid::MAX);
        }
        if let Effect::Fetched(accounts, _) = effect {
            for account in accounts {
                // A repository that is gone holds nothing that could be missing.
                let rev = account.repository.as_ref().map_or(Tid::MAX, |found| found.rev);
                let known = self.fetched.entry(account.did.clone()).or_insert(rev);
                *known = rev.max(*known);
            }
        }
    }

    /// Compares what has come with what should have.
    pub(super) fn judge(&mut self, net: &Net, state: &SimState) {
        let (truth, accounts) = (net.truth(), net.truth().accounts());
        let rejects: BTreeMap<i64, String> = state.rejects().into_iter().collect();
        let missing = net.expected(|expectations| {
            let all = expectations.all().filter(|(epoch, seq, expected)| {
                let did = &accounts[expected.account];
                !self.is_made_up_for(expectations, *epoch, *seq, expected, did, &rejects)
            });
            all.map(|(epoch, seq, expected)| {
                format!(
                    "{epoch}/{seq} is missing: {expected:?}, rejected as {:?}",
                    rejects.get(&seq)
                )
            })
            .collect::<Vec<_>>()
        });
        self.outcome.lost += missing.len() as u64;
        missing.into_iter().for_each(|missing| self.note(missing));
        for did in accounts {
            let copy = self.index.copies.remove(&did).unwrap_or_default();
            let records = truth.repository(&did).map_or_else(BTreeMap::new, |found| found.records);
            if copy.records != records {
                self.outcome.wrong += 1;
                let (copied, real) = (copy.records.len(), records.len());
                self.note(format!("{did} has {real} records, the copy {copied}"));
            }
            if copy.active != truth.is_active(&did) {
                self.outcome.wrong += 1;
                self.note(format!("{did} is active in the copy: {}", copy.active));
            }
        }
    }

    fn is_made_up_for(
        &self,
        expectations: &Expectations<'_>,
        epoch: u32,
        seq: i64,
        Expected { what, .. }: &Expected,
        did: &Did,
        rejects: &BTreeMap<i64, String>,
    ) -> bool {
        let fetched = |rev: &Tid| self.fetched.get(did).is_some_and(|found| found >= rev);
        let dropped = expectations.is_dropped(epoch, seq);
        let rejected = rejects.get(&seq).is_some_and(|label| REFUTABLE.contains(&&**label));
        self.settled.contains(&(epoch, seq))
            || match what {
                // The next one follows what was before an empty one.
                What::Commit { rev, empty } => (dropped || rejected) && (*empty || fetched(rev)),
                // It says nothing new where the copy is as far.
                What::Sync { rev } => {
                    let copy = self.index.copies.get(did);
                    fetched(rev) || copy.is_some_and(|copy| copy.rev >= Some(*rev))
                }
                What::Identity | What::Account => dropped,
            }
    }

    pub(super) fn outcome(&self, report: Report) -> Outcome {
        Outcome { report, ..self.outcome.clone() }
    }

    fn note(&mut self, note: String) {
        if self.outcome.notes.len() < NOTES {
            self.outcome.notes.push(note);
        }
    }
}
