//! The upstream is a real producer over a log, and dies without a word while
//! consumers are connected. They come back within their backoff, and go on
//! where they were: the log counts on, and no event is lost or comes twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use atproto_firehose::consumer::{
    Connecting, Consumer, ConsumerOptions, FrameSource, NextFrame, Policy, Start, Transport,
    TransportError, WebSocket,
};
use atproto_firehose::event::{Event, Gap};
use atproto_firehose::log::{Entry, LogConfig, SegmentLog};
use atproto_firehose::producer::{Producer, ProducerOptions};
use atproto_firehose::state::SqliteState;
use atproto_repo::event::{Event as Message, IdentityEvent};
use bytes::Bytes;
use futures::FutureExt;
use futures::stream::{BoxStream, StreamExt};
use tokio::sync::watch;

use crate::support::medium::Memory;
use crate::support::network::{Account, TIME};
use crate::support::random::Random;

const BACKOFF_MAX: Duration = Duration::from_secs(4);

#[derive(Clone)]
struct Relay {
    process: Arc<Mutex<Option<Process>>>,
    dials: Arc<Mutex<Vec<Option<i64>>>>,
}

struct Process {
    producer: Arc<Producer>,
    medium: Memory,
    /// Its end takes all connections along.
    alive: watch::Sender<()>,
}

impl Relay {
    fn started_on(medium: Memory, config: LogConfig) -> Self {
        let relay = Self { process: Arc::default(), dials: Arc::default() };
        relay.start(medium, config);
        relay
    }

    fn start(&self, medium: Memory, config: LogConfig) {
        let (log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config).unwrap();
        let producer = Arc::new(Producer::start(log, ProducerOptions::default()));
        let process = Process { producer, medium, alive: watch::Sender::new(()) };
        *self.process.lock().unwrap() = Some(process);
    }

    /// Ends without closing anything; returns what the disk has.
    fn kill(&self) -> Memory {
        let process = self.process.lock().unwrap().take().unwrap();
        process.medium.after_power_loss(&mut Random::seeded(1))
    }

    async fn append(&self, account: &Account, count: usize) {
        let did = account.did.clone();
        let make = move |seq| {
            Message::from(IdentityEvent::new(did.clone(), None, TIME)).with_seq(seq).encode()
        };
        let entries = (0..count).map(|_| Entry::new(Vec::new(), make.clone())).collect();
        let producer = Arc::clone(&self.process.lock().unwrap().as_ref().unwrap().producer);
        producer.append(entries).await.unwrap();
    }

    fn dials(&self) -> Vec<Option<i64>> {
        self.dials.lock().unwrap().clone()
    }
}

impl Transport for Relay {
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_> {
        self.dials.lock().unwrap().push(cursor);
        let process = self.process.lock().unwrap();
        let connected = process.as_ref().map(|process| {
            let frames = match process.producer.subscribe(cursor) {
                Ok(subscriber) => subscriber.into_frames().boxed(),
                Err(error) => futures::stream::iter([error.to_frame()]).boxed(),
            };
            Box::new(Connection { frames, alive: process.alive.subscribe() })
                as Box<dyn FrameSource>
        });
        async move { connected.ok_or_else(|| failure("refused")) }.boxed()
    }
}

struct Connection {
    frames: BoxStream<'static, Bytes>,
    alive: watch::Receiver<()>,
}

impl FrameSource for Connection {
    fn next_frame(&mut self) -> NextFrame<'_> {
        async move {
            tokio::select! {
                biased;
                _ = self.alive.changed() => Some(Err(failure("reset"))),
                frame = self.frames.next() => frame.map(Ok),
            }
        }
        .boxed()
    }
}

fn failure(label: &'static str) -> TransportError {
    TransportError { label, permanent: false, source: label.into() }
}

fn options() -> ConsumerOptions {
    ConsumerOptions::default()
        .start(Start::Oldest)
        .policy(Policy::dangerous().trust_upstream())
        .backoff(Duration::from_millis(100), BACKOFF_MAX)
}

async fn expect(consumer: &mut Consumer, seqs: std::ops::RangeInclusive<i64>) {
    for seq in seqs {
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq), "{:?}", delivery.event());
        assert!(delivery.ack().await);
    }
}

async fn open(relay: &Relay, dir: &tempfile::TempDir, options: ConsumerOptions) -> Consumer {
    let state = SqliteState::open(dir.path().join("state")).unwrap();
    Consumer::open_on(Arc::new(relay.clone()), state, options).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_killed_relay_is_found_again_and_read_on() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (Account::new('a'), Account::new('b'));
    let relay = Relay::started_on(Memory::default(), LogConfig::default());
    let mut consumer = open(&relay, &dir, options()).await;
    for round in 0..5 {
        relay.append(&alice, 9).await;
        relay.append(&bob, 1).await;
        let first = round * 10 + 1;
        expect(&mut consumer, first..=first).await;
        // This one is worked on while the relay is away.
        let mut both = [consumer.next().await.unwrap(), consumer.next().await.unwrap()];
        both.sort_by_key(|delivery| delivery.event().seq());
        let [held, other] = both;
        assert_eq!(held.event().seq(), Some(first + 1));
        assert_eq!(other.event().seq(), Some(first + 9), "bob does not wait for alice");
        assert!(other.ack().await);

        let disk = relay.kill();
        let dialled = relay.dials().len();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let tries = relay.dials().len() - dialled;
        assert!((15..40).contains(&tries), "{tries} attempts in a minute of at most 4 s each");
        assert!(!consumer.stats().connected);

        relay.start(disk, LogConfig::default());
        tokio::time::sleep(BACKOFF_MAX).await;
        assert!(consumer.stats().connected, "it was back within the longest wait");
        assert_eq!(relay.dials().last(), Some(&Some(first + 9)), "behind what it has received");
        assert!(held.ack().await);
        expect(&mut consumer, first + 2..=first + 8).await;
    }
    let report = consumer.stopper().drain(Duration::from_secs(5)).await;
    assert_eq!((report.cursor, report.unsettled, report.saved), (Some(50), 0, true));
    let stats = consumer.stats();
    assert_eq!((stats.duplicates, stats.delivered), (0, 50));
    assert_eq!(stats.disconnects.get("reset"), Some(&5), "{stats:?}");
    assert!(stats.gaps.is_empty(), "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn ev_016_a_relay_that_forgot_says_so_and_the_rest_follows() {
    let dir = tempfile::tempdir().unwrap();
    let alice = Account::new('a');
    let config = LogConfig::default().segment_bytes(4_000).retention_bytes(4_000);
    let relay = Relay::started_on(Memory::default(), config.clone());
    relay.append(&alice, 5).await;
    let mut consumer = open(&relay, &dir, options()).await;
    expect(&mut consumer, 1..=5).await;
    consumer.stopper().drain(Duration::from_secs(5)).await;
    drop(consumer);

    // More than is kept, while nobody reads, and a restart.
    for _ in 0..40 {
        relay.append(&alice, 10).await;
    }
    let producer = Arc::clone(&relay.process.lock().unwrap().as_ref().unwrap().producer);
    assert!(producer.retain().await.unwrap() > 0);
    relay.start(relay.kill(), config);
    let mut consumer = open(&relay, &dir, options()).await;
    let gap = consumer.next().await.unwrap();
    assert!(
        matches!(gap.event(), Event::Gap(Gap::OutdatedCursor { cursor: 5, .. })),
        "{:?}",
        gap.event()
    );
    let first = consumer.next().await.unwrap();
    let oldest = first.event().seq().unwrap();
    assert!(oldest > 6, "{oldest}");
    assert!(first.ack().await);
    assert_eq!(consumer.stats().cursor, Some(5), "the gap holds the cursor");
    assert!(gap.ack().await);
    expect(&mut consumer, oldest + 1..=405).await;
    assert_eq!(consumer.stats().cursor, Some(405));
}

#[tokio::test(start_paused = true)]
async fn ev_014_a_relay_without_its_log_stops_the_consumer() {
    let dir = tempfile::tempdir().unwrap();
    let alice = Account::new('a');
    let relay = Relay::started_on(Memory::default(), LogConfig::default());
    relay.append(&alice, 10).await;
    let mut consumer = open(&relay, &dir, options()).await;
    expect(&mut consumer, 1..=10).await;
    relay.kill();
    relay.start(Memory::default(), LogConfig::default());
    relay.append(&alice, 3).await;
    let gap = consumer.next().await.unwrap();
    assert!(matches!(gap.event(), Event::Gap(Gap::FutureCursor { cursor: Some(10), .. })));
    assert!(gap.ack().await);
    assert!(consumer.next().await.is_none());
    assert!(consumer.stopped().is_some());
    assert_eq!(consumer.checkpoint().cursor, Some(10), "no number of the new log is taken up");
    assert_eq!(relay.dials(), [Some(0), Some(10)]);
}

#[tokio::test]
async fn a_host_that_hangs_up_is_dialled_again() {
    let dir = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let wait = Duration::from_millis(5);
    let state = SqliteState::open(dir.path().join("state")).unwrap();
    let transport = Arc::new(WebSocket::new(&url));
    let options = options().backoff(wait, wait);
    let consumer = Consumer::open_on(transport, state, options).await.unwrap();
    for _ in 0..5 {
        drop(listener.accept().await.unwrap());
    }
    drop(consumer);
}
