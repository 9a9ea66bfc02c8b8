/// Where a [`Producer`](super::Producer) stands, as numbers. Counters begin at
/// zero when the producer starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerStats {
    /// The oldest sequence number that may be kept.
    pub first_seq: i64,
    /// The newest sequence number.
    pub last_seq: i64,
    /// Bytes of log on disk.
    pub log_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Events appended.
    pub appended: u64,
    /// Bytes of log appended.
    pub appended_bytes: u64,
    /// Batches written, each with one sync.
    pub batches: u64,
    /// Time spent writing and syncing, in microseconds.
    pub write_micros: u64,
    /// Batches that failed.
    pub failures: u64,
    /// Bytes of frames in memory for live readers.
    pub ring_bytes: u64,
    /// Frames in memory for live readers.
    pub ring_frames: u64,
    /// Readers connected.
    pub subscribers: u64,
    /// Frames given to readers.
    pub sent: u64,
    /// Frames given to readers from disk rather than from memory.
    pub sent_from_disk: u64,
    /// Events withheld by the mask, once for each reader.
    pub masked: u64,
    /// Readers refused with `FutureCursor`.
    pub future_cursor: u64,
    /// Readers told `OutdatedCursor`.
    pub outdated_cursor: u64,
    /// Readers ended with `ConsumerTooSlow`.
    pub too_slow: u64,
    /// Damaged places passed over in replays, each told to its reader.
    pub damage_skipped: u64,
}
