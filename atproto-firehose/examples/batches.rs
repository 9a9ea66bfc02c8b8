//! How many records a second a program stores that commits its batches with their checkpoint:
//! one row a record and one head an account, in one transaction a batch, synced to disk.
//!
//! ```text
//! cargo run --release -p atproto-firehose --example batches --features postgres [RECORDS]
//! ```
//! The events come from memory, of an upstream that is believed: signatures are timed elsewhere.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use atproto_core::syntax::Datetime;
use atproto_firehose::{
    checkpoint::{Checkpoint, Head},
    consumer::{
        Connecting, Consumer, ConsumerOptions, FrameSource, NextFrame, Policy, Start, Transport,
    },
    event::Commit,
    state::{SavedByCaller, SqliteState, Store, sqlite},
};
use atproto_lexicons::app::bsky::feed::Post;
use atproto_repo::{event::Event, sync::RepoState};
use atproto_testkit::Author;
use bytes::Bytes;
use futures::FutureExt;

/// The accounts that the records are shared among. One has at most one event in a batch.
const ACCOUNTS: u64 = 10_000;
/// Records, unless the command line says otherwise.
const RECORDS: i64 = 300_000;
/// Events in a batch, at most.
const BATCH: usize = 2_000;

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let records = std::env::args().nth(1).map_or(Ok(RECORDS), |records| records.parse())?;
    let feed = Arc::new(Feed::new(records));
    let folder = tempfile::tempdir_in(".")?;
    for _ in 0..ROUNDS {
        let path = folder.path().join("sqlite");
        let _ = std::fs::remove_file(&path);
        let (took, batches) = in_sqlite(&feed, &path).await?;
        report("SQLite", records, took, batches);
        #[cfg(feature = "postgres")]
        if let Some(server) = atproto_testkit::Postgres::shared() {
            let (took, batches) = postgres::run(&feed, server).await?;
            report("PostgreSQL", records, took, batches);
        }
    }
    Ok(())
}

/// Other work on the machine takes its share: the best round is the figure.
const ROUNDS: usize = 3;

fn report(database: &str, records: i64, took: Duration, batches: u32) {
    let rate = records as f64 / took.as_secs_f64();
    println!("{database}: {rate:.0} records/s ({records} in {batches} transactions, {took:.1?})");
}

async fn open(feed: &Arc<Feed>, state: impl Store) -> Result<Consumer, Failed> {
    let policy = Policy::dangerous().trust_upstream();
    let options = ConsumerOptions::default().policy(policy).start(Start::Oldest);
    Ok(Consumer::open_on(Arc::clone(feed) as Arc<_>, SavedByCaller(state), options).await?)
}

async fn in_sqlite(feed: &Arc<Feed>, path: &Path) -> Result<(Duration, u32), Failed> {
    let mut consumer = open(feed, SqliteState::open(path)?).await?;
    let mut database = rusqlite::Connection::open(path)?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch(
        "CREATE TABLE record (did TEXT, rkey TEXT, seq INTEGER PRIMARY KEY, record BLOB)",
    )?;
    let (began, mut batches) = (Instant::now(), 0);
    while consumer.stats().cursor.unwrap_or(0) < feed.records {
        let batch = consumer.next_batch(BATCH, WAIT).await?.ok_or("the consumer stopped")?;
        let transaction = database.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO record (did, rkey, seq, record) VALUES (?, ?, ?, ?)",
            )?;
            for row in batch.commits().flat_map(rows) {
                insert.execute((&row.did, &row.rkey, row.seq, &row.record[..]))?;
            }
        }
        sqlite::save(&transaction, &with_heads(batch.checkpoint(), batch.commits()))?;
        transaction.commit()?;
        batch.committed();
        batches += 1;
    }
    Ok((began.elapsed(), batches))
}

#[cfg(feature = "postgres")]
mod postgres {
    use atproto_firehose::state::{PostgresState, postgres::Tables};
    use atproto_testkit::Postgres;
    use tokio_postgres::NoTls;

    use super::{Arc, BATCH, Duration, Failed, Feed, Instant, Row, WAIT, open, rows, with_heads};

    pub(super) async fn run(
        feed: &Arc<Feed>,
        server: &Postgres,
    ) -> Result<(Duration, u32), Failed> {
        let (mut client, connection) = tokio_postgres::connect(&server.parameters(), NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(TABLES).await?;
        let state = PostgresState::open(server.parameters().parse()?, NoTls, "batches").await?;
        let tables = Tables::in_schema("batches")?;
        let insert = client.prepare(INSERT).await?;
        let mut consumer = open(feed, state).await?;
        let (began, mut batches) = (Instant::now(), 0);
        while consumer.stats().cursor.unwrap_or(0) < feed.records {
            let batch = consumer.next_batch(BATCH, WAIT).await?.ok_or("the consumer stopped")?;
            let rows: Vec<Row> = batch.commits().flat_map(rows).collect();
            let dids: Vec<_> = rows.iter().map(|row| &*row.did).collect();
            let rkeys: Vec<_> = rows.iter().map(|row| &*row.rkey).collect();
            let seqs: Vec<_> = rows.iter().map(|row| row.seq).collect();
            let records: Vec<_> = rows.iter().map(|row| &row.record[..]).collect();
            let transaction = client.transaction().await?;
            transaction.execute(&insert, &[&dids, &rkeys, &seqs, &records]).await?;
            let checkpoint = with_heads(batch.checkpoint(), batch.commits());
            tables.save(&transaction, &checkpoint).await?;
            transaction.commit().await?;
            batch.committed();
            batches += 1;
        }
        Ok((began.elapsed(), batches))
    }

    const TABLES: &str = "
        DROP SCHEMA IF EXISTS batches CASCADE;
        DROP TABLE IF EXISTS record;
        CREATE TABLE record (did text, rkey text, seq bigint PRIMARY KEY, record bytea)";

    const INSERT: &str = "INSERT INTO record
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])";
}

/// What is stored of a record.
struct Row {
    did: String,
    rkey: String,
    seq: i64,
    record: Bytes,
}

fn rows(commit: &Commit) -> impl Iterator<Item = Row> {
    let (did, seq) = (commit.did().to_string(), commit.seq().unwrap_or(0));
    commit.changes().iter().cloned().filter_map(move |change| {
        let (did, rkey) = (did.clone(), change.path.rkey.to_string());
        Some(Row { did, rkey, seq, record: change.record? })
    })
}

/// The checkpoint as it is where commits are verified: with a head of each account.
fn with_heads<'a>(
    checkpoint: &Checkpoint,
    commits: impl Iterator<Item = &'a Commit>,
) -> Checkpoint {
    let mut checkpoint = checkpoint.clone();
    checkpoint.heads.extend(commits.filter_map(Commit::message).map(|message| {
        let state = RepoState { rev: message.rev, data: message.commit };
        (message.repo.clone(), Head { state: Some(state), active: true, gaps: 0 })
    }));
    checkpoint
}

/// Events of many accounts, over and over.
struct Feed {
    events: Vec<Event>,
    records: i64,
}

impl Feed {
    fn new(records: i64) -> Self {
        let post = Post::new("a post of a usual length, as they are ".repeat(3), Datetime::now());
        let event = |seed| Author::new("author.test", seed).create(&post);
        let events: Vec<_> = (1..=ACCOUNTS).map(event).collect();
        let size = events[0].encode().len();
        println!("{records} records of {ACCOUNTS} accounts, {size} bytes a frame");
        Self { events, records }
    }
}

impl Transport for Feed {
    fn connect(&self, _cursor: Option<i64>) -> Connecting<'_> {
        let frames: Frames = Frames { events: self.events.clone(), next: 1, records: self.records };
        async move { Ok(Box::new(frames) as Box<dyn FrameSource>) }.boxed()
    }
}

struct Frames {
    events: Vec<Event>,
    next: i64,
    records: i64,
}

impl FrameSource for Frames {
    fn next_frame(&mut self) -> NextFrame<'_> {
        if self.next > self.records {
            return std::future::pending().boxed();
        }
        let event = self.events[self.next as usize % self.events.len()].clone();
        let frame = event.with_seq(self.next).encode();
        self.next += 1;
        futures::future::ready(Some(Ok(frame.into()))).boxed()
    }
}

/// For more events, once there is one.
const WAIT: Duration = Duration::from_millis(5);
