//! What a consumer takes for an event: processor time of the whole process, with the source in
//! memory, so that nothing of it is the network's.
//!
//! Each round reads all events from a fresh state in SQLite on the disk, acknowledges them one
//! by one, or in batches of a thousand, and ends when the last is saved. The signatures alone
//! are what no verification can do without.

use std::{hint::black_box, sync::Arc, time::Duration};

use atproto_core::crypto::{PublicKey, Signature};
use atproto_firehose::{
    consumer::{
        Connecting, Consumer, ConsumerOptions, FrameSource, NextFrame, Policy, Start, Transport,
    },
    state::SqliteState,
};
use atproto_lexicons::app::bsky::feed::Post;
use atproto_repo::{car, commit::Commit, event::Event};
use atproto_testkit::{Author, Directory};
use bytes::Bytes;
use cpu_time::ProcessTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::FutureExt;
use tokio::runtime::{Builder, Runtime};

const ACCOUNTS: usize = 200;
const COMMITS: usize = 50;
const EVENTS: usize = ACCOUNTS * COMMITS;
const BATCH: usize = 1_000;

fn consumer(c: &mut Criterion) {
    let world = World::new();
    let mut group = c.benchmark_group("consumer");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(10);
    let mut measure = |name: &str, round: &dyn Fn()| {
        group.bench_function(name, |b| b.iter_custom(|rounds| processor_time(rounds, round)));
    };
    measure("trusted, acknowledged one by one", &|| world.run(trusted(), one_by_one));
    measure("trusted, in batches", &|| world.run(trusted(), in_batches));
    measure("verified, acknowledged one by one", &|| world.run(world.strict(), one_by_one));
    measure("verified, in batches", &|| world.run(world.strict(), in_batches));
    measure("floor: messages decoded", &|| {
        world.frames.iter().for_each(|frame| drop(black_box(decoded(frame))));
    });
    measure("limit: the signatures alone", &|| world.signed.iter().for_each(Signed::verify));
    group.finish();
}

/// Of all threads: verification and the database have some of their own.
fn processor_time(rounds: u64, round: &dyn Fn()) -> Duration {
    let start = ProcessTime::now();
    (0..rounds).for_each(|_| round());
    start.elapsed()
}

fn trusted() -> ConsumerOptions {
    ConsumerOptions::default().policy(Policy::dangerous().trust_upstream())
}

async fn one_by_one(mut consumer: Consumer) {
    for _ in 0..EVENTS {
        let delivery = consumer.next().await.expect("there are more events");
        assert!(delivery.ack().await);
    }
    drain(&consumer).await;
}

async fn in_batches(mut consumer: Consumer) {
    let mut events = 0;
    while events < EVENTS {
        let batch = consumer.next_batch(BATCH, Duration::from_millis(50)).await;
        let batch = batch.expect("the consumer runs").expect("there are more events");
        events += batch.len();
        batch.committed();
    }
    drain(&consumer).await;
}

async fn drain(consumer: &Consumer) {
    let report = consumer.stopper().drain(Duration::from_secs(10)).await;
    assert!(report.saved && report.cursor == Some(EVENTS as i64), "{report:?}");
}

fn decoded(frame: &Bytes) -> Event {
    Event::decode(frame.clone()).expect("the frame is sound")
}

struct World {
    runtime: Runtime,
    frames: Arc<[Bytes]>,
    directory: Directory,
    signed: Vec<Signed>,
}

/// The part of a commit that is signed, and by whom.
struct Signed {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

impl Signed {
    fn of(event: &Event, key: PublicKey) -> Self {
        let Event::Commit(event) = event else { panic!("authors commit") };
        let (_, blocks) = car::read_all(event.blocks.clone(), &car::Limits::default())
            .expect("the archive is sound");
        let commit = Commit::decode(blocks.get(&event.commit).expect("it is there"))
            .expect("the commit is sound");
        let signature = commit.sig;
        Self { key, message: commit.into_unsigned().signing_input(), signature }
    }

    fn verify(&self) {
        self.key.verify(black_box(&self.message), &self.signature).expect("it fits");
    }
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let directory = Directory::default();
        let mut authors: Vec<_> = (0..ACCOUNTS)
            .map(|number| Author::new(&format!("a{number}.test"), number as u64))
            .collect();
        authors.iter().for_each(|author| directory.insert(author.document("https://pds.test")));
        let (mut frames, mut signed) = (Vec::new(), Vec::new());
        for round in 0..COMMITS {
            for author in &mut authors {
                let text =
                    format!("What was on my mind in round {round}, and a little more of it.");
                let now = "2026-03-14T15:09:26.535Z".parse().expect("a time");
                let event = author.create(&Post::new(text, now)).with_seq(frames.len() as i64 + 1);
                signed.push(Signed::of(&event, author.key().public_key()));
                frames.push(Bytes::from(event.encode()));
            }
        }
        Self { runtime: runtime.expect("it starts"), frames: frames.into(), directory, signed }
    }

    fn strict(&self) -> ConsumerOptions {
        ConsumerOptions::default().policy(Policy::strict(Arc::new(self.directory.clone())))
    }

    fn run<F: Future<Output = ()>>(&self, options: ConsumerOptions, read: fn(Consumer) -> F) {
        let folder = tempfile::tempdir().expect("there is room");
        let state = SqliteState::open(folder.path().join("state.db")).expect("there is room");
        let source = Arc::new(Recorded(Arc::clone(&self.frames)));
        self.runtime.block_on(async {
            let options = options.start(Start::Oldest);
            let consumer = Consumer::open_on(source, state, options).await;
            read(consumer.expect("it opens")).await;
        });
    }
}

/// A stream that is there as a whole, and stays open behind its end.
struct Recorded(Arc<[Bytes]>);

struct Position {
    frames: Arc<[Bytes]>,
    next: usize,
}

impl Transport for Recorded {
    fn connect(&self, _cursor: Option<i64>) -> Connecting<'_> {
        let position = Position { frames: Arc::clone(&self.0), next: 0 };
        async { Ok(Box::new(position) as Box<dyn FrameSource>) }.boxed()
    }
}

impl FrameSource for Position {
    fn next_frame(&mut self) -> NextFrame<'_> {
        async move {
            let Some(frame) = self.frames.get(self.next) else {
                return std::future::pending().await;
            };
            self.next += 1;
            Some(Ok(frame.clone()))
        }
        .boxed()
    }
}

criterion_group!(benches, consumer);
criterion_main!(benches);
