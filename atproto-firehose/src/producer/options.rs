use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::log::Record;

/// How a [`Producer`](super::Producer) serves.
#[derive(Clone)]
#[non_exhaustive]
pub struct ProducerOptions {
    /// Newest frames kept in memory, in bytes, for all live readers together.
    /// Default 32 MiB.
    pub ring_bytes: usize,
    /// A reader that falls this many bytes behind the best place it has
    /// reached is told `ConsumerTooSlow`. Default 256 MiB: about three minutes
    /// of a network of 1,000 events a second.
    pub max_lag_bytes: u64,
    /// Appends that may wait for the writer; more wait in `append`. Default
    /// 1,024.
    pub max_pending_appends: usize,
    pub(crate) clock: Clock,
}

/// Unix microseconds.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            ring_bytes: 32 << 20,
            max_lag_bytes: 256 << 20,
            max_pending_appends: 1_024,
            clock: Arc::new(system_clock),
        }
    }
}

impl ProducerOptions {
    /// Sets [`Self::ring_bytes`].
    #[must_use]
    pub fn ring_bytes(mut self, bytes: usize) -> Self {
        self.ring_bytes = bytes;
        self
    }

    /// Sets [`Self::max_lag_bytes`].
    #[must_use]
    pub fn max_lag_bytes(mut self, bytes: u64) -> Self {
        self.max_lag_bytes = bytes;
        self
    }

    /// Sets [`Self::max_pending_appends`].
    #[must_use]
    pub fn max_pending_appends(mut self, count: usize) -> Self {
        self.max_pending_appends = count;
        self
    }

    /// Replaces the clock that dates records and drives retention by age. It
    /// returns unix microseconds.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl fmt::Debug for ProducerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerOptions")
            .field("ring_bytes", &self.ring_bytes)
            .field("max_lag_bytes", &self.max_lag_bytes)
            .field("max_pending_appends", &self.max_pending_appends)
            .finish_non_exhaustive()
    }
}

/// Decides which stored events are withheld from readers, for instance those
/// of accounts that were taken down. It is asked for each event and reader, so
/// it should be quick.
pub trait Mask: Send + Sync + 'static {
    /// Whether to withhold the event.
    fn hides(&self, record: &Record) -> bool;
}

impl<F: Fn(&Record) -> bool + Send + Sync + 'static> Mask for F {
    fn hides(&self, record: &Record) -> bool {
        self(record)
    }
}

fn system_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
