use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::error::AppendError;
use super::fanout::{Fanout, add};
use super::options::Clock;
use crate::log::{Entry, LogError, SegmentLog};

/// Entries written with one sync. It bounds the memory of a batch and the time
/// until its first entry is visible.
const MAX_BATCH_ENTRIES: usize = 4_096;

/// How often retention looks, in microseconds of the producer's clock.
const RETAIN_EVERY: i64 = 10_000_000;

type Reply<T> = oneshot::Sender<Result<T, AppendError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Append { entries: Vec<Entry>, reply: Reply<Range<i64>> },
    Retain { reply: Reply<usize> },
    SkipTo { seq: i64, reply: Reply<()> },
    Close { reply: oneshot::Sender<()> },
}

/// Starts the writer. It is a thread of its own, not a task: it spends its
/// time in `fsync`.
pub(crate) fn spawn(
    log: SegmentLog,
    incoming: mpsc::Receiver<Command>,
    fanout: Arc<Fanout>,
    clock: Clock,
) {
    let writer = Writer { log, incoming, fanout, clock, last_retain: i64::MIN };
    thread::Builder::new()
        .name("firehose-writer".into())
        .spawn(move || writer.run())
        .expect("the system can start a thread");
}

struct Writer {
    log: SegmentLog,
    incoming: mpsc::Receiver<Command>,
    fanout: Arc<Fanout>,
    clock: Clock,
    last_retain: i64,
}

impl Writer {
    fn run(mut self) {
        // Also when a caller's frame function panics: subscribers learn of it.
        let _closing = Closing(Arc::clone(&self.fanout));
        let mut next = None;
        while let Some(command) = next.take().or_else(|| self.incoming.blocking_recv()) {
            match command {
                Command::Append { entries, reply } => next = self.append(entries, reply),
                Command::Retain { reply } => {
                    let _ = reply.send(self.retain());
                }
                Command::SkipTo { seq, reply } => {
                    let skipped = self.log.skip_to(seq).map_err(shared);
                    self.fanout.advance(self.log.next_seq() - 1);
                    let _ = reply.send(skipped);
                }
                Command::Close { reply } => {
                    // The lock on the folder is released before the answer.
                    drop(self.log);
                    let _ = reply.send(());
                    return;
                }
            }
        }
    }

    /// Appends a group together with what has arrived meanwhile. Returns the
    /// first command that is no append.
    fn append(&mut self, entries: Vec<Entry>, reply: Reply<Range<i64>>) -> Option<Command> {
        let mut count = entries.len();
        let mut groups = vec![entries];
        let mut replies = vec![reply];
        let mut other = None;
        while count < MAX_BATCH_ENTRIES && other.is_none() {
            match self.incoming.try_recv() {
                Ok(Command::Append { entries, reply }) => {
                    count += entries.len();
                    groups.push(entries);
                    replies.push(reply);
                }
                Ok(command) => other = Some(command),
                Err(_) => break,
            }
        }
        self.write(groups, replies);
        other
    }

    fn write(&mut self, groups: Vec<Vec<Entry>>, replies: Vec<Reply<Range<i64>>>) {
        let now = (self.clock)();
        let before = self.fanout.log.end_position();
        let started = Instant::now();
        let result = self.log.append_groups(groups, now);
        let counters = &self.fanout.counters;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        add(&counters.write_micros, micros);
        add(&counters.batches, 1);
        match result {
            Ok(mut appended) => {
                add(&counters.appended, appended.records.len() as u64);
                add(&counters.appended_bytes, self.fanout.log.end_position() - before);
                let ranges = std::mem::take(&mut appended.ranges);
                self.fanout.publish(appended);
                for (reply, range) in replies.into_iter().zip(ranges) {
                    let _ = reply.send(range.map_err(shared));
                }
            }
            Err(error) => {
                add(&counters.failures, 1);
                tracing::error!(%error, "the log refused a batch");
                let error = AppendError::Log(Arc::new(error));
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
        if now.saturating_sub(self.last_retain) >= RETAIN_EVERY {
            self.last_retain = now;
            if let Err(error) = self.retain() {
                tracing::warn!(%error, "retention failed and will be tried again");
            }
        }
    }

    fn retain(&mut self) -> Result<usize, AppendError> {
        self.log.retain((self.clock)()).map_err(shared)
    }
}

struct Closing(Arc<Fanout>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn shared(error: LogError) -> AppendError {
    AppendError::Log(Arc::new(error))
}
