//! Filters that change while the stream is read.

use std::time::Instant;

use super::{Intake, IntakeConfig, Wire};
use crate::checkpoint::{Checkpoint, StoredFilter};
use crate::filter::{Filter, FilterError};

impl IntakeConfig {
    /// Goes on with the filter of a checkpoint, if it has one.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn restore_filter(&mut self, restored: &Checkpoint) -> Result<(), FilterError> {
        if let Some(stored) = &restored.filter {
            self.filter = Filter::from_json(&stored.text)?;
        }
        Ok(())
    }
}

impl Intake {
    /// Delivers by another filter from now on, and returns its version. Every
    /// event from [`IntakeStats::filter_since`](super::IntakeStats::filter_since) on is
    /// judged by it; of those before it some that are not settled may be too. It
    /// is part of the next checkpoint: no checkpoint has a cursor beyond events
    /// that were judged by a filter that is not stored with it or before.
    pub fn set_filter(&mut self, now: Instant, filter: Filter) -> u64 {
        let (version, since) = (self.filter.version + 1, self.window.received() + 1);
        self.filter = StoredFilter { version, since, text: filter.to_json().into() };
        self.config.filter = filter;
        self.filter_is_saved = false;
        self.mark_dirty(now);
        self.choose_anew();
        version
    }

    /// The upstream is to choose events by the filter, from the cursor on, which it has not
    /// done before.
    pub(crate) fn choose_anew(&mut self) {
        self.stream.is_refiltered = self.config.wire == Wire::Jetstream;
        if !self.config.wire.is_verifiable() {
            self.reread(FILTER);
        }
    }

    /// The filter.
    pub fn filter(&self) -> &Filter {
        &self.config.filter
    }

    /// Whether a filter of this version, or a later one, is stored.
    pub fn is_filter_saved(&self, version: u64) -> bool {
        self.filter_is_saved && self.filter.version >= version
    }

    /// The filter, if it is to be stored.
    pub(super) fn unsaved_filter(&self) -> Option<StoredFilter> {
        (!self.filter_is_saved).then(|| self.filter.clone())
    }

    pub(super) fn note_filter_saved(&mut self, version: Option<u64>) {
        self.filter_is_saved |= version == Some(self.filter.version);
    }
}

/// Why a connection is closed whose upstream chooses by another filter.
pub(super) const FILTER: &str = "filter";
