//! Gaps in the stream, and what is done about them.

use std::time::Instant;

use bytes::Bytes;

use super::stats::count;
use super::window::Window;
use super::{Intake, Start};
use crate::event::{Event, Gap};
use std::sync::Arc;

/// What follows a gap in the stream. It is delivered in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapPolicy {
    /// Go on: with the events after it, or, where there are none, on another
    /// connection with the same cursor.
    Deliver,
    /// Stop reading. What was received can still be settled; somebody has to
    /// decide.
    Halt,
    /// Settle everything that was received, the gap included, and then begin
    /// anew there. The cursor may move back by this. A crash before the first
    /// checkpoint of the new beginning finds the gap again.
    Restart(Start),
    /// Settle everything that was received, the gap included, and then read the
    /// next upstream. Where there is only one: as [`Self::Halt`].
    FailOver,
}

/// What begins once everything is settled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Restart {
    At(Start),
    NextUpstream(&'static str),
}

/// A [`GapPolicy`] for each gap in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GapPolicies {
    /// For [`Gap::OutdatedCursor`]. Default: deliver.
    pub outdated_cursor: GapPolicy,
    /// For [`Gap::FutureCursor`]. Default: halt. With `Deliver` the upstream is
    /// asked again until its numbers have come so far, each time after a longer
    /// wait.
    pub future_cursor: GapPolicy,
    /// For [`Gap::ConsumerTooSlow`]. Default: deliver.
    pub consumer_too_slow: GapPolicy,
    /// For [`Gap::SeqJump`]. Default: deliver.
    pub seq_jump: GapPolicy,
    /// For [`Gap::SeqReset`]. Default: halt. With `Deliver` as for
    /// [`future_cursor`](Self::future_cursor).
    pub seq_reset: GapPolicy,
}

impl Default for GapPolicies {
    fn default() -> Self {
        Self {
            outdated_cursor: GapPolicy::Deliver,
            future_cursor: GapPolicy::Halt,
            consumer_too_slow: GapPolicy::Deliver,
            seq_jump: GapPolicy::Deliver,
            seq_reset: GapPolicy::Halt,
        }
    }
}

impl GapPolicies {
    fn of(&self, gap: &Gap) -> GapPolicy {
        match gap {
            Gap::OutdatedCursor { .. } => self.outdated_cursor,
            Gap::FutureCursor { .. } => self.future_cursor,
            Gap::ConsumerTooSlow { .. } => self.consumer_too_slow,
            Gap::SeqJump { .. } => self.seq_jump,
            Gap::SeqReset { .. } => self.seq_reset,
            Gap::Repo { .. } | Gap::Upstream { .. } => GapPolicy::Deliver,
        }
    }
}

impl Intake {
    /// The upstream ended the stream with an error.
    pub(super) fn upstream(&mut self, now: Instant, name: String, message: Option<String>) {
        let cursor = self.stream.cursor;
        let gap = match name.as_str() {
            "FutureCursor" => Gap::FutureCursor { cursor, message },
            "ConsumerTooSlow" => Gap::ConsumerTooSlow { message },
            _ => Gap::Upstream { name, message },
        };
        if self.gap(now, gap, None) {
            self.disconnect("upstream_error");
        }
    }

    pub(super) fn outdated(&mut self, now: Instant) {
        let cursor = self.stream.cursor.unwrap_or(0);
        // It moves no cursor back, whenever it comes.
        let held = self.stream.cursor.max(self.window.cursor());
        self.gap(now, Gap::OutdatedCursor { cursor }, held.map(|held| held.saturating_add(1)));
    }

    /// Delivers a gap in the stream, and does what its policy says. `hold` keeps
    /// the cursor below it until it is acknowledged. False if nothing more is to
    /// be read from this connection.
    pub(super) fn gap(&mut self, now: Instant, gap: Gap, hold: Option<i64>) -> bool {
        let label = gap.label();
        count(&mut self.stats.gaps, label);
        self.gaps += u64::from(gap.is_of_any_account());
        let policy = self.config.gaps.of(&gap);
        let goes_on = match policy {
            GapPolicy::Deliver => true,
            GapPolicy::FailOver if self.fail_over(label) => false,
            GapPolicy::Halt | GapPolicy::FailOver => {
                self.halt(halted(&gap));
                false
            }
            GapPolicy::Restart(start) => {
                self.stream.restart = Some(Restart::At(start));
                self.disconnect(label);
                false
            }
        };
        // An upstream that says the same at each connection fills no memory.
        if hold.is_none() && self.is_told(label) {
            return goes_on;
        }
        let id = self.next_id();
        self.insert(now, id, (hold, 0), None, Bytes::new());
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.event = Some(Arc::new(Event::Gap(gap)));
        }
        if let Some(seq) = hold {
            self.window.hold(seq, id);
        } else {
            self.stream.told = Some((label, id));
        }
        self.start(now, id);
        goes_on
    }

    /// Whether everything is settled that a new beginning waits for, if one is
    /// wanted.
    pub(super) fn may_connect(&self) -> bool {
        self.stream.restart.is_none() || self.is_drained()
    }

    /// Begins anew, if that is wanted.
    pub(super) fn restart(&mut self, now: Instant) {
        let Some(restart) = self.stream.restart.take() else { return };
        self.gaps += 1;
        self.window = match restart {
            Restart::At(start) => {
                count(&mut self.stats.restarts, start.label());
                // What the spool gave back would have come again under the old numbers.
                if self.window.given_back() > 0 {
                    *self.stats.ignored.entry("restart").or_default() += self.window.given_back();
                }
                let (cursor, received) = start.position();
                Window::new(cursor, received, std::iter::empty().collect())
            }
            Restart::NextUpstream(why) => self.switch_upstream(why),
        };
        self.mark_dirty(now);
    }

    /// Whether the last gap without a position was the same and is not settled.
    fn is_told(&self, label: &'static str) -> bool {
        let told = self.stream.told.filter(|(told, _)| *told == label);
        told.is_some_and(|(_, id)| self.entries.contains_key(&id))
    }
}

fn halted(gap: &Gap) -> String {
    match gap {
        Gap::FutureCursor { .. } => "the upstream says that the cursor is in the future".to_owned(),
        Gap::SeqReset { cursor, found } => {
            format!("the upstream counts from {found}, the cursor is {cursor}")
        }
        gap => format!("the gap {} stops it, as its policy says", gap.label()),
    }
}
