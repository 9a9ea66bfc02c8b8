//! From events to rows: the single writer of the index.
//!
//! Events come in batches from the SDK's consumer, verified and in order for each account. A
//! batch is one transaction: records, views, notifications, and the checkpoint that says so.
//! A crash leaves all of it or nothing, so every effect happens exactly once.

mod checkpoint;
mod edge;
mod event;
mod lag;
mod notification;
mod post;
pub(crate) mod record;
pub(crate) mod report;
mod stats;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use atproto_core::{lexicon::Catalog, syntax::Datetime};
use atproto_firehose::{
    checkpoint::Checkpoint,
    consumer::{Batch, Consumer, ConsumerOptions, Policy, Start},
    event::Event,
    state::{StoreError, sqlite},
};
use metrics::histogram;
use service_kit::{Health, Shutdown};

use self::{checkpoint::Checkpoints, lag::Lag, report::Report};
use crate::app::App;

/// Events in one transaction.
const BATCH: usize = 1_000;
/// How long a batch may wait for more events: what a post waits at most before it is written.
const WAIT: Duration = Duration::from_millis(5);
/// Between attempts to store a batch that the store did not take.
const RETRY: Duration = Duration::from_secs(1);
/// How long a drain may take.
const DRAIN: Duration = Duration::from_secs(10);

/// Writes what the relay sends.
pub(crate) struct Indexer {
    app: Arc<App>,
    catalog: Arc<Catalog>,
    consumer: Consumer,
    lag: Arc<Lag>,
}

impl Indexer {
    /// Continues at the stored checkpoint, or with the oldest event that the relay has.
    pub(crate) async fn open(
        app: Arc<App>,
        catalog: Arc<Catalog>,
        relay: &str,
        health: &Health,
    ) -> anyhow::Result<Self> {
        report::describe();
        let options = ConsumerOptions::default()
            .start(Start::Oldest)
            .backoff(Duration::from_millis(100), Duration::from_secs(10))
            .policy(Policy::strict(Arc::clone(&app.resolver)));
        let state = Checkpoints(app.store.clone());
        let consumer = Consumer::open(relay, state, options).await.context("the consumer")?;
        let watched = consumer.stopper();
        health.probe("ingest", move || {
            let connected = watched.stats().connected;
            if connected { Ok(()) } else { Err("not connected to the relay".to_owned()) }
        });
        let lag = Arc::new(Lag::new(lag::unix_micros()));
        tokio::spawn(stats::publish(consumer.stopper(), app.store.clone(), Arc::clone(&lag)));
        Ok(Self { app, catalog, consumer, lag })
    }

    /// Indexes until shutdown is requested, then drains. Ends with an error if the stream
    /// cannot go on without a decision.
    pub(crate) async fn run(mut self, shutdown: Shutdown) -> anyhow::Result<()> {
        let stopper = self.consumer.stopper();
        let signal = shutdown.clone();
        let draining = tokio::spawn(async move {
            signal.requested().await;
            stopper.drain(DRAIN).await
        });
        while let Some(batch) = self.consumer.next_batch(BATCH, WAIT).await? {
            self.index(batch, &shutdown).await?;
        }
        let report = draining.await?;
        tracing::info!(cursor = report.cursor, unsettled = report.unsettled, "index drained");
        Ok(())
    }

    /// Stores one batch. A store that fails is tried again until shutdown is requested: nothing
    /// is given up because a disk is full, and what was not stored comes again. It ends where
    /// another process has taken over.
    async fn index(&self, batch: Batch, shutdown: &Shutdown) -> anyhow::Result<()> {
        let start = Instant::now();
        let events: Arc<[Event]> = batch.events().cloned().collect();
        let checkpoint = Arc::new(batch.checkpoint().clone());
        let report = loop {
            match self.store(Arc::clone(&events), Arc::clone(&checkpoint)).await {
                Ok(report) => break report,
                Err(error) if error.downcast_ref().is_some_and(StoreError::is_fenced) => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::error!(error.message = %format_args!("{error:#}"), "batch not stored");
                    tokio::select! {
                        () = shutdown.requested() => return Err(error.context("batch not stored")),
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
            }
        };
        batch.committed();
        let now = lag::unix_micros();
        if let Some(newest) = report.newest(now) {
            self.lag.note_indexed(newest);
        }
        report.publish(now);
        histogram!(report::BATCH_SECONDS).record(start.elapsed());
        self.app.identities.notify_one();
        Ok(())
    }

    async fn store(
        &self,
        events: Arc<[Event]>,
        checkpoint: Arc<Checkpoint>,
    ) -> anyhow::Result<Report> {
        let catalog = Arc::clone(&self.catalog);
        self.app
            .store
            .write(move |tx| {
                let (now, mut report) = (Datetime::now(), Report::default());
                for event in &*events {
                    event::apply(tx, &catalog, event, &now, &mut report)?;
                }
                sqlite::save(tx, &checkpoint)?;
                Ok(report)
            })
            .await
    }
}
