//! The posts of a network in PostgreSQL. Every batch is one transaction with the checkpoint that
//! says so: after a crash, each post is there exactly once. See the readme.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Result;
use atproto_core::identity::{CachingResolver, HttpResolver, Resolver};
use atproto_firehose::consumer::{Batch, Consumer, ConsumerOptions, Policy, Start};
use atproto_firehose::event::{Decoded, Event};
use atproto_firehose::state::{PostgresState, SavedByCaller, StoreError, postgres::Tables};
use atproto_firehose::{filter::Filter, records};
use atproto_lexicons::app::bsky::feed::Post;
use clap::Parser;
use service_kit::{Context, Numbers, Ops, Service};
use tokio_postgres::{Client, Config, NoTls};

#[cfg(test)]
mod tests;

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
    let Options { relay, database, ops } = Options::parse();
    service_kit::run(&SERVICE, &ops, async |context| {
        let http = Arc::new(HttpResolver::new(Default::default())?);
        let resolver = Arc::new(CachingResolver::new(http, Default::default()));
        index(&relay, &database, resolver, context).await
    })
}

async fn index(from: &str, to: &Config, who: Arc<dyn Resolver>, run: Context) -> Result<()> {
    let options = ConsumerOptions::default().start(Start::Oldest).policy(Policy::strict(who));
    let options = options.filter(Filter::of::<Indexed>());
    let state = SavedByCaller(PostgresState::open(to.clone(), NoTls, SCHEMA).await?);
    let mut consumer = Consumer::open(from, state, options).await?;
    let (watched, stopper) = (consumer.stopper(), consumer.stopper());
    Numbers::new("indexer_consumer", "the consumer").publish(move || {
        let stats = watched.stats();
        let lost = stats.rejected.values().sum();
        let counters = [("events", stats.acknowledged), ("rejected", lost)];
        (counters, [("in_flight_bytes", stats.in_flight_bytes as usize)])
    });
    let draining = tokio::spawn(async move {
        run.shutdown.requested().await;
        stopper.drain(Duration::from_secs(15)).await
    });
    let mut client = connect(to).await;
    while let Some(batch) = consumer.next_batch(1_000, Duration::from_millis(50)).await? {
        match store(&mut client, &batch).await {
            Ok(()) => batch.committed(),
            Err(error) if error.downcast_ref().is_some_and(StoreError::is_fenced) => Err(error)?,
            Err(error) => {
                tracing::warn!(error.message = %format_args!("{error:#}"), "the batch comes again");
                batch.unavailable();
                client = connect(to).await;
            }
        }
    }
    draining.await.map(|report| tracing::info!(?report, "drained")).map_err(Into::into)
}

async fn connect(to: &Config) -> Result<Client> {
    let (client, connection) = to.connect(NoTls).await?;
    tokio::spawn(connection); // Its error is that of the call that waits.
    client.batch_execute(TABLE).await?;
    Ok(client)
}

async fn store(client: &mut Result<Client>, batch: &Batch) -> Result<()> {
    let client = client.as_mut().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let tx = client.transaction().await?;
    for event in batch.events() {
        match event {
            Event::Commit(commit) => {
                for change in commit.changes() {
                    let uri = format!("at://{}/{}", commit.did(), change.path);
                    tx.execute(DELETE, &[&uri]).await?;
                    if let Decoded::Known(Indexed::Post(post)) = change.decode() {
                        // Of all characters PostgreSQL does not store this one.
                        let text = post.text.replace('\0', "\u{FFFD}");
                        tx.execute(PUT, &[&uri, &commit.did().as_str(), &text]).await?;
                    }
                }
            }
            Event::Account(account) if account.status.as_deref() == Some("deleted") => {
                tx.execute(DELETE, &[&account.did.as_str()]).await?;
            }
            Event::Gap(gap) => tracing::warn!(?gap, "something is missing from the index"),
            _ => {}
        }
    }
    Tables::in_schema(SCHEMA)?.save(&tx, batch.checkpoint()).await?;
    Ok(tx.commit().await?)
}

const SERVICE: Service = Service { name: "indexer", version: env!("CARGO_PKG_VERSION") };
/// The schema of all tables, ours and the consumer's.
const SCHEMA: &str = "indexer";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS
    indexer.post (uri text PRIMARY KEY, did text NOT NULL, text text NOT NULL)";
const PUT: &str = "INSERT INTO indexer.post VALUES ($1, $2, $3)";
const DELETE: &str = "DELETE FROM indexer.post WHERE uri = $1 OR did = $1";
