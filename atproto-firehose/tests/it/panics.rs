//! Code that a consumer was given may panic: the consumer goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atproto_core::identity::{DidDocument, ResolveError, Resolver};
use atproto_core::syntax::{Did, Handle};
use atproto_firehose::checkpoint::{Checkpoint, Head};
use atproto_firehose::consumer::{
    Connecting, Consumer, ConsumerOptions, FrameSource, NextFrame, Policy, Start, Transport,
};
use atproto_firehose::state::{MemoryState, Store, Stored};
use futures::future::{BoxFuture, FutureExt};

use crate::support::network::{Account, Directory, Upstream};

/// Panics at its first uses.
struct Bomb(AtomicUsize);

impl Bomb {
    fn new(panics: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(panics)))
    }

    fn tick(&self) {
        let left =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(left.is_err(), "on purpose");
    }
}

struct Fragile<T>(T, Arc<Bomb>);

impl Resolver for Fragile<Arc<Directory>> {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        async move {
            self.1.tick();
            self.0.did(did).await
        }
        .boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        self.0.handle(handle)
    }

    fn purge(&self, did: &Did) {
        self.0.purge(did);
    }
}

impl Store for Fragile<MemoryState> {
    fn load(&self) -> Stored<'_, Checkpoint> {
        self.0.load()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        self.0.take_over()
    }

    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        self.1.tick();
        self.0.head(did)
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        async move {
            self.1.tick();
            self.0.save(checkpoint).await
        }
        .boxed()
    }
}

impl Transport for Fragile<Upstream> {
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_> {
        async move {
            self.1.tick();
            let source = Fragile(self.0.connect(cursor).await?, Arc::clone(&self.1));
            Ok(Box::new(source) as Box<dyn FrameSource>)
        }
        .boxed()
    }
}

impl FrameSource for Fragile<Box<dyn FrameSource>> {
    fn next_frame(&mut self) -> NextFrame<'_> {
        self.1.tick();
        self.0.next_frame()
    }
}

/// Three events, of two accounts, whatever panics; how often that was.
async fn read_through(resolver: usize, store: usize, transport: usize) {
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice, &bob]));
    for commit in [alice.commit(), bob.commit(), alice.commit()] {
        upstream.send(commit);
    }
    let bombs = [Bomb::new(resolver), Bomb::new(store), Bomb::new(transport)];
    let [resolver, store, transport] = bombs.clone();
    let policy = Policy::strict(Arc::new(Fragile(directory, resolver)));
    let options = ConsumerOptions::default().policy(policy).start(Start::Oldest);
    let (upstream, state) = (Fragile(upstream, transport), Fragile(MemoryState::default(), store));
    let mut consumer = Consumer::open_on(Arc::new(upstream), state, options).await.unwrap();
    for _ in 0..3 {
        assert!(consumer.next().await.unwrap().ack().await);
    }
    let report = consumer.stopper().drain(Duration::from_secs(600)).await;
    assert_eq!((report.cursor, report.saved, report.unsettled), (Some(3), true, 0));
    assert!(consumer.stats().rejected.is_empty());
    for bomb in bombs {
        assert_eq!(bomb.0.load(Ordering::Relaxed), 0, "it has gone off as often as it could");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_panics_defers_its_event() {
    read_through(2, 0, 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_asked_again() {
    read_through(0, 3, 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_is_connected_again() {
    read_through(0, 0, 4).await;
}
