use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use atproto_core::data::cbor::Writer;
use atproto_core::frame;
use bytes::Bytes;
use futures::Stream;
use tokio::sync::watch;

use super::error::{StreamEnd, SubscribeError};
use super::fanout::{Fanout, Head, Lookup, add};
use crate::log::{LogError, LogReader, Record};

/// Bytes read from disk by one visit to the blocking pool. It is also what a
/// stalled reader that is catching up keeps in memory.
const READ_BYTES: usize = 32 << 10;

/// What a reader is given.
enum Item {
    Record(Record),
    /// What the stream has to say about itself.
    Notice(Bytes),
}

/// One reader of a [`Producer`](super::Producer): a cursor into the shared log.
pub struct Subscriber {
    fanout: Arc<Fanout>,
    head: watch::Receiver<Head>,
    /// The lowest sequence number not yet seen.
    next: i64,
    /// Present while catching up from disk.
    disk: Option<Disk>,
    notice: Option<Bytes>,
    /// The smallest distance from the end of the log so far, in bytes.
    best_lag: u64,
    started: bool,
    ended: bool,
}

struct Disk {
    reader: LogReader,
    records: VecDeque<Record>,
    /// The newest sequence number before the files were read.
    last_seq: i64,
}

impl Subscriber {
    pub(crate) fn new(fanout: Arc<Fanout>, cursor: Option<i64>) -> Result<Self, SubscribeError> {
        let head = fanout.watch();
        let newest = fanout.log.last_seq();
        let cursor = cursor.map(|cursor| cursor.max(0));
        if let Some(cursor) = cursor.filter(|cursor| *cursor > newest) {
            add(&fanout.counters.future_cursor, 1);
            return Err(SubscribeError::FutureCursor { cursor, newest });
        }
        add(&fanout.counters.subscribers, 1);
        let next = cursor.unwrap_or(newest) + 1;
        let mut subscriber = Self {
            fanout,
            head,
            next,
            disk: None,
            notice: None,
            best_lag: u64::MAX,
            started: false,
            ended: false,
        };
        if cursor == Some(0) {
            subscriber.next = subscriber.fanout.log.removed_through() + 1;
        } else if cursor.is_some() {
            subscriber.skip_removed();
        }
        Ok(subscriber)
    }

    /// The next frame. `None` after the stream has ended; the error before it
    /// says why, and [`StreamEnd::to_frame`] is what the reader is owed.
    /// Cancelling loses nothing.
    pub async fn next_frame(&mut self) -> Option<Result<Bytes, StreamEnd>> {
        Some(self.next_item().await?.map(|item| match item {
            Item::Record(record) => record.payload,
            Item::Notice(frame) => frame,
        }))
    }

    /// As [`Self::next_frame`], for streams without a form for notices: the next record.
    #[cfg(feature = "jetstream-server")]
    pub(crate) async fn next_record(&mut self) -> Option<Result<Record, StreamEnd>> {
        loop {
            match self.next_item().await? {
                Ok(Item::Record(record)) => return Some(Ok(record)),
                Ok(Item::Notice(_)) => {}
                Err(end) => return Some(Err(end)),
            }
        }
    }

    async fn next_item(&mut self) -> Option<Result<Item, StreamEnd>> {
        if self.ended {
            return None;
        }
        let result = self.advance().await;
        match &result {
            Ok(_) => add(&self.fanout.counters.sent, 1),
            Err(end) => {
                self.ended = true;
                if matches!(end, StreamEnd::ConsumerTooSlow { .. }) {
                    add(&self.fanout.counters.too_slow, 1);
                }
            }
        }
        Some(result)
    }

    /// The frames as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, StreamEnd>> + Send + 'static {
        futures::stream::unfold(self, |mut subscriber| async move {
            let frame = subscriber.next_frame().await?;
            Some((frame, subscriber))
        })
    }

    /// The frames as a stream for a transport that sends whatever it gets: the
    /// error frame that the reader is owed comes as the last item.
    pub fn into_frames(self) -> impl Stream<Item = Bytes> + Send + 'static {
        futures::stream::unfold(self, |mut subscriber| async move {
            let frame = match subscriber.next_frame().await? {
                Ok(frame) => frame,
                Err(end) => end.to_frame()?,
            };
            Some((frame, subscriber))
        })
    }

    /// The lowest sequence number that this reader has not been given.
    pub fn next_seq(&self) -> i64 {
        self.next
    }

    async fn advance(&mut self) -> Result<Item, StreamEnd> {
        loop {
            if let Some(notice) = self.notice.take() {
                return Ok(Item::Notice(notice));
            }
            let found = match self.fanout.lookup(self.next) {
                Lookup::Found(slot) => {
                    self.disk = None;
                    self.check_lag(slot.end)?;
                    Some(slot.record)
                }
                Lookup::NotYet => {
                    self.disk = None;
                    self.best_lag = 0;
                    self.started = true;
                    self.wait().await?;
                    None
                }
                Lookup::OnDisk => self.read_disk().await?,
            };
            if let Some(record) = found {
                self.started = true;
                self.next = record.seq + 1;
                if !self.fanout.hides(&record) {
                    return Ok(Item::Record(record));
                }
                add(&self.fanout.counters.masked, 1);
            }
        }
    }

    /// Waits until the stream has come to `next` or has ended.
    async fn wait(&mut self) -> Result<(), StreamEnd> {
        let next = self.next;
        let head = self.head.wait_for(|head| head.last_seq >= next || head.closed).await;
        let head = *head.map_err(|_| StreamEnd::Closed)?;
        if head.last_seq >= next {
            // The newest number may have been skipped rather than used.
            if matches!(self.fanout.lookup(next), Lookup::NotYet) {
                self.next = head.last_seq + 1;
            }
            return Ok(());
        }
        Err(StreamEnd::Closed)
    }

    /// One record from the files; `None` if the situation has changed and is
    /// to be looked at again.
    async fn read_disk(&mut self) -> Result<Option<Record>, StreamEnd> {
        if self.disk.as_ref().is_none_or(|disk| disk.records.is_empty()) && !self.refill().await? {
            return Ok(None);
        }
        let Some(disk) = &mut self.disk else { return Ok(None) };
        match disk.records.pop_front() {
            Some(record) => {
                add(&self.fanout.counters.sent_from_disk, 1);
                Ok(Some(record))
            }
            None => {
                // The files had nothing from `next` to what was then the
                // newest: those numbers were skipped.
                self.next = self.next.max(disk.last_seq + 1);
                Ok(None)
            }
        }
    }

    /// Reads on. False if it met something else than records.
    async fn refill(&mut self) -> Result<bool, StreamEnd> {
        let log = self.fanout.log.clone();
        let next = self.next;
        let last_seq = log.last_seq();
        let reader = self.disk.take().map(|disk| disk.reader);
        let read = tokio::task::spawn_blocking(move || {
            let mut reader = reader.unwrap_or_else(|| log.reader(next));
            let result = reader.next_records(READ_BYTES);
            let result = match result {
                Err(LogError::Corrupt { .. }) => reader.skip_damage().map(Refill::Damage),
                result => result.map(Refill::Records),
            };
            (reader, result)
        });
        // The task is not cancelled and does not panic; a runtime that shuts
        // down ends the stream.
        let (reader, result) = read.await.map_err(|_| StreamEnd::Closed)?;
        match result {
            Ok(Refill::Records(records)) => {
                self.check_lag(reader.position())?;
                self.disk = Some(Disk { reader, records: records.into(), last_seq });
                return Ok(true);
            }
            Ok(Refill::Damage(resumes)) => {
                let resumes_at = resumes.unwrap_or(last_seq + 1);
                // Damage before `next` costs this reader nothing. Otherwise it
                // is the same gap to it as an outdated cursor.
                if resumes_at > self.next {
                    add(&self.fanout.counters.damage_skipped, 1);
                    self.notice = Some(outdated("events were lost"));
                    self.next = resumes_at;
                }
                let records = VecDeque::new();
                self.disk = resumes.map(|_| Disk { reader, records, last_seq });
            }
            Err(LogError::Expired { .. }) if !self.started => self.skip_removed(),
            Err(LogError::Expired { .. }) => {
                let lag_bytes = self.fanout.log.end_position().saturating_sub(reader.position());
                return Err(StreamEnd::ConsumerTooSlow { lag_bytes });
            }
            Err(error) => return Err(StreamEnd::Log(error)),
        }
        Ok(false)
    }

    /// If retention has removed what comes next: tells the reader and begins
    /// at the oldest event.
    fn skip_removed(&mut self) {
        let removed = self.fanout.log.removed_through();
        if self.next <= removed {
            add(&self.fanout.counters.outdated_cursor, 1);
            self.notice = Some(outdated("the cursor is older than the window"));
            self.next = removed + 1;
        }
    }

    fn check_lag(&mut self, position: u64) -> Result<(), StreamEnd> {
        let lag_bytes = self.fanout.log.end_position().saturating_sub(position);
        self.best_lag = self.best_lag.min(lag_bytes);
        if lag_bytes > self.best_lag.saturating_add(self.fanout.max_lag_bytes) {
            return Err(StreamEnd::ConsumerTooSlow { lag_bytes });
        }
        Ok(())
    }
}

enum Refill {
    Records(Vec<Record>),
    Damage(Option<i64>),
}

/// The `#info` message with which a stream admits a gap.
fn outdated(message: &str) -> Bytes {
    let mut body = Writer::new();
    body.map(2).text("name").text("OutdatedCursor").text("message").text(message);
    frame::encode_message("#info", &body.into_bytes()).into()
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let counter = &self.fanout.counters.subscribers;
        counter.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("next", &self.next).finish_non_exhaustive()
    }
}
