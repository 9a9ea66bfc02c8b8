//! Several upstreams of the same network, of which one is read at a time.
//!
//! Sequence numbers of two upstreams have nothing to do with each other, so each
//! has a position of its own, and what was received from one is settled before
//! the next is read. That one is read from where it was left, or from
//! [`IntakeConfig::failover_start`] the first time: it repeats what the other has
//! told since. Commits and syncs that come again are older than the head of
//! their repository, and need nothing; events of accounts and identities
//! are delivered again.

use std::sync::Arc;

use super::gaps::Restart;
use super::stats::count;
use super::window::Window;
use super::{Intake, IntakeConfig, Phase, Start};
use crate::checkpoint::Checkpoint;

/// Which upstream is read, and where the others were left.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    /// None is named where there is only one.
    names: Vec<Arc<str>>,
    pub(super) current: usize,
    /// By index; that of the current one is not kept up.
    left_at: Vec<Option<i64>>,
    /// Those that said they never will.
    refused: Vec<bool>,
    /// Connections to the current one that failed in a row.
    failures: u32,
}

/// Where upstreams were left, by name.
type Positions = Vec<(Arc<str>, i64)>;

impl Upstreams {
    /// The upstream to continue with, and whether the position of the checkpoint
    /// is its own.
    pub(super) fn restored(config: &IntakeConfig, restored: &Checkpoint) -> (Self, bool) {
        let names = config.upstreams.clone();
        let position = |name| restored.positions.iter().find(|(other, _)| other == name);
        let left_at = names.iter().map(|name| position(name).map(|(_, cursor)| *cursor));
        let left_at: Vec<Option<i64>> = left_at.collect();
        let refused = vec![false; names.len()];
        let named = restored.upstream.as_ref();
        let found = named.and_then(|name| names.iter().position(|other| other == name));
        // A position without a name is of the time when there was one upstream.
        let is_own = names.is_empty() || named.is_none() || found.is_some();
        (Self { names, current: found.unwrap_or(0), left_at, refused, failures: 0 }, is_own)
    }

    pub(super) fn current_cursor(&self) -> Option<i64> {
        self.left_at.get(self.current).copied().flatten()
    }

    /// What a checkpoint says of them.
    pub(super) fn stored(&self) -> (Option<Arc<str>>, Positions) {
        let others = self.names.iter().zip(&self.left_at).enumerate();
        let others = others.filter(|(index, _)| *index != self.current);
        let positions = others.filter_map(|(_, (name, cursor))| Some((name.clone(), (*cursor)?)));
        (self.names.get(self.current).cloned(), positions.collect())
    }

    /// The one to read after the current one, if there is another.
    fn next(&self) -> Option<usize> {
        let count = self.names.len();
        let others = (1..count).map(|step| (self.current + step) % count);
        others.into_iter().find(|index| self.refused.get(*index) == Some(&false))
    }
}

impl Intake {
    /// The upstream says that it will never serve this, and why.
    pub fn handle_refused(&mut self, why: impl Into<Arc<str>>) {
        let current = self.upstreams.current;
        if let Some(refused) = self.upstreams.refused.get_mut(current) {
            *refused = true;
        }
        if !self.fail_over("refused") {
            self.halt(why);
        }
    }

    /// Reads another upstream once everything is settled. False if there is
    /// none.
    pub(super) fn fail_over(&mut self, why: &'static str) -> bool {
        if self.upstreams.next().is_none() {
            return false;
        }
        if self.stream.restart.is_none() {
            self.stream.restart = Some(Restart::NextUpstream(why));
        }
        if matches!(self.stream.phase, Phase::Open { .. }) {
            self.disconnect(why);
        }
        true
    }

    /// A connection ended; `stable` if it had lived for some time.
    pub(super) fn note_closed(&mut self, stable: bool) {
        if stable {
            self.upstreams.failures = 0;
        }
        self.upstreams.failures += 1;
        if self.upstreams.failures >= self.config.failover_after {
            self.fail_over("failures");
        }
    }

    /// Everything is settled: the next upstream takes over.
    pub(super) fn switch_upstream(&mut self, why: &'static str) -> Window {
        let cursor = self.window.cursor();
        let Some(next) = self.upstreams.next() else {
            let received = self.window.received();
            return Window::new(cursor, received, std::iter::empty().collect());
        };
        let Upstreams { current, left_at, failures, .. } = &mut self.upstreams;
        if let Some(left_at) = left_at.get_mut(*current) {
            *left_at = cursor;
        }
        (*current, *failures) = (next, 0);
        self.stream.backoff.reset();
        count(&mut self.stats.failovers, why);
        let start = self.upstreams.current_cursor().map(Start::Cursor);
        let (cursor, received) = start.unwrap_or(self.config.failover_start).position();
        Window::new(cursor, received, std::iter::empty().collect())
    }
}
