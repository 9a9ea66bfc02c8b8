//! The database is away for an hour, for the consumer's state as well as for what is done with
//! events. Attempts that are counted meanwhile would end as dead letters, and heads that cannot
//! be read as rejects. Here everything waits, memory stays bounded, and all of it is done once
//! the database is back.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use atproto_core::syntax::Did;
use atproto_firehose::{
    checkpoint::{Checkpoint, Head},
    consumer::{Batch, Consumer, Failure, Workers},
    event::Event,
    state::{SavedByCaller, SqliteState, Store, StoreError, Stored},
};
use futures::{FutureExt, future::ready};

use crate::{
    consumer::strict,
    support::network::{Account, Directory, Upstream},
};

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_given_up_by_a_handler() {
    let mut scene = Scene::new();
    scene.database.replica = true;
    let mut consumer = scene.open(scene.database.clone()).await;
    let (stopper, database) = (consumer.stopper(), scene.database.clone());
    let handler = move |event: Arc<Event>| {
        let done = database.apply([&*event]);
        async move { done.map_err(|error| Failure::Unavailable(error.into())) }
    };
    let run = tokio::spawn(async move { consumer.run(Workers(8), handler).await });
    scene.pass_the_hour().await;
    let report = stopper.drain(Duration::from_secs(600)).await;
    assert_eq!((report.unsettled, report.saved), (0, true));
    run.await.unwrap().unwrap();
    scene.check().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_given_up_by_batches() {
    let mut scene = Scene::new();
    scene.database.replica = true;
    let mut consumer = scene.open(SavedByCaller(scene.database.clone())).await;
    let database = scene.database.clone();
    let run = tokio::spawn(async move {
        while consumer.stats().cursor < Some(EVENTS) {
            let wait = Duration::from_millis(5);
            let batch = consumer.next_batch(10, wait).await.unwrap().unwrap();
            match database.store(&batch).await {
                Ok(()) => batch.committed(),
                Err(_) => batch.unavailable(),
            }
        }
        consumer.stats()
    });
    scene.pass_the_hour().await;
    let stats = run.await.unwrap();
    assert_eq!((stats.retried, stats.expired), (0, 0), "an outage is no attempt");
    scene.check().await;
}

#[tokio::test(start_paused = true)]
async fn heads_that_cannot_be_read_make_events_wait() {
    let scene = Scene::new();
    let mut consumer = scene.open(scene.database.clone()).await;
    let database = scene.database.clone();
    let run = tokio::spawn(async move {
        while let Some(delivery) = consumer.next().await {
            database.apply([delivery.event()]).expect("what comes can be worked on");
            delivery.ack().await;
        }
    });
    scene.pass_the_hour().await;
    scene.check().await;
    run.abort();
}

/// Some of the events come before the outage, some meanwhile, and some after.
const EVENTS: i64 = 90;

struct Scene {
    _dir: tempfile::TempDir,
    accounts: Mutex<[Account; 3]>,
    upstream: Upstream,
    directory: Arc<Directory>,
    database: Database,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let accounts = ['a', 'b', 'c'].map(Account::new);
        let directory = Directory::of(&accounts.each_ref());
        let database = Database {
            state: SqliteState::open(dir.path().join("state")).unwrap(),
            down: Arc::default(),
            replica: false,
            done: Arc::default(),
        };
        let (upstream, accounts) = (Upstream::new(), Mutex::new(accounts));
        Self { _dir: dir, accounts, upstream, directory, database }
    }

    async fn open(&self, state: impl Store) -> Consumer {
        let transport = Arc::new(self.upstream.clone());
        Consumer::open_on(transport, state, strict(&self.directory)).await.unwrap()
    }

    async fn pass_the_hour(&self) {
        self.send(30);
        tokio::time::sleep(Duration::from_secs(5)).await;
        self.database.down.store(true, Ordering::Relaxed);
        for _ in 0..30 {
            self.send(1);
            tokio::time::sleep(Duration::from_secs(120)).await;
        }
        assert_eq!(self.database.done.lock().unwrap().len(), 30);
        self.database.down.store(false, Ordering::Relaxed);
        self.send(30);
        tokio::time::sleep(Duration::from_secs(600)).await;
    }

    fn send(&self, events: usize) {
        let mut accounts = self.accounts.lock().unwrap();
        for n in 0..events {
            self.upstream.send(accounts[n % 3].commit());
        }
    }

    async fn check(&self) {
        let all: BTreeSet<i64> = (1..=EVENTS).collect();
        assert_eq!(*self.database.done.lock().unwrap(), all);
        assert_eq!(self.database.state.rejects(0, 1).unwrap(), []);
        assert_eq!(self.database.state.load().await.unwrap().cursor, Some(EVENTS));
    }
}

/// A state, and the effects of events beside it.
#[derive(Clone)]
struct Database {
    state: SqliteState,
    down: Arc<AtomicBool>,
    /// Whether heads can be read all the while.
    replica: bool,
    done: Arc<Mutex<BTreeSet<i64>>>,
}

impl Database {
    fn answers(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::Relaxed) { Err(StoreError::new("down")) } else { Ok(()) }
    }

    fn apply<'a>(&self, events: impl IntoIterator<Item = &'a Event>) -> Result<(), StoreError> {
        self.answers()?;
        for event in events {
            assert!(matches!(event, Event::Commit(_)), "{event:?}");
            assert!(self.done.lock().unwrap().insert(event.seq().unwrap()), "done twice");
        }
        Ok(())
    }

    async fn store(&self, batch: &Batch) -> Result<(), StoreError> {
        self.apply(batch.events())?;
        self.state.save(batch.checkpoint().clone()).await
    }
}

impl Store for Database {
    fn load(&self) -> Stored<'_, Checkpoint> {
        self.state.load()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        self.state.take_over()
    }

    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        match self.answers() {
            Err(error) if !self.replica => ready(Err(error)).boxed(),
            _ => self.state.head(did),
        }
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        match self.answers() {
            Ok(()) => self.state.save(checkpoint),
            Err(error) => ready(Err(error)).boxed(),
        }
    }
}
