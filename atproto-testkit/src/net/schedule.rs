use std::collections::BTreeMap;

use tokio::time::Instant;

use super::act::Act;

/// What is to happen, and when.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    acts: BTreeMap<(Instant, u64), Act>,
    added: u64,
}

impl Schedule {
    pub(super) fn add(&mut self, at: Instant, act: Act) {
        self.added += 1;
        self.acts.insert((at, self.added), act);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.acts.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next that is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<Act> {
        let first = self.acts.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}
