use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::discover::Discovery;
use crate::consumer::driver::now;
use crate::state::{Counts, StoreError};

/// How far a [`Tracker`](super::Tracker) is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Repositories whose state is known.
    pub done: u64,
    /// Repositories that are to be fetched.
    pub left: u64,
    /// Those of them that could not be fetched the last time.
    pub failing: u64,
    /// Lists of repositories that are not read to their end.
    pub lists: u64,
    /// Requests for repositories by this process.
    pub requests: u64,
    /// Repositories fetched and settled by this process.
    pub fetched: u64,
    /// Times that one could not be fetched.
    pub failures: u64,
    /// Repositories fetched a second, of late.
    pub rate: f64,
    /// How long the rest takes at that rate; `None` while nothing is fetched.
    pub estimate: Option<Duration>,
}

/// Says how far a [`Tracker`](super::Tracker) is.
#[derive(Clone)]
pub struct ProgressHandle {
    pub(super) discovery: Arc<Discovery>,
    pub(super) meter: Arc<Meter>,
}

impl ProgressHandle {
    /// How far it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self) -> Result<Progress, StoreError> {
        let unread = self.discovery.unread().await?;
        let counts = match self.discovery.shared.store.tracking() {
            Some(store) => store.counts().await?,
            None => Counts::default(),
        };
        Ok(self.meter.progress(counts, unread))
    }
}

impl fmt::Debug for ProgressHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressHandle").field("meter", &self.meter).finish_non_exhaustive()
    }
}

impl Progress {
    /// Whether everything was found, fetched and settled, but for what could not be fetched.
    pub fn is_complete(&self) -> bool {
        self.lists == 0 && self.left == self.failing
    }
}

/// Counts what is fetched.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) requests: AtomicU64,
    pub(super) fetched: AtomicU64,
    pub(super) failed: AtomicU64,
    laps: Mutex<Option<[(Instant, u64); 2]>>,
}

impl Meter {
    pub(super) fn progress(&self, counts: Counts, lists: u64) -> Progress {
        let fetched = self.fetched.load(Ordering::Relaxed);
        let rate = self.rate(now(), fetched);
        let left = counts.wanted;
        let estimate = (rate > 0.0).then(|| Duration::try_from_secs_f64(left as f64 / rate).ok());
        Progress {
            done: counts.tracked,
            left,
            failing: counts.failing,
            lists,
            requests: self.requests.load(Ordering::Relaxed),
            fetched,
            failures: self.failed.load(Ordering::Relaxed),
            rate,
            estimate: estimate.flatten(),
        }
    }

    /// Over one to two laps.
    fn rate(&self, now: Instant, fetched: u64) -> f64 {
        let mut laps = self.laps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let [first, last] = laps.get_or_insert([(now, fetched); 2]);
        if now.duration_since(last.0) >= LAP {
            (*first, *last) = (*last, (now, fetched));
        }
        let seconds = now.duration_since(first.0).as_secs_f64();
        if seconds > 0.0 { (fetched - first.1) as f64 / seconds } else { 0.0 }
    }
}

/// Over how long the rate is taken.
const LAP: Duration = Duration::from_secs(10);
