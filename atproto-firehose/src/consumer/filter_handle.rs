use std::sync::Arc;

use super::{ConsumerError, driver, driver::Shared};
use crate::filter::Filter;
use crate::intake::Intake;

/// Changes what a [`Consumer`](super::Consumer) delivers while it runs.
#[derive(Clone, Debug)]
pub struct FilterHandle {
    pub(super) shared: Arc<Shared>,
}

impl FilterHandle {
    /// The filter.
    pub fn get(&self) -> Filter {
        self.shared.with(|intake| intake.filter().clone())
    }

    /// Delivers by another filter from the next event on, and waits until that
    /// is stored: the next process continues with it. Returns its version, which
    /// rises by one with each;
    /// [`IntakeStats::filter_since`](crate::intake::IntakeStats::filter_since)
    /// is the sequence number from which on it certainly holds, up to which who
    /// wants more than before has to fetch the rest.
    ///
    /// Where the caller stores checkpoints it returns at once: the filter is in
    /// the next one.
    ///
    /// # Errors
    /// [`ConsumerError::NoFilters`]; [`ConsumerError::Stopped`] if the consumer
    /// stops before the filter is stored.
    pub async fn set(&self, filter: Filter) -> Result<u64, ConsumerError> {
        if !self.shared.store.keeps_filter() {
            return Err(ConsumerError::NoFilters);
        }
        let version = self.shared.update(|intake| intake.set_filter(driver::now(), filter));
        let saves = self.shared.store.saves();
        let stored = |intake: &Intake| !saves || intake.is_filter_saved(version);
        if self.shared.until(stored).await {
            return Ok(version);
        }
        let why = self.shared.with(|intake| intake.halted().cloned());
        Err(ConsumerError::Stopped(why.unwrap_or_else(|| "stopped".into())))
    }
}
