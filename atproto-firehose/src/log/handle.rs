use std::fmt;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use super::config::LogConfig;
use super::error::LogError;
use super::medium::Medium;
use super::reader::LogReader;
use super::recovery;
use super::segment::Segment;

/// The reading side of a [`SegmentLog`](super::SegmentLog): cheap to clone,
/// usable from any thread.
#[derive(Clone)]
pub struct LogHandle {
    shared: Arc<Shared>,
}

/// One of the newest entries, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailEntry {
    /// Its sequence number.
    pub seq: i64,
    /// When its batch was written, in unix microseconds.
    pub time: i64,
    /// The producer's key.
    pub key: Bytes,
}

impl LogHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Reads records with sequence numbers from `from` on. Nothing is read
    /// until the first call; if records from `from` on are gone by then, that
    /// is [`LogError::Expired`].
    pub fn reader(&self, from: i64) -> LogReader {
        LogReader::new(Arc::clone(&self.shared), from)
    }

    /// The lowest sequence number the log may still hold.
    pub fn first_seq(&self) -> i64 {
        self.shared.first_seq()
    }

    /// The highest sequence number that has been given out and is visible; 0
    /// before the first.
    pub fn last_seq(&self) -> i64 {
        self.shared.last_seq.load(Ordering::Acquire)
    }

    /// The highest sequence number whose record is gone; 0 if none is. A
    /// reader that has seen it has missed nothing.
    pub fn removed_through(&self) -> i64 {
        self.shared.removed_through()
    }

    /// The newest `count` entries, oldest first: how a producer finds out
    /// after a crash which of its entries had been appended.
    ///
    /// # Errors
    /// [`LogError::Corrupt`], [`LogError::Io`].
    pub fn tail(&self, count: usize) -> Result<Vec<TailEntry>, LogError> {
        let last = self.last_seq();
        let first = self.first_seq();
        let mut span = i64::try_from(count).unwrap_or(i64::MAX);
        loop {
            // Sequence numbers may have been skipped, so a span of n may hold
            // fewer than n records.
            let from = last.saturating_sub(span).saturating_add(1).max(first);
            let mut found = Vec::new();
            for record in self.reader(from) {
                let record = record?;
                found.push(TailEntry { seq: record.seq, time: record.time, key: record.key });
            }
            if found.len() >= count || from == first {
                let surplus = found.len().saturating_sub(count);
                found.drain(..surplus);
                return Ok(found);
            }
            span = span.saturating_mul(8);
        }
    }

    /// Position of the end of the log on a scale of bytes that begins when the
    /// log is opened and only grows.
    pub fn end_position(&self) -> u64 {
        self.shared.read(|segments| segments.last().map_or(0, |last| last.base + last.visible()))
    }

    /// Bytes on disk.
    pub fn size_bytes(&self) -> u64 {
        self.shared.read(|segments| segments.iter().map(|segment| segment.visible()).sum())
    }

    /// Number of segment files.
    pub fn segments(&self) -> usize {
        self.shared.read(<[_]>::len)
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHandle")
            .field("first_seq", &self.first_seq())
            .field("last_seq", &self.last_seq())
            .finish_non_exhaustive()
    }
}

/// What the writer and all readers share.
pub(crate) struct Shared {
    pub(crate) medium: Arc<dyn Medium>,
    pub(crate) config: LogConfig,
    /// In order of `first_seq`; the last is the active one.
    segments: RwLock<Vec<Arc<Segment>>>,
    last_seq: AtomicI64,
}

impl Shared {
    pub(crate) fn new(
        medium: Arc<dyn Medium>,
        config: LogConfig,
        segments: Vec<Arc<Segment>>,
        last_seq: i64,
    ) -> Self {
        let last_seq = AtomicI64::new(last_seq);
        Self { medium, config, segments: RwLock::new(segments), last_seq }
    }

    pub(crate) fn first_seq(&self) -> i64 {
        self.read(|segments| segments.first().map_or(1, |first| first.first_seq))
    }

    pub(crate) fn removed_through(&self) -> i64 {
        self.read(|segments| segments.first().map_or(0, |first| first.previous_or_name()))
    }

    pub(crate) fn set_last_seq(&self, seq: i64) {
        self.last_seq.store(seq, Ordering::Release);
    }

    pub(crate) fn push(&self, segment: Arc<Segment>) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    /// The segment in which `seq` is or would be; the oldest if it is gone.
    pub(crate) fn segment_for(&self, seq: i64) -> Option<Arc<Segment>> {
        self.read(|segments| {
            let after = segments.partition_point(|segment| segment.first_seq <= seq);
            segments.get(after.saturating_sub(1)).cloned()
        })
    }

    pub(crate) fn segment_after(&self, first_seq: i64) -> Option<Arc<Segment>> {
        self.read(|segments| {
            let after = segments.partition_point(|segment| segment.first_seq <= first_seq);
            segments.get(after).cloned()
        })
    }

    /// The record in `segment`, with its offset, from which to begin reading
    /// for `seq`. The first seek in a segment since the log was opened reads it
    /// whole to build its index.
    pub(crate) fn seek(&self, segment: &Segment, seq: i64) -> Result<(i64, u64), LogError> {
        if let Some(found) = segment.seek(seq) {
            return Ok(found);
        }
        let name = segment.name();
        let file = self.medium.open(&name, false).map_err(|error| {
            if self.is_removed(&error, segment) {
                LogError::Expired { wanted: seq, first: self.first_seq() }
            } else {
                LogError::io("open", &name)(error)
            }
        })?;
        let max_record = self.config.max_record_bytes;
        let scan =
            recovery::scan(&*file, &name, segment.first_seq, max_record, self.config.index_bytes)?;
        segment.set_index(scan.index);
        Ok(segment.seek(seq).unwrap_or(segment.start()))
    }

    /// Whether opening `segment` failed because retention removed it.
    pub(crate) fn is_removed(&self, error: &io::Error, segment: &Segment) -> bool {
        error.kind() == io::ErrorKind::NotFound && self.first_seq() > segment.first_seq
    }

    /// Takes the segments out that retention no longer keeps, oldest first.
    /// The active one always stays: its name is what keeps numbers from being
    /// used again.
    pub(crate) fn expire(&self, horizon: Option<i64>) -> Vec<Arc<Segment>> {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let mut total: u64 = segments.iter().map(|segment| segment.visible()).sum();
        let mut count = 0;
        for pair in segments.windows(2) {
            let too_large = self.config.retention_bytes.is_some_and(|limit| total > limit);
            let newest = pair[1].head.map(|head| head.newest_before);
            let too_old = horizon.zip(newest).is_some_and(|(horizon, newest)| newest < horizon);
            if !too_large && !too_old {
                break;
            }
            total -= pair[0].visible();
            count += 1;
        }
        segments.drain(..count).collect()
    }

    fn read<R>(&self, look: impl FnOnce(&[Arc<Segment>]) -> R) -> R {
        look(&self.segments.read().unwrap_or_else(PoisonError::into_inner))
    }
}
