//! How many events there were of each outcome. The numbers are here to be read; the metrics of
//! the same names follow them.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::counter;

use super::{OUTCOMES, Outcome, Refusal};
use crate::metrics::{DISCONTINUITIES, DISCONTINUOUS, EVENTS, FAILURES};

/// Events by outcome, refusals by reason, and what forwarded commits did not follow.
#[derive(Debug)]
pub struct Counts {
    outcomes: Table<{ OUTCOMES.len() }>,
    refusals: Table<{ Refusal::REASONS.len() }>,
    discontinuities: Table<{ DISCONTINUITIES.len() }>,
}

#[derive(Debug)]
struct Table<const N: usize> {
    metric: &'static str,
    label: &'static str,
    words: [&'static str; N],
    counts: [AtomicU64; N],
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            outcomes: Table::new(EVENTS, "outcome", OUTCOMES),
            refusals: Table::new(FAILURES, "reason", Refusal::REASONS),
            discontinuities: Table::new(DISCONTINUOUS, "reason", DISCONTINUITIES),
        }
    }
}

impl Counts {
    /// Events with this outcome, one of [`OUTCOMES`].
    pub fn outcome(&self, word: &str) -> u64 {
        self.outcomes.get(word)
    }

    /// Events refused for this reason, one of [`Refusal::REASONS`].
    pub fn refusal(&self, reason: &str) -> u64 {
        self.refusals.get(reason)
    }

    /// Forwarded commits that do not follow the known state in `since` or `prev_data`, and
    /// states that were announced without the way to them, `sync`.
    pub fn discontinuity(&self, word: &str) -> u64 {
        self.discontinuities.get(word)
    }

    pub(crate) fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Refused(refusal) => self.count_refusal(refusal.reason()),
            other => self.outcomes.add(other.label()),
        }
    }

    pub(crate) fn count_refusal(&self, reason: &'static str) {
        self.outcomes.add("refused");
        self.refusals.add(reason);
    }

    pub(crate) fn count_discontinuity(&self, word: &'static str) {
        self.discontinuities.add(word);
    }
}

impl<const N: usize> Table<N> {
    fn new(metric: &'static str, label: &'static str, words: [&'static str; N]) -> Self {
        for word in words {
            counter!(metric, label => word).absolute(0);
        }
        Self { metric, label, words, counts: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    fn get(&self, word: &str) -> u64 {
        let place = self.words.iter().position(|known| *known == word);
        place.map_or(0, |place| self.counts[place].load(Ordering::Relaxed))
    }

    fn add(&self, word: &'static str) {
        debug_assert!(self.words.contains(&word), "{word} is not a word of {}", self.metric);
        if let Some(place) = self.words.iter().position(|known| *known == word) {
            self.counts[place].fetch_add(1, Ordering::Relaxed);
        }
        counter!(self.metric, self.label => word).increment(1);
    }
}
