//! The posts of a network in PostgreSQL. Every batch is one transaction with the checkpoint that
//! says so: after a crash, each post is there exactly once. See the readme.

mod store;
#[cfg(test)]
mod tests;

use std::{process::ExitCode, sync::Arc, time::Duration};

use atproto_core::identity::{
    CacheConfig, CachingResolver, HttpResolver, HttpResolverConfig, Resolver,
};
use atproto_firehose::{
    consumer::{Consumer, ConsumerOptions, Policy, Start},
    filter::Filter,
    records,
    state::{PostgresState, SavedByCaller, StoreError},
};
use atproto_lexicons::app::bsky::feed::Post;
use clap::Parser;
use service_kit::{Context, Numbers, Ops, Service};
use tokio_postgres::{Config, NoTls};

records! {
    /// What is indexed: the filter of the stream, and what its records decode to.
    enum Indexed { Post(Post) }
}

/// Indexes the posts of a relay, or of one PDS, into PostgreSQL.
#[derive(Parser)]
struct Options {
    #[arg(long, env = "INDEXER_RELAY", help = "Whose stream: wss://HOST")]
    relay: String,
    #[arg(long, env = "INDEXER_DATABASE", help = "Which database: postgres://USER@HOST/NAME")]
    database: Config,
    #[command(flatten)]
    ops: Ops,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let service = Service { name: "indexer", version: env!("CARGO_PKG_VERSION") };
    service_kit::run(&service, &options.ops, async |context| {
        let http = Arc::new(HttpResolver::new(HttpResolverConfig::default())?);
        let resolver = CachingResolver::new(http, CacheConfig::default());
        index(&options.relay, &options.database, Arc::new(resolver), context).await
    })
}

async fn index(
    relay: &str,
    to: &Config,
    who: Arc<dyn Resolver>,
    context: Context,
) -> anyhow::Result<()> {
    let state = PostgresState::open(to.clone(), NoTls, store::SCHEMA).await?;
    let options = ConsumerOptions::default().start(Start::Oldest).policy(Policy::strict(who));
    let options = options.filter(Filter::of::<Indexed>());
    let mut consumer = Consumer::open(relay, SavedByCaller(state), options).await?;
    let (watched, stopper) = (consumer.stopper(), consumer.stopper());
    Numbers::new("indexer_consumer", "the consumer").publish(move || {
        let stats = watched.stats();
        let lost = stats.rejected.values().sum();
        let counters =
            [("events", stats.acknowledged), ("rejected", lost), ("retried", stats.retried)];
        (counters, [("in_flight_bytes", stats.in_flight_bytes as usize)])
    });
    let draining = tokio::spawn(async move {
        context.shutdown.requested().await;
        stopper.drain(Duration::from_secs(15)).await
    });
    let mut store = store::Store::new(to.clone());
    while let Some(batch) = consumer.next_batch(1_000, Duration::from_millis(50)).await? {
        match store.put(&batch).await {
            Ok(()) => batch.committed(),
            // Another process has taken over.
            Err(error) if error.downcast_ref().is_some_and(StoreError::is_fenced) => {
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(error.message = %format_args!("{error:#}"), "the batch comes again");
                batch.unavailable();
            }
        }
    }
    let report = draining.await?;
    tracing::info!(?report, "drained");
    Ok(())
}
