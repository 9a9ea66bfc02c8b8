use std::io;

/// Why the log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Stored bytes are not what was written: the checksum of a record, of a
    /// segment header or of the floor file does not match. Nothing after the
    /// damage is served until [`LogReader::skip_damage`](super::LogReader::skip_damage)
    /// is called.
    #[error("log file {file} is damaged at byte {offset}")]
    Corrupt {
        /// Name of the file inside the log's folder.
        file: String,
        /// Where the first damaged structure begins.
        offset: u64,
    },
    /// The wanted records were removed by retention. Reading can go on at
    /// `first`.
    #[error("sequence number {wanted} was removed by retention, the oldest kept is {first}")]
    Expired {
        /// The sequence number that was wanted.
        wanted: i64,
        /// The oldest that is kept.
        first: i64,
    },
    /// An earlier write or sync failed in a way that leaves the state of the
    /// disk unknown. Appends are refused until the log is opened again; reads
    /// of what was visible go on.
    #[error("the log has stopped after a failed sync; open it again")]
    Stopped,
    /// An entry is larger than [`LogConfig::max_record_bytes`](super::LogConfig::max_record_bytes).
    #[error("entry of {found} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// Bytes of key and payload.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// All sequence numbers below 2^53 are used.
    #[error("no sequence number below 2^53 is left")]
    Exhausted,
    /// Another process or handle has the log open for writing.
    #[error("the log is open elsewhere")]
    Locked,
    /// The file system refused. After a failed *write* the batch is taken
    /// back and the log stays usable (for instance when the disk was full).
    #[error("cannot {action} {file}: {source}")]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// Name of the file inside the log's folder.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}

impl LogError {
    pub(crate) fn io(
        action: &'static str,
        file: impl Into<String>,
    ) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io { action, file, source }
    }
}
