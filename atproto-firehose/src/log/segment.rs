//! One file of the log: its name, its head and its sparse index.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::medium::MediumFile;

/// Bytes of the segment head.
pub(crate) const HEAD_LEN: usize = 36;

const MAGIC: [u8; 8] = *b"atplog\0\x01";
const SUFFIX: &str = ".segment";

/// Stored at the start of a segment, before its first record, and synced
/// before any record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// No record of this segment has a lower sequence number.
    pub(crate) first_seq: i64,
    /// Last sequence number before this segment; 0 if there was none. It is
    /// how a reader knows that the previous segment is complete.
    pub(crate) previous: i64,
    /// Unix microseconds: no record of an earlier segment is newer.
    pub(crate) newest_before: i64,
}

impl Head {
    pub(crate) fn encode(&self) -> [u8; HEAD_LEN] {
        let mut bytes = [0; HEAD_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.previous.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.newest_before.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEAD_LEN]) -> Option<Self> {
        let number = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            i64::from_le_bytes(word)
        };
        let intact =
            bytes[..8] == MAGIC && crc32fast::hash(&bytes[..32]).to_le_bytes() == bytes[32..];
        intact.then(|| Self {
            first_seq: number(8),
            previous: number(16),
            newest_before: number(24),
        })
    }

    /// Reads the head of the file that is named after `first_seq`; `None` if it is short,
    /// damaged, or another file's.
    pub(crate) fn read(file: &dyn MediumFile, first_seq: i64) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEAD_LEN];
        let count = file.read_at(0, &mut bytes)?;
        let head = if count == HEAD_LEN { Self::decode(&bytes) } else { None };
        Ok(head.filter(|head| head.first_seq == first_seq))
    }
}

/// What is known of a segment in memory.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) first_seq: i64,
    /// `None` if the stored head is damaged.
    pub(crate) head: Option<Head>,
    /// Position of this file's first byte in the log as a whole.
    pub(crate) base: u64,
    /// Bytes that readers may see.
    visible: AtomicU64,
    index: Mutex<Index>,
}

/// Some records of a segment and where they begin, in order.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: Vec<(i64, u64)>,
    complete: bool,
}

impl Index {
    /// Remembers a record if it lies far enough behind the last remembered.
    pub(crate) fn note(&mut self, seq: i64, offset: u64, spacing: u64) {
        if self.entries.last().is_none_or(|(_, last)| offset >= last + spacing) {
            self.entries.push((seq, offset));
        }
    }

    /// Declares that all of the segment has been noted.
    pub(crate) fn completed(mut self) -> Self {
        self.complete = true;
        self
    }
}

impl Segment {
    pub(crate) fn new(first_seq: i64, head: Option<Head>, base: u64, visible: u64) -> Self {
        let index = Mutex::new(Index::default());
        Self { first_seq, head, base, visible: AtomicU64::new(visible), index }
    }

    pub(crate) fn name(&self) -> String {
        file_name(self.first_seq)
    }

    /// Last sequence number before this segment, as its head says.
    pub(crate) fn previous(&self) -> Option<i64> {
        self.head.map(|head| head.previous)
    }

    /// Last sequence number before this segment, or the highest it can be.
    pub(crate) fn previous_or_name(&self) -> i64 {
        self.previous().unwrap_or(self.first_seq - 1)
    }

    /// Its first sequence number and where that record begins.
    pub(crate) fn start(&self) -> (i64, u64) {
        (self.first_seq, HEAD_LEN as u64)
    }

    pub(crate) fn visible(&self) -> u64 {
        self.visible.load(Ordering::Acquire)
    }

    pub(crate) fn publish(&self, visible: u64) {
        self.visible.store(visible, Ordering::Release);
    }

    pub(crate) fn set_index(&self, index: Index) {
        *self.lock() = index;
    }

    pub(crate) fn note(&self, seq: i64, offset: u64, spacing: u64) {
        self.lock().note(seq, offset, spacing);
    }

    /// The record, with its offset, from which to begin reading to find `seq`;
    /// `None` if the index has not been built since the log was opened.
    pub(crate) fn seek(&self, seq: i64) -> Option<(i64, u64)> {
        let index = self.lock();
        if !index.complete {
            return None;
        }
        let after = index.entries.partition_point(|(noted, _)| *noted <= seq);
        Some(after.checked_sub(1).map_or(self.start(), |at| index.entries[at]))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Index> {
        // The index is only ever appended to: it stays usable even if a
        // thread panicked while it held the lock.
        self.index.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The name of the segment that begins with `first_seq`; sorts like a number.
pub(crate) fn file_name(first_seq: i64) -> String {
    format!("{first_seq:020}{SUFFIX}")
}

/// The reverse of [`file_name`].
pub(crate) fn parse_name(name: &str) -> Option<i64> {
    let seq: i64 = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (seq > 0 && file_name(seq) == name).then_some(seq)
}
