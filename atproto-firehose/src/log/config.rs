use std::time::Duration;

/// Hard limit of an event-stream frame (specification "sync": 5 MB), plus room
/// for the producer's key.
pub const MAX_RECORD_BYTES: usize = 5_000_000 + 65_536;

/// Sequence numbers stay below this, so that they fit a JSON number
/// (specification "event stream").
pub const SEQ_LIMIT: i64 = 1 << 53;

/// How a [`SegmentLog`](super::SegmentLog) stores and forgets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogConfig {
    /// A segment that has reached this size is closed and a new one begun.
    /// Default 64 MiB.
    pub segment_bytes: u64,
    /// Whole segments are removed from the old end while the log is larger
    /// than this. `None`, the default, keeps everything.
    pub retention_bytes: Option<u64>,
    /// Whole segments are removed once their newest record is older than
    /// this. `None`, the default, keeps everything.
    pub retention_age: Option<Duration>,
    /// Largest key plus payload. Default [`MAX_RECORD_BYTES`].
    pub max_record_bytes: usize,
    /// One entry of the sparse index is kept in memory for this many bytes of
    /// log. Default 64 KiB: 16 bytes of memory for each 64 KiB of disk.
    pub index_bytes: u64,
    /// When a batch counts as written. Default [`Durability::Fsync`].
    pub durability: Durability,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            retention_bytes: None,
            retention_age: None,
            max_record_bytes: MAX_RECORD_BYTES,
            index_bytes: 64 << 10,
            durability: Durability::Fsync,
        }
    }
}

impl LogConfig {
    /// Sets [`Self::segment_bytes`].
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Sets [`Self::retention_bytes`].
    #[must_use]
    pub fn retention_bytes(mut self, bytes: u64) -> Self {
        self.retention_bytes = Some(bytes);
        self
    }

    /// Sets [`Self::retention_age`].
    #[must_use]
    pub fn retention_age(mut self, age: Duration) -> Self {
        self.retention_age = Some(age);
        self
    }

    /// Sets [`Self::max_record_bytes`].
    #[must_use]
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = bytes;
        self
    }

    /// Sets [`Self::durability`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}

/// When a batch of records counts as written and becomes visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// After `fsync`: survives loss of power.
    Fsync,
    /// After the operating system took it: survives the end of the process,
    /// not loss of power. For tests and for data that can be fetched again.
    System,
}
