//! The one task through which everything durable goes.
//!
//! What was accepted is appended to the log, which gives it its sequence number and syncs it
//! before any subscriber sees it; then the store is brought up to the log. Whatever arrives
//! meanwhile goes together into the next round.
//!
//! ```text
//! ingest ─▶ queue ─▶ log.append ─▶ store.settle ─▶ answer, the account's lock is free
//! ```
//!
//! - Never is a state stored whose event is not in the log. A crash between the two leaves
//!   the store behind, and [`catch_up`] reads on from where it stopped;
//! - never is the next event of an account looked at before the last one is stored: the
//!   account's lock goes along with the event and is released here;
//! - cursors of hosts are stored after what they cover. An event that comes again is
//!   recognised by its position in the host's stream, which is stored with the account.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use atproto_firehose::log::{Entry, LogError};
use atproto_firehose::producer::{AppendError, Producer};
use atproto_repo::event::Event;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::change::Change;
use crate::hosts::Hosts;
use crate::locks::AccountGuard;
use crate::store::{Batch, Store};

/// Events that go into the log with one sync at most.
const ROUND: usize = 512;

/// Accepted events that may wait for their round. Ours: two rounds; more wait in the lanes of
/// their hosts.
const QUEUE: usize = 2 * ROUND;

/// How often cursors are stored although nothing else is.
const CURSORS: Duration = Duration::from_millis(500);

/// The pause after a failure of the disk before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// After the log was lost: how far above the last known number the new ones begin.
const MARGIN: i64 = 1_000_000;

/// Records of the log that are brought into the store at once.
const CATCH_UP: usize = 1_000;

/// Hands accepted events to the sequencer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Submit(mpsc::Sender<Submission>);

#[derive(Debug)]
struct Submission {
    /// What goes into the log; a change that nobody needs to hear of has none.
    event: Option<Event>,
    change: Change,
    /// Released when all is stored.
    guard: AccountGuard,
    answer: oneshot::Sender<i64>,
}

/// The sequencer has ended: the relay is shutting down, or its log has failed.
#[derive(Debug, thiserror::Error)]
#[error("the relay takes no more events")]
pub struct Ended;

impl Submit {
    /// Makes an event public, and its change known. Returns its sequence number. It happens
    /// also if the future is dropped once it waits for the answer.
    pub async fn forward(
        &self,
        event: Event,
        change: Change,
        guard: AccountGuard,
    ) -> Result<i64, Ended> {
        self.submit(Some(event), change, guard).await
    }

    /// Notes a change that is not made public.
    pub async fn note(&self, change: Change, guard: AccountGuard) -> Result<(), Ended> {
        self.submit(None, change, guard).await.map(drop)
    }

    async fn submit(
        &self,
        event: Option<Event>,
        change: Change,
        guard: AccountGuard,
    ) -> Result<i64, Ended> {
        let (answer, answered) = oneshot::channel();
        let submission = Submission { event, change, guard, answer };
        self.0.send(submission).await.map_err(|_| Ended)?;
        answered.await.map_err(|_| Ended)
    }
}

/// The task.
pub struct Sequencer {
    producer: Producer,
    store: Store,
    hosts: Arc<Hosts>,
    queue: mpsc::Receiver<Submission>,
}

/// The queue in front of the sequencer, before there is one.
pub struct Queue(mpsc::Receiver<Submission>);

/// A way to the sequencer, and the queue for it.
pub fn queue() -> (Submit, Queue) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Submit(sender), Queue(receiver))
}

impl Sequencer {
    /// A sequencer over a store that was brought up to the log.
    pub fn new(producer: Producer, store: Store, hosts: Arc<Hosts>, queue: Queue) -> Self {
        Self { producer, store, hosts, queue: queue.0 }
    }

    /// Runs until it is asked to stop and the queue is empty, or the log fails for good.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), AppendError> {
        let mut ticks = interval(CURSORS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = Vec::with_capacity(ROUND);
        loop {
            tokio::select! {
                biased;
                count = self.queue.recv_many(&mut round, ROUND) => {
                    if count == 0 {
                        break;
                    }
                    self.settle(&mut round).await?;
                }
                () = stop.cancelled() => break,
                _ = ticks.tick() => self.store_cursors().await,
            }
        }
        self.queue.close();
        while self.queue.recv_many(&mut round, ROUND).await > 0 {
            self.settle(&mut round).await?;
        }
        self.store_cursors().await;
        Ok(())
    }

    /// Makes a round durable, then answers.
    async fn settle(&self, round: &mut Vec<Submission>) -> Result<(), AppendError> {
        let first = self.append(round).await?;
        let mut next = first;
        let mut seqs = Vec::with_capacity(round.len());
        for submission in round.iter() {
            seqs.push(next);
            next += i64::from(submission.event.is_some());
        }
        let batch = Batch {
            changes: round.iter().map(|submission| submission.change.clone()).collect(),
            applied: (next > first).then_some(next - 1),
            cursors: self.hosts.moved_cursors(),
        };
        while let Err(error) = self.store.settle(batch.clone()).await {
            // The log is ahead now, and accounts must not go on from an old state.
            tracing::error!(%error, "the store does not take what is in the log; trying again");
            sleep(PAUSE).await;
        }
        self.hosts.cursors_stored(&batch.cursors);
        for (submission, seq) in round.drain(..).zip(seqs) {
            drop(submission.guard);
            // Nobody waits any more after a connection has ended; the event counts all the same.
            let _ = submission.answer.send(seq);
        }
        Ok(())
    }

    /// Appends the events of a round and returns the number of the first.
    async fn append(&self, round: &[Submission]) -> Result<i64, AppendError> {
        loop {
            let entries: Vec<Entry> = round.iter().filter_map(Submission::entry).collect();
            if entries.is_empty() {
                return Ok(0);
            }
            match self.producer.append(entries).await {
                Ok(seqs) => return Ok(seqs.start),
                Err(AppendError::Log(error)) if matches!(*error, LogError::Io { .. }) => {
                    tracing::error!(%error, "the log cannot be written; trying again");
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn store_cursors(&self) {
        let cursors = self.hosts.moved_cursors();
        if cursors.is_empty() {
            return;
        }
        let batch = Batch { cursors, ..Batch::default() };
        match self.store.settle(batch.clone()).await {
            Ok(()) => self.hosts.cursors_stored(&batch.cursors),
            Err(error) => tracing::error!(%error, "cursors cannot be stored; trying again"),
        }
    }
}

impl Submission {
    fn entry(&self) -> Option<Entry> {
        let event = self.event.clone()?;
        Some(Entry::new(self.change.key(), move |seq| event.with_seq(seq).encode()))
    }
}

/// Brings the store up to the log, after whatever ended the last run.
pub async fn catch_up(producer: &Producer, store: &Store) -> anyhow::Result<()> {
    let applied = store.applied().await?;
    let newest = producer.log().last_seq();
    if newest < applied {
        tracing::warn!(newest, applied, "the log is older than the store; numbers are skipped");
        producer.skip_to(applied + MARGIN).await?;
        return Ok(());
    }
    let oldest = producer.log().removed_through() + 1;
    if oldest > applied + 1 {
        tracing::warn!(oldest, applied, "events between the store and the log are gone");
    }
    let mut reader = producer.log().reader(oldest.max(applied + 1));
    let mut repaired = 0;
    loop {
        let (returned, records) = tokio::task::spawn_blocking(move || {
            let records: Result<Vec<_>, _> = reader.by_ref().take(CATCH_UP).collect();
            (reader, records)
        })
        .await?;
        reader = returned;
        let records = records.context("the end of the log cannot be read")?;
        let Some(last) = records.last() else { break };
        let applied = Some(last.seq);
        repaired += records.len();
        let changes = records
            .iter()
            .map(Change::of_record)
            .collect::<Result<_, _>>()
            .context("the log holds what this program did not write")?;
        store.settle(Batch { changes, applied, cursors: Vec::new() }).await?;
    }
    if repaired > 0 {
        tracing::info!(events = repaired, "the store was brought up to the log");
    }
    Ok(())
}
