//! Consumes the events of a network and loses none, in each of the three forms.
//!
//! The network is a small one of the testkit, with one server on loopback; a relay is read in
//! the same way.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use atproto_core::syntax::Datetime;
use atproto_firehose::{
    consumer::{Consumer, ConsumerOptions, Failure, Policy, Start, Workers},
    event::{Commit, Decoded, Event},
    filter::Filter,
    records,
    state::{SavedByCaller, SqliteState, sqlite},
};
use atproto_lexicons::app::bsky::{
    actor::Profile,
    feed::{Like, Post},
};
use atproto_testkit::{Author, Directory, MicroPds};
use rusqlite::{Connection, Transaction};

records! {
    /// What these programs want: their filter, and what changes decode to.
    pub(crate) enum Mine {
        Post(Post),
        Like(Like),
    }
}

pub(crate) async fn run() -> anyhow::Result<()> {
    let mut alice = Author::new("alice.test", 1);
    let host = MicroPds::start().await?;
    let directory = Directory::default();
    directory.insert(alice.document(host.url()));
    host.announce(&alice);
    host.publish(alice.create(&Post::new("hello", Datetime::now())));
    host.publish(alice.create(&Profile::default()));
    host.publish(alice.create(&Post::new("hello again", Datetime::now())));

    let options = ConsumerOptions::default()
        .start(Start::Oldest)
        .policy(Policy::strict(Arc::new(directory)))
        .filter(Filter::of::<Mine>());
    let url = host.url().replace("http", "ws");
    let folder = tempfile::tempdir()?;
    one_by_one(&url, folder.path(), options.clone()).await?;
    by_handler(&url, folder.path(), options.clone()).await?;
    in_transactions(&url, folder.path(), options).await
}

/// A stream with explicit acks.
async fn one_by_one(url: &str, folder: &Path, options: ConsumerOptions) -> anyhow::Result<()> {
    let state = SqliteState::open(folder.join("stream.db"))?;
    let mut consumer = Consumer::open(url, state, options).await?;
    let mut posts = 0;
    while posts < POSTS {
        let delivery = consumer.next().await.context("the consumer has stopped")?;
        match delivery.event() {
            Event::Commit(commit) => posts += tell(commit),
            Event::Sync(sync) => println!("stream: {} is in another state", sync.did),
            Event::Identity(identity) => println!("stream: {} may have changed", identity.did),
            Event::Account(account) => println!("stream: {} is active", account.did),
            Event::Labels(_) => {} // they come from labelers alone
            Event::Gap(gap) => println!("stream: something is missing: {gap:?}"),
        }
        delivery.ack().await; // dropped without it, the event comes again
    }
    Ok(())
}

fn tell(commit: &Commit) -> usize {
    let mut posts = 0;
    for change in commit.changes() {
        match change.decode::<Mine>() {
            Decoded::Known(Mine::Post(post)) => {
                println!("stream: a post that says {:?}", post.text);
                posts += 1;
            }
            Decoded::Known(Mine::Like(like)) => println!("stream: a like of {}", like.subject.uri),
            Decoded::Deleted => println!("stream: {} is gone", change.path),
            Decoded::Other(_) => println!("stream: {} is of another type", change.path),
            Decoded::Invalid(_, reason) => println!("stream: {} is wrong: {reason}", change.path),
            Decoded::Missing(cid) => println!("stream: {cid} did not come along"),
        }
    }
    posts
}

/// A handler, which is called in order for each account, for many accounts at a time.
async fn by_handler(url: &str, folder: &Path, options: ConsumerOptions) -> anyhow::Result<()> {
    let state = SqliteState::open(folder.join("handler.db"))?;
    let mut consumer = Consumer::open(url, state, options).await?;
    let (stopper, done) = (consumer.stopper(), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&done);
    let handler = move |event: Arc<Event>| {
        let counted = Arc::clone(&counted);
        async move {
            if let Event::Commit(_) = &*event {
                *counted.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }
            // Or what is to become of it: try again, give it up, pause because the
            // database is down, stop.
            Ok::<(), Failure>(())
        }
    };
    let drain = async {
        while *done.lock().unwrap_or_else(PoisonError::into_inner) < POSTS {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stopper.drain(Duration::from_secs(20)).await
    };
    let (ran, report) = tokio::join!(consumer.run(Workers(16), handler), drain);
    ran?;
    println!("handler: {} left unsettled, everything stored: {}", report.unsettled, report.saved);
    Ok(())
}

/// Batches, each in one transaction of ours with the checkpoint that says so: a crash leaves
/// both or neither, so every effect happens once.
async fn in_transactions(url: &str, folder: &Path, options: ConsumerOptions) -> anyhow::Result<()> {
    let path = folder.join("index.db");
    let mut database = Connection::open(&path)?;
    database.execute_batch("CREATE TABLE post (path TEXT PRIMARY KEY, text TEXT NOT NULL)")?;
    let state = SavedByCaller(SqliteState::open(&path)?);
    let mut consumer = Consumer::open(url, state, options).await?;
    let mut posts = 0;
    while posts < POSTS {
        let next = consumer.next_batch(1_000, Duration::from_millis(50)).await?;
        let batch = next.context("the consumer has stopped")?;
        let transaction = database.transaction()?;
        for commit in batch.commits() {
            posts += index(&transaction, commit)?;
        }
        sqlite::save(&transaction, batch.checkpoint())?;
        transaction.commit()?;
        batch.committed();
    }
    println!("batches: {posts} posts indexed, cursor {:?}", sqlite::load(&database)?.cursor);
    Ok(())
}

fn index(transaction: &Transaction<'_>, commit: &Commit) -> rusqlite::Result<usize> {
    let mut posts = 0;
    for change in commit.changes() {
        if let Decoded::Known(Mine::Post(post)) = change.decode() {
            let path = change.path.to_string();
            posts += transaction.execute("INSERT INTO post VALUES (?1, ?2)", [path, post.text])?;
        }
    }
    Ok(posts)
}

/// How many posts there are to come.
const POSTS: usize = 2;
