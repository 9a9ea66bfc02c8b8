use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::options::{Mask, ProducerOptions};
use super::ring::{Ring, Slot};
use super::stats::ProducerStats;
use crate::log::{Appended, LogHandle, Record};

/// What the writer and all subscribers share.
pub(crate) struct Fanout {
    pub(crate) log: LogHandle,
    pub(crate) max_lag_bytes: u64,
    pub(crate) counters: Counters,
    ring: RwLock<Ring>,
    mask: RwLock<Option<Arc<dyn Mask>>>,
    head: watch::Sender<Head>,
}

/// How far the stream has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) last_seq: i64,
    pub(crate) closed: bool,
}

/// What the ring says about a sequence number.
pub(crate) enum Lookup {
    Found(Slot),
    /// It has not been appended yet.
    NotYet,
    /// It is on disk only, if anywhere.
    OnDisk,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) appended: AtomicU64,
    pub(crate) appended_bytes: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) write_micros: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) subscribers: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) sent_from_disk: AtomicU64,
    pub(crate) masked: AtomicU64,
    pub(crate) future_cursor: AtomicU64,
    pub(crate) outdated_cursor: AtomicU64,
    pub(crate) too_slow: AtomicU64,
    pub(crate) damage_skipped: AtomicU64,
}

impl Fanout {
    pub(crate) fn new(log: LogHandle, options: &ProducerOptions) -> Self {
        let last_seq = log.last_seq();
        Self {
            log,
            max_lag_bytes: options.max_lag_bytes,
            counters: Counters::default(),
            ring: RwLock::new(Ring::new(last_seq, options.ring_bytes)),
            mask: RwLock::new(None),
            head: watch::Sender::new(Head { last_seq, closed: false }),
        }
    }

    /// Shows appended records to live readers.
    pub(crate) fn publish(&self, appended: Appended) {
        let Some(last) = appended.records.last() else { return };
        let last_seq = last.seq;
        {
            let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
            for (record, end) in appended.records.into_iter().zip(appended.end_positions) {
                ring.push(Slot { record, end });
            }
        }
        self.advance(last_seq);
    }

    /// Wakes readers that wait for `last_seq`.
    pub(crate) fn advance(&self, last_seq: i64) {
        self.head.send_modify(|head| head.last_seq = last_seq);
    }

    pub(crate) fn close(&self) {
        self.head.send_modify(|head| head.closed = true);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    pub(crate) fn lookup(&self, seq: i64) -> Lookup {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        if !ring.covers(seq) {
            return Lookup::OnDisk;
        }
        ring.at(seq).map_or(Lookup::NotYet, |slot| Lookup::Found(slot.clone()))
    }

    pub(crate) fn set_mask(&self, mask: Option<Arc<dyn Mask>>) {
        *self.mask.write().unwrap_or_else(PoisonError::into_inner) = mask;
    }

    pub(crate) fn hides(&self, record: &Record) -> bool {
        let mask = self.mask.read().unwrap_or_else(PoisonError::into_inner).clone();
        mask.is_some_and(|mask| mask.hides(record))
    }

    pub(crate) fn stats(&self) -> ProducerStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ProducerStats {
            first_seq: self.log.first_seq(),
            last_seq: self.log.last_seq(),
            log_bytes: self.log.size_bytes(),
            segments: self.log.segments() as u64,
            appended: count(&counters.appended),
            appended_bytes: count(&counters.appended_bytes),
            batches: count(&counters.batches),
            write_micros: count(&counters.write_micros),
            failures: count(&counters.failures),
            ring_bytes: ring.bytes() as u64,
            ring_frames: ring.len() as u64,
            subscribers: count(&counters.subscribers),
            sent: count(&counters.sent),
            sent_from_disk: count(&counters.sent_from_disk),
            masked: count(&counters.masked),
            future_cursor: count(&counters.future_cursor),
            outdated_cursor: count(&counters.outdated_cursor),
            too_slow: count(&counters.too_slow),
            damage_skipped: count(&counters.damage_skipped),
        }
    }
}

impl fmt::Debug for Fanout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fanout").field("log", &self.log).finish_non_exhaustive()
    }
}

/// Adds to a counter that nothing is ordered by.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
