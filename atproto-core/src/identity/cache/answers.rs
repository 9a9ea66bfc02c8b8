//! The answers to one kind of question, good and bad, and the requests under way.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::lru::Lru;
use super::question::Kind;
use super::weight::Weight;
use crate::identity::ResolveError;

/// A request under way, by a number that is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

pub struct Answers<Q: Kind> {
    /// How long a good answer is fresh.
    pub(super) fresh: Duration,
    pub(super) good: Lru<Q, Good<Q::Answer>>,
    /// In a table of their own: whoever invents names does not push out what is real.
    pub(super) bad: Lru<Q, Bad>,
    pub(super) flights: HashMap<Q, Flight>,
}

pub(super) struct Good<V> {
    pub(super) answer: V,
    /// The request that brought the answer.
    pub(super) ticket: Ticket,
    /// When that request began: the answer may be as old as that.
    pub(super) began: Instant,
    /// When to ask again.
    pub(super) ask_again: Instant,
    /// Why asking again has failed, if it has.
    pub(super) failure: Option<ResolveError>,
}

/// A refusal, or a failure where nothing better is known.
pub(super) struct Bad {
    pub(super) error: ResolveError,
    pub(super) began: Instant,
    pub(super) ask_again: Instant,
}

#[derive(Clone, Copy)]
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    pub(super) began: Instant,
}

impl<Q: Kind> Answers<Q> {
    pub(super) fn new(fresh: Duration, entries: usize, bytes: usize) -> Self {
        Self {
            fresh,
            good: Lru::new(entries, bytes - bytes / BAD_SHARE),
            bad: Lru::new(entries / BAD_SHARE, bytes / BAD_SHARE),
            flights: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.good.len() + self.bad.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.good.bytes() + self.bad.bytes()
    }

    /// Remembers a good answer; how many entries were evicted for it.
    pub(super) fn keep_good(&mut self, question: &Q, good: Good<Q::Answer>) -> usize {
        self.bad.remove(question);
        let weight = question.weight(Some(&good.answer));
        self.good.insert(question.clone(), good, weight).len()
    }

    /// Remembers a bad answer; how many entries were evicted for it.
    pub(super) fn keep_bad(&mut self, question: &Q, bad: Bad) -> usize {
        self.good.remove(question);
        let weight = question.weight(None) + bad.error.weight();
        self.bad.insert(question.clone(), bad, weight).len()
    }

    pub(super) fn forget(&mut self, question: &Q) -> Option<Q::Answer> {
        self.flights.remove(question);
        self.bad.remove(question);
        self.good.remove(question).map(|good| good.answer)
    }

    /// Whether a request is the one whose answer counts; if so, it is under way no longer.
    pub(super) fn land(&mut self, question: &Q, ticket: Ticket) -> Option<Flight> {
        let flight = *self.flights.get(question)?;
        if flight.ticket != ticket {
            return None;
        }
        self.flights.remove(question)
    }
}

/// Bad answers have one part in this many of the room. Ours.
const BAD_SHARE: usize = 8;
