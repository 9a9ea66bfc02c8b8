use std::sync::atomic::{AtomicU64, Ordering};

use crate::producer::ProducerStats;

/// Where a [`JetstreamServer`](super::JetstreamServer) stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JetstreamStats {
    /// Events that were published.
    pub published: u64,
    /// Events that have no form, see [`Published::dropped`](super::Published::dropped).
    pub dropped: u64,
    /// Events that were sent, to all readers together.
    pub sent: u64,
    /// Bytes of their JSON.
    pub sent_bytes: u64,
    /// Events that a reader did not want.
    pub unwanted: u64,
    /// Changes of options.
    pub updates: u64,
    /// The log and its readers. What it calls sent was looked at for a reader.
    pub producer: ProducerStats,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) published: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) unwanted: AtomicU64,
    pub(super) updates: AtomicU64,
}

impl Counters {
    pub(super) fn snapshot(&self, producer: ProducerStats) -> JetstreamStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        JetstreamStats {
            published: count(&self.published),
            dropped: count(&self.dropped),
            sent: count(&self.sent),
            sent_bytes: count(&self.sent_bytes),
            unwanted: count(&self.unwanted),
            updates: count(&self.updates),
            producer,
        }
    }
}
