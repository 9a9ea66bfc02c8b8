//! Which relay sent which event, and when.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use atproto_core::syntax::{Did, Tid};
use atproto_repo::event::Event;

/// What makes an event the same at every relay: sequence numbers are each relay's own.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A commit.
    Commit(Did, Tid),
    /// A state.
    Sync(Did, Tid),
    /// A change of identity, by the time that its host gave it.
    Identity(Did, String),
    /// A change of status, by the time that its host gave it.
    Account(Did, String),
}

impl Key {
    pub(crate) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Commit(event) => Self::Commit(event.repo.clone(), event.rev),
            Event::Sync(event) => Self::Sync(event.did.clone(), event.rev),
            Event::Identity(event) => Self::Identity(event.did.clone(), event.time.clone()),
            Event::Account(event) => Self::Account(event.did.clone(), event.time.clone()),
            Event::Info(_) => return None,
        })
    }

    fn did(&self) -> &Did {
        match self {
            Self::Commit(did, _)
            | Self::Sync(did, _)
            | Self::Identity(did, _)
            | Self::Account(did, _) => did,
        }
    }
}

impl Key {
    /// The kind, the account, and the rev or time.
    pub(crate) fn parts(&self) -> (&'static str, &str, String) {
        let (kind, mark) = match self {
            Self::Commit(_, rev) => ("commit", rev.to_string()),
            Self::Sync(_, rev) => ("sync", rev.to_string()),
            Self::Identity(_, time) => ("identity", time.clone()),
            Self::Account(_, time) => ("account", time.clone()),
        };
        (kind, self.did().as_str(), mark)
    }
}

/// A relay's sequence numbers. They may skip some; where they do, something may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sequence {
    last: Option<i64>,
    /// How often numbers were skipped.
    pub(crate) gaps: u64,
    /// How many were.
    pub(crate) skipped: u64,
}

impl Sequence {
    pub(crate) fn note(&mut self, seq: i64) {
        let step = self.last.replace(seq).map_or(1, |last| seq.saturating_sub(last));
        if let Ok(skipped @ 1..) = u64::try_from(step.saturating_sub(1)) {
            self.gaps += 1;
            self.skipped += skipped;
        }
    }
}

/// All events of all relays.
pub(crate) struct Sightings {
    relays: usize,
    /// When each relay sent the event first, since the beginning.
    events: HashMap<Key, Vec<Option<Duration>>>,
}

/// What is to be said about one relay.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Different events.
    pub(crate) events: usize,
    /// Accounts with events.
    pub(crate) dids: usize,
    /// Events that another relay sent and this one did not, edges of the window left out.
    pub(crate) missing: usize,
    /// Accounts of which this relay sent nothing and another did.
    pub(crate) missing_dids: usize,
    /// How much later than the first relay: the median.
    pub(crate) median_lag: Option<Duration>,
    /// The same: what one event of a hundred exceeds.
    pub(crate) p99_lag: Option<Duration>,
}

impl Sightings {
    pub(crate) fn new(relays: usize) -> Self {
        Self { relays, events: HashMap::new() }
    }

    pub(crate) fn note(&mut self, relay: usize, key: Key, at: Duration) {
        let seen = self.events.entry(key).or_insert_with(|| vec![None; self.relays]);
        seen[relay].get_or_insert(at);
    }

    /// What another relay sent and this one did not, as in its summary, in order.
    pub(crate) fn missing(&self, relay: usize, from: Duration, to: Duration) -> Vec<&Key> {
        let first = |seen: &[Option<Duration>]| seen.iter().flatten().min().copied();
        let lacks = |seen: &[Option<Duration>]| {
            seen[relay].is_none() && first(seen).is_some_and(|at| (from..=to).contains(&at))
        };
        let mut missing: Vec<_> = self.events.iter().filter(|(_, seen)| lacks(seen)).collect();
        missing.sort_by_key(|(_, seen)| first(seen));
        missing.into_iter().map(|(key, _)| key).collect()
    }

    /// The summary for a relay. What was first seen before `from` or after `to` is not held
    /// against it: the other end of it may lie outside the window.
    pub(crate) fn summary(&self, relay: usize, from: Duration, to: Duration) -> Summary {
        let (mut events, mut missing) = (0, 0);
        let (mut dids, mut others) = (HashSet::new(), HashSet::new());
        let mut lags = Vec::new();
        for (key, seen) in &self.events {
            let Some(first) = seen.iter().flatten().min() else { continue };
            let inside = (from..=to).contains(first);
            match seen[relay] {
                Some(at) => {
                    events += 1;
                    dids.insert(key.did());
                    if seen.iter().flatten().count() > 1 {
                        lags.push(at - *first);
                    }
                }
                None if inside => {
                    missing += 1;
                    others.insert(key.did());
                }
                None => {}
            }
        }
        lags.sort_unstable();
        let missing_dids = others.difference(&dids).count();
        Summary {
            events,
            dids: dids.len(),
            missing,
            missing_dids,
            median_lag: lags.get(lags.len() / 2).copied(),
            p99_lag: lags.get(lags.len() * 99 / 100).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_sequence_numbers_are_counted() {
        let mut sequence = Sequence::default();
        [5, 6, 9, 10, 3, 4, 6].into_iter().for_each(|seq| sequence.note(seq));
        assert_eq!((sequence.gaps, sequence.skipped), (2, 3));
    }

    #[test]
    fn counts_what_a_relay_lacks_and_how_late_it_is() {
        let did = |name: &str| Did::new(format!("did:web:{name}.example")).unwrap();
        let key = |name, at: &str| Key::Account(did(name), at.to_owned());
        let seconds = Duration::from_secs;
        let mut sightings = Sightings::new(2);
        sightings.note(0, key("a", "1"), seconds(1));
        sightings.note(1, key("a", "1"), seconds(3));
        sightings.note(0, key("b", "2"), seconds(5));
        sightings.note(0, key("c", "3"), seconds(9));

        let first = sightings.summary(0, seconds(0), seconds(8));
        assert_eq!((first.events, first.dids, first.missing), (3, 3, 0));
        assert_eq!(first.median_lag, Some(seconds(0)));
        let second = sightings.summary(1, seconds(0), seconds(8));
        assert_eq!((second.events, second.missing, second.missing_dids), (1, 1, 1));
        assert_eq!(second.median_lag, Some(seconds(2)));
    }
}
