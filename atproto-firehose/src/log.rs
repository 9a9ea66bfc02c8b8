//! A durable, append-only log of sequenced frames in segment files.
//!
//! The log is what makes a stream replayable. It gives each entry the next
//! sequence number, stores it, syncs it, and only then lets readers see it.
//! It knows bytes, not the protocol, and needs no async runtime.
//!
//! ```text
//! folder/00000000000000000001.segment   head, record, record, …
//!        00000000000000051200.segment   named for the first seq it may hold
//!        floor                          lowest seq that may be given out next
//!        lock                           held while the log is open
//! ```
//!
//! Invariants:
//! - never is a record visible before its batch is synced;
//! - never is a sequence number given out twice, also not after a crash, after
//!   a torn tail was cut off, or after retention removed every record;
//! - never are damaged bytes served: a reader stops with
//!   [`LogError::Corrupt`] and goes on only when told to.
//!
//! What is hard: telling a batch that was cut by a crash from bytes that
//! rotted later (see [`RecoveryReport`]), and a disk that fails a sync, after
//! which the system may claim that unsynced pages are clean. Such a log stops
//! for good until it is opened again.
//!
//! ```
//! use atproto_firehose::log::{Entry, LogConfig, SegmentLog};
//!
//! let dir = tempfile::tempdir()?;
//! let (mut log, report) = SegmentLog::open(dir.path(), LogConfig::default())?;
//! assert!(report.is_clean());
//!
//! let entry = Entry::new("outbox-7", |seq| format!("event {seq}"));
//! assert_eq!(log.append_batch(vec![entry], 0)?, 1..2);
//!
//! let read: Result<Vec<_>, _> = log.handle().reader(1).collect();
//! assert_eq!(read?[0].payload, "event 1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod config;
mod error;
mod floor;
mod handle;
mod medium;
mod open;
mod reader;
mod record;
mod recovery;
mod segment;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use self::batch::Appended;
use self::batch::Batch;
pub use self::config::{Durability, LogConfig, MAX_RECORD_BYTES, SEQ_LIMIT};
pub use self::error::LogError;
pub(crate) use self::handle::Shared;
pub use self::handle::{LogHandle, TailEntry};
pub(crate) use self::medium::DiskLock;
pub use self::medium::{Disk, Medium, MediumFile};
pub use self::reader::LogReader;
pub use self::record::Record;
pub use self::recovery::{Damage, RecoveryReport};
use self::segment::{HEAD_LEN, Head, Segment};

/// The writing end of a log. There is one per folder.
pub struct SegmentLog {
    shared: Arc<Shared>,
    active: Arc<Segment>,
    file: Box<dyn MediumFile>,
    next_seq: i64,
    /// Sequence number of the newest record; lower than `next_seq - 1` if
    /// numbers were skipped.
    last_record: i64,
    /// When the newest record was written, in unix microseconds.
    last_time: i64,
    state: State,
    /// Set when the medium is a folder of our own.
    lock: Option<DiskLock>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Stopped,
}

/// Something to append: the producer's key and a function that makes the frame
/// once the sequence number is known.
pub struct Entry {
    key: Bytes,
    make: Box<dyn FnOnce(i64) -> Bytes + Send>,
}

impl Entry {
    /// An entry with a key by which the producer recognises it after a crash
    /// (it may be empty) and a function from sequence number to frame.
    pub fn new<B: Into<Bytes>>(
        key: impl Into<Bytes>,
        make: impl FnOnce(i64) -> B + Send + 'static,
    ) -> Self {
        Self { key: key.into(), make: Box::new(move |seq| make(seq).into()) }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}

impl SegmentLog {
    /// Opens the log in a folder, creating it if missing, and repairs what a
    /// crash left unfinished.
    ///
    /// # Errors
    /// [`LogError::Locked`], [`LogError::Io`], or [`LogError::Corrupt`] if the
    /// floor file is damaged. Damaged records are no error here: see
    /// [`RecoveryReport::damage`].
    pub fn open(
        dir: impl AsRef<Path>,
        config: LogConfig,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let disk = Disk::open(dir).map_err(LogError::io("create", "the folder"))?;
        let lock = disk.lock().map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => LogError::Locked,
            _ => LogError::io("lock", "the folder")(error),
        })?;
        let (mut log, report) = Self::open_on(Arc::new(disk), config)?;
        log.lock = Some(lock);
        Ok((log, report))
    }

    /// Like [`Self::open`], on any [`Medium`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        medium: Arc<dyn Medium>,
        config: LogConfig,
    ) -> Result<(Self, RecoveryReport), LogError> {
        open::open(medium, config)
    }

    /// Appends entries as one batch. When this returns, all of them are
    /// durable and visible; on an error none of them are. `now` is stored as
    /// the time of the records, in unix microseconds.
    ///
    /// # Errors
    /// [`LogError::TooLarge`] and [`LogError::Io`] with a failed write leave
    /// the log as it was. After a failed sync it is [`LogError::Stopped`].
    pub fn append_batch(&mut self, entries: Vec<Entry>, now: i64) -> Result<Range<i64>, LogError> {
        let mut appended = self.append_groups(vec![entries], now)?;
        appended.ranges.pop().unwrap_or(Ok(self.next_seq..self.next_seq))
    }

    /// Appends several groups as one batch. A group with an entry that is too
    /// large is left out; the others are not its hostages.
    pub(crate) fn append_groups(
        &mut self,
        groups: Vec<Vec<Entry>>,
        now: i64,
    ) -> Result<Appended, LogError> {
        if self.state == State::Stopped {
            return Err(LogError::Stopped);
        }
        // Numbers within a segment have no gaps: what a reader relies on to
        // notice a missing record.
        let size = self.active.visible();
        let full = size > HEAD_LEN as u64 && size >= self.shared.config.segment_bytes;
        if full || self.next_seq != self.follows() {
            self.roll()?;
        }
        let start = self.active.visible();
        let mut batch = Batch::new(start, self.next_seq, now);
        let limit = self.shared.config.max_record_bytes;
        let ranges = groups.into_iter().map(|group| batch.add(group, limit)).collect();
        let Batch { bytes, records, offsets, next_seq, .. } = batch;
        if records.is_empty() {
            return Ok(Appended { ranges, records, end_positions: offsets });
        }
        self.write(start, &bytes)?;
        for (record, offset) in records.iter().zip(&offsets) {
            self.active.note(record.seq, *offset, self.shared.config.index_bytes);
        }
        self.next_seq = next_seq;
        self.last_record = next_seq - 1;
        self.last_time = now;
        let end = start + bytes.len() as u64;
        self.active.publish(end);
        self.shared.set_last_seq(self.last_record);
        let ends = offsets.into_iter().skip(1).chain([end]);
        let end_positions = ends.map(|end| self.active.base + end).collect();
        Ok(Appended { ranges, records, end_positions })
    }

    /// Removes what the configured retention no longer keeps, in whole
    /// segments. Returns how many were removed.
    ///
    /// # Errors
    /// [`LogError::Io`]; the call can be repeated.
    pub fn retain(&mut self, now: i64) -> Result<usize, LogError> {
        let horizon = self
            .shared
            .config
            .retention_age
            .map(|age| now.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)));
        let has_records = self.active.visible() > HEAD_LEN as u64;
        if has_records && horizon.is_some_and(|horizon| self.last_time < horizon) {
            self.roll()?;
        }
        let expired = self.shared.expire(horizon);
        for segment in &expired {
            let name = segment.name();
            self.shared.medium.remove(&name).map_err(LogError::io("remove", name))?;
        }
        if !expired.is_empty() {
            self.shared.medium.sync().map_err(LogError::io("sync", "the folder"))?;
        }
        Ok(expired.len())
    }

    /// Makes `seq` the lowest sequence number that may be given out next, for
    /// instance after a restore from an older copy. A lower one changes
    /// nothing.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Exhausted`].
    pub fn skip_to(&mut self, seq: i64) -> Result<(), LogError> {
        if seq >= SEQ_LIMIT {
            return Err(LogError::Exhausted);
        }
        if seq > self.next_seq {
            floor::write(&*self.shared.medium, seq)?;
            self.next_seq = seq;
            self.shared.set_last_seq(seq - 1);
        }
        Ok(())
    }

    /// The sequence number that the next entry will get.
    pub fn next_seq(&self) -> i64 {
        self.next_seq
    }

    /// For readers, on any thread.
    pub fn handle(&self) -> LogHandle {
        LogHandle::new(Arc::clone(&self.shared))
    }

    /// The only sequence number that the active segment can take next.
    fn follows(&self) -> i64 {
        let empty = self.active.visible() == HEAD_LEN as u64;
        if empty { self.active.first_seq } else { self.last_record + 1 }
    }

    /// Writes and syncs one batch at the end of the active segment.
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), LogError> {
        let name = self.active.name();
        if let Err(error) = self.file.write_at(start, bytes) {
            // Nothing was synced, so taking the bytes back is sound. If even
            // that fails, what the file holds is unknown.
            if self.file.truncate(start).is_err() {
                self.state = State::Stopped;
            }
            return Err(LogError::io("write", name)(error));
        }
        if self.shared.config.durability == Durability::Fsync
            && let Err(error) = self.file.sync()
        {
            // After a failed sync the system may count the lost pages as
            // clean: a second sync would succeed and prove nothing. Hide the
            // batch from the next open, as far as possible, and stop.
            let _ = self.file.truncate(start);
            self.state = State::Stopped;
            return Err(LogError::io("sync", name)(error));
        }
        Ok(())
    }

    /// Closes the active segment and begins the next.
    fn roll(&mut self) -> Result<(), LogError> {
        let base = self.active.base + self.active.visible();
        let head = Head {
            first_seq: self.next_seq,
            previous: self.last_record,
            newest_before: self.last_time,
        };
        let (segment, file) = open::create(&*self.shared.medium, head, base)?;
        self.shared.push(Arc::clone(&segment));
        self.active = segment;
        self.file = file;
        Ok(())
    }
}

impl fmt::Debug for SegmentLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentLog")
            .field("next_seq", &self.next_seq)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
