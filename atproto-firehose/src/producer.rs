//! The serving side of an event stream: one durable log, any number of
//! readers.
//!
//! A [`Producer`] owns a [`SegmentLog`]. One writer thread appends: what
//! arrives while the disk is syncing is written together by the next sync.
//! Only what is synced is seen by anybody. Each frame is encoded once and kept
//! once, in a ring that is bounded in bytes; every [`Subscriber`] is a cursor,
//! first into the files and then into the ring, with no queue of its own. Both
//! are the same sequence, so there is no seam to lose an event at.
//!
//! ```text
//! append ─▶ writer thread ─▶ segment files (fsync) ─▶ ring ─▶ live subscribers
//!                                  └──── 32 KiB at a time ──▶ catching up
//! ```
//!
//! | cursor | answer |
//! |---|---|
//! | none | live only |
//! | 0 | everything kept, then live |
//! | within the window | `seq > cursor`, then live |
//! | older than the window | `#info` OutdatedCursor, everything kept, then live |
//! | above the newest | error `FutureCursor`, end |
//!
//! A reader may lose at most [`ProducerOptions::max_lag_bytes`] against the
//! best place it has reached; then it gets the error `ConsumerTooSlow`. One
//! that starts far behind and reads faster than the stream grows is never cut
//! off. See the [event stream specification](https://atproto.com/specs/event-stream).
//!
//! ```
//! use atproto_firehose::log::{Entry, LogConfig};
//! use atproto_firehose::producer::{Producer, ProducerOptions};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let dir = tempfile::tempdir()?;
//! let (producer, _) = Producer::open(dir.path(), LogConfig::default(), ProducerOptions::default())?;
//! let mut reader = producer.subscribe(Some(0))?;
//! producer.append(vec![Entry::new("", |seq| format!("frame {seq}"))]).await?;
//! assert_eq!(reader.next_frame().await.unwrap()?, "frame 1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod fanout;
mod options;
mod ring;
mod stats;
mod subscriber;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

pub use self::error::{AppendError, StreamEnd, SubscribeError};
use self::fanout::Fanout;
#[cfg(feature = "jetstream-server")]
pub(crate) use self::options::Clock;
pub use self::options::{Mask, ProducerOptions};
pub use self::stats::ProducerStats;
pub use self::subscriber::Subscriber;
use self::writer::Command;
use crate::log::{Entry, LogConfig, LogError, LogHandle, RecoveryReport, SegmentLog};

/// Appends to a log and serves it. Cheap to clone; the writer thread ends when
/// the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Producer {
    commands: mpsc::Sender<Command>,
    fanout: Arc<Fanout>,
}

impl Producer {
    /// Opens the log in a folder and starts the writer. This blocks while the
    /// newest segment is checked.
    ///
    /// # Errors
    /// As [`SegmentLog::open`].
    pub fn open(
        dir: impl AsRef<Path>,
        config: LogConfig,
        options: ProducerOptions,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let (log, report) = SegmentLog::open(dir, config)?;
        Ok((Self::start(log, options), report))
    }

    /// Starts the writer on a log that is already open.
    ///
    /// # Panics
    /// If the system cannot start a thread.
    pub fn start(log: SegmentLog, options: ProducerOptions) -> Self {
        let (commands, incoming) = mpsc::channel(options.max_pending_appends.max(1));
        let fanout = Arc::new(Fanout::new(log.handle(), &options));
        writer::spawn(log, incoming, Arc::clone(&fanout), options.clock);
        Self { commands, fanout }
    }

    /// Appends entries in order and returns their sequence numbers once they
    /// are durable and visible. Waits when too many appends are pending. If
    /// the future is dropped the entries may or may not be appended: find out
    /// by their keys with [`LogHandle::tail`].
    ///
    /// # Errors
    /// [`AppendError::Log`]: none of the entries were appended.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<Range<i64>, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Append { entries, reply }).await?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// Applies the configured retention now. The writer does it by itself
    /// while there is traffic.
    ///
    /// # Errors
    /// [`AppendError::Log`].
    pub async fn retain(&self) -> Result<usize, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Retain { reply }).await?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// Never gives out a sequence number below `seq` again: after a restore
    /// from an older copy, leave a healthy margin above what may have been
    /// seen.
    ///
    /// # Errors
    /// [`AppendError::Log`].
    pub async fn skip_to(&self, seq: i64) -> Result<(), AppendError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::SkipTo { seq, reply }).await?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// A reader of the stream. `cursor` is the last sequence number that it
    /// has seen; the table in the module's documentation says what it gets.
    ///
    /// # Errors
    /// [`SubscribeError::FutureCursor`].
    pub fn subscribe(&self, cursor: Option<i64>) -> Result<Subscriber, SubscribeError> {
        Subscriber::new(Arc::clone(&self.fanout), cursor)
    }

    /// Withholds the events for which the mask says so, from now on and also
    /// in replays, without changing what is stored. `None` withholds nothing.
    pub fn set_mask(&self, mask: Option<Arc<dyn Mask>>) {
        self.fanout.set_mask(mask);
    }

    /// The log itself, for instance for [`LogHandle::tail`].
    pub fn log(&self) -> &LogHandle {
        &self.fanout.log
    }

    /// Where things stand.
    pub fn stats(&self) -> ProducerStats {
        self.fanout.stats()
    }

    /// Finishes the appends that are pending, stops the writer and releases
    /// the log. Subscribers get what was appended and then their end.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.send(Command::Close { reply }).await.is_ok() {
            // An error means that the thread has ended, which is the aim.
            let _ = answer.await;
        }
    }

    async fn send(&self, command: Command) -> Result<(), AppendError> {
        self.commands.send(command).await.map_err(|_| AppendError::Closed)
    }
}
