//! Labels of a labeler, from the stream to what holds of a subject.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::frame;
use atproto_core::identity::{DidDocument, Resolver};
use atproto_core::object::Message as _;
use atproto_core::syntax::{Datetime, Did, Uri};
use atproto_firehose::consumer::Transport as _;
use atproto_firehose::consumer::{
    Consumer, ConsumerOptions, Delivery, GapPolicies, GapPolicy, Policy, Start, WebSocket, Wire,
};
use atproto_firehose::event::{Event, Gap, Labels};
use atproto_firehose::filter::Filter;
use atproto_firehose::label::store::{LabelStore, MemoryLabels, SqliteLabels};
use atproto_firehose::label::{self, LabelError};
use atproto_firehose::state::{MemoryState, SqliteState, Store};
use atproto_lexicons::com::atproto::label::defs::Label;
use atproto_lexicons::com::atproto::label::subscribe_labels::{
    Info, Labels as Message, SubscribeLabelsMessage,
};

use futures::SinkExt;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::{
    self,
    handshake::server::{Request, Response},
};

use crate::support::network::{Directory, Upstream};

fn labeler() -> Did {
    Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap()
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(Curve::K256, &[seed; 32]).unwrap()
}

fn document(did: &Did, key: &SecretKey) -> Arc<DidDocument> {
    Arc::new(DidDocument::new(did.clone()).with_key("atproto_label", &key.public_key()))
}

fn directory() -> Arc<Directory> {
    let directory = Directory::of(&[]);
    directory.set(document(&labeler(), &key(7)));
    directory
}

fn subject() -> Uri {
    "at://did:plc:44ybard66vv44zksje25o7dz/com.example.note/1".parse().unwrap()
}

fn time(text: &str) -> Datetime {
    Datetime::new(text).unwrap()
}

fn now() -> Datetime {
    time("2026-06-01T00:00:00Z")
}

/// A label of that day of January, signed.
fn spam(day: u32, change: impl FnOnce(&mut Label)) -> Label {
    let cts = time(&format!("2026-01-{day:02}T00:00:00Z"));
    let mut label = Label::new(labeler(), subject(), "spam", cts);
    change(&mut label);
    label::sign(&mut label, &key(7)).unwrap();
    label
}

fn negation(day: u32) -> Label {
    spam(day, |label| label.neg = Some(true))
}

/// A labeler with these messages, numbered from 1.
fn upstream(messages: impl IntoIterator<Item = Vec<Label>>) -> Upstream {
    let upstream = Upstream::of(Wire::SubscribeLabels);
    for (seq, labels) in (1..).zip(messages) {
        tell(&upstream, seq, &labels);
    }
    upstream
}

fn tell(upstream: &Upstream, seq: i64, labels: &[Label]) {
    let message = Message::new(seq, labels.to_vec());
    let message = SubscribeLabelsMessage::Labels(Box::new(message));
    upstream.send_frame(seq, message.to_frame().unwrap());
}

fn options(directory: &Arc<Directory>) -> ConsumerOptions {
    let resolver = Arc::clone(directory) as Arc<dyn Resolver>;
    ConsumerOptions::default().start(Start::Oldest).policy(Policy::strict(resolver)).seed(1)
}

async fn open(upstream: &Upstream, state: impl Store, options: ConsumerOptions) -> Consumer {
    Consumer::open_on(Arc::new(upstream.clone()), state, options).await.unwrap()
}

/// The next delivery, which is of labels.
async fn next(consumer: &mut Consumer) -> (Delivery, Labels) {
    let delivery = consumer.next().await.unwrap();
    let Event::Labels(labels) = delivery.event() else { panic!("{:?}", delivery.event()) };
    let labels = labels.clone();
    (delivery, labels)
}

async fn drained(consumer: &Consumer) {
    let report = consumer.stopper().drain(Duration::from_secs(60)).await;
    assert_eq!(report.unsettled, 0, "{report:?}");
}

/// Waits until there have been so many connections; returns the last one's cursor.
async fn connected(upstream: &Upstream, connections: usize) -> Option<i64> {
    while upstream.cursors().len() < connections {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    upstream.cursors()[connections - 1]
}

/// Everything up to the last message, into a store.
async fn take_all(consumer: &mut Consumer, last: i64, labels: &dyn LabelStore) {
    loop {
        let (delivery, told) = next(consumer).await;
        labels.apply(&told.labels).await.unwrap();
        delivery.ack().await;
        if told.seq == last {
            return drained(consumer).await;
        }
    }
}

async fn holds(labels: &dyn LabelStore) -> bool {
    !labels.in_force(&subject(), &now()).await.unwrap().is_empty()
}

/// Where the process dies, after so many of the three messages have been finished.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    Received,
    Applied,
    Acknowledged,
    Saved,
}

#[tokio::test]
async fn a_label_its_negation_and_the_label_again_are_right_wherever_the_process_dies() {
    let messages = [spam(1, |_| {}), negation(2), spam(3, |_| {})];
    let upstream = upstream(messages.clone().map(|label| vec![label]));
    for death in [Death::Received, Death::Applied, Death::Acknowledged, Death::Saved] {
        for at in 1..=3 {
            let folder = tempfile::tempdir().unwrap();
            let stored = die(&upstream, folder.path(), at, death).await;
            let labels = SqliteLabels::open(folder.path().join("labels")).unwrap();
            let applied = if death == Death::Received { at - 1 } else { at };
            assert_eq!(holds(&labels).await, applied % 2 == 1, "{death:?} at {at}");

            // The next process finds what was saved, and ends where the labeler is.
            let state = SqliteState::open(folder.path().join("state")).unwrap();
            assert_eq!(state.load().await.unwrap().cursor.unwrap_or(0), stored);
            let connections = upstream.cursors().len() + 1;
            let mut consumer = open(&upstream, state, options(&directory())).await;
            let cursor = connected(&upstream, connections).await;
            assert_eq!(cursor, Some(stored), "{death:?} at {at}");
            if stored < 3 {
                take_all(&mut consumer, 3, &labels).await;
            }
            assert!(holds(&labels).await, "{death:?} at {at}");
            assert_eq!(labels.apply(&messages[..2]).await.unwrap(), 0, "what is late counts again");
        }
    }
}

/// Works until the process dies; returns the cursor that is stored.
async fn die(upstream: &Upstream, folder: &Path, at: i64, death: Death) -> i64 {
    let labels = SqliteLabels::open(folder.join("labels")).unwrap();
    let state = SqliteState::open(folder.join("state")).unwrap();
    // What is not asked for is not saved.
    let never = Duration::from_secs(1 << 30);
    let interval = if death == Death::Saved { Duration::ZERO } else { never };
    let options = options(&directory()).flush_interval(interval);
    let mut consumer = open(upstream, state.clone(), options).await;
    for seq in 1..=at {
        let (delivery, told) = next(&mut consumer).await;
        assert_eq!(told.seq, seq);
        if seq == at && death == Death::Received {
            break;
        }
        labels.apply(&told.labels).await.unwrap();
        if seq == at && death == Death::Applied {
            break;
        }
        assert!(delivery.ack().await);
    }
    if death == Death::Saved {
        while state.load().await.unwrap().cursor != Some(at) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    drop(consumer);
    let stored = state.load().await.unwrap().cursor.unwrap_or(0);
    assert_eq!(stored, if death == Death::Saved { at } else { 0 });
    stored
}

#[tokio::test(start_paused = true)]
async fn lb_009_the_whole_history_comes_from_cursor_zero_and_goes_on_live() {
    let rude = spam(2, |label| label.val = "rude".into());
    let upstream = upstream([vec![spam(1, |_| {})], vec![rude]]);
    let (state, labels) = (Arc::new(MemoryState::default()), MemoryLabels::new());
    let state: Arc<dyn Store> = state;
    let open = |start| {
        let options = options(&directory()).start(start);
        Consumer::open_on(Arc::new(upstream.clone()), Arc::clone(&state), options)
    };
    let mut consumer = open(Start::Oldest).await.unwrap();
    assert_eq!(next(&mut consumer).await.1.seq, 1);
    for seq in 2..=3 {
        let (delivery, told) = next(&mut consumer).await;
        labels.apply(&told.labels).await.unwrap();
        delivery.ack().await;
        if seq == 2 {
            // Numbers rise, and need not be without holes.
            tell(&upstream, 9, &[negation(4)]);
        }
    }
    assert_eq!(upstream.cursors()[0], Some(0));
    // The first message was dropped without an ack: it comes again.
    upstream.cut();
    let (delivery, told) = next(&mut consumer).await;
    assert_eq!((told.seq, delivery.attempt()), (1, 2));
    labels.apply(&told.labels).await.unwrap();
    delivery.ack().await;
    let held = labels.in_force(&subject(), &now()).await.unwrap();
    assert_eq!(held.iter().map(|label| &*label.val).collect::<Vec<_>>(), ["rude"]);
    assert_eq!(consumer.stats().cursor, Some(9));
    assert_eq!(connected(&upstream, 2).await, Some(9));
}

#[tokio::test]
async fn only_labels_that_their_source_has_signed_are_delivered() {
    let good = spam(1, |_| {});
    let mut forged = spam(2, |label| label.val = "forged".into());
    label::sign(&mut forged, &key(8)).unwrap();
    let unsigned = Label { sig: None, ..spam(3, |_| {}) };
    let upstream =
        upstream([vec![good.clone(), forged.clone()], vec![unsigned], vec![good.clone()]]);
    let folder = tempfile::tempdir().unwrap();
    let state = SqliteState::open(folder.path().join("state")).unwrap();
    let mut consumer = open(&upstream, state.clone(), options(&directory())).await;
    for expected in [1, 3] {
        let (delivery, told) = next(&mut consumer).await;
        assert_eq!((told.seq, &told.labels), (expected, &vec![good.clone()]));
        for refused in told.refused {
            assert_eq!((refused.label, expected), (forged.clone(), 1));
            assert!(matches!(refused.why, LabelError::BadSignature(_)), "{}", refused.why);
        }
        delivery.ack().await;
    }
    drained(&consumer).await;
    let stats = consumer.stats();
    let counts = |label: &str| stats.rejected.get(label).copied().unwrap_or(0);
    assert_eq!((counts("bad_signature"), counts("unsigned")), (1, 1), "{:?}", stats.rejected);
    assert_eq!(stats.cursor, Some(3));
    let rejects = state.rejects(0, 10).unwrap();
    let [(_, reject)] = &rejects[..] else { panic!("{rejects:?}") };
    assert_eq!((reject.seq, &*reject.label), (2, "unsigned"));
    assert!(reject.reason.contains("spam on at://"), "{}", reject.reason);
}

#[tokio::test(start_paused = true)]
async fn messages_do_not_wait_for_each_other_and_come_in_batches() {
    let upstream = upstream((1..=20).map(|day| vec![spam(day, |_| {})]));
    let mut consumer = open(&upstream, MemoryState::default(), options(&directory())).await;
    let mut seen = 0;
    while seen < 20 {
        let batch = consumer.next_batch(20, Duration::from_secs(1)).await.unwrap().unwrap();
        assert!(batch.len() > 1 || seen == 19, "{}", batch.len());
        seen += batch.len();
        batch.committed();
    }
    assert_eq!(consumer.stats().cursor, Some(20));
}

#[tokio::test]
async fn a_labeler_is_read_over_a_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let label = spam(1, |_| {});
    let message = SubscribeLabelsMessage::Labels(Box::new(Message::new(7, vec![label.clone()])));
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut asked = String::new();
        #[expect(clippy::result_large_err, reason = "the type is that of the handshake")]
        let note = |request: &Request, response: Response| {
            asked = request.uri().to_string();
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
        let frame = message.to_frame().unwrap();
        socket.send(tungstenite::Message::binary(frame)).await.unwrap();
        (socket, asked)
    });
    let start = options(&directory()).start(Start::Cursor(6));
    let mut consumer = Consumer::open_labels(&url, MemoryState::default(), start).await.unwrap();
    let (delivery, told) = next(&mut consumer).await;
    assert_eq!((told.seq, told.labels), (7, vec![label]));
    delivery.ack().await;
    let (_socket, asked) = server.await.unwrap();
    assert_eq!(asked, "/xrpc/com.atproto.label.subscribeLabels?cursor=6");
}

#[tokio::test(start_paused = true)]
async fn a_labeler_that_is_trusted_is_believed() {
    let unsigned = Label { sig: None, ..spam(1, |_| {}) };
    let upstream = upstream([vec![unsigned.clone()]]);
    let options = options(&directory()).policy(Policy::dangerous().trust_upstream());
    let mut consumer = open(&upstream, MemoryState::default(), options).await;
    assert_eq!(next(&mut consumer).await.1.labels, [unsigned]);
}

#[tokio::test(start_paused = true)]
async fn a_labeler_that_cannot_be_resolved_holds_its_labels_and_loses_none() {
    let upstream = upstream([vec![spam(1, |_| {})], vec![negation(2)]]);
    let directory = directory();
    directory.set_down(true);
    let mut consumer = open(&upstream, MemoryState::default(), options(&directory)).await;
    let early = tokio::time::timeout(Duration::from_secs(3600), consumer.next()).await;
    assert!(early.is_err(), "nothing is delivered that is not verified");
    assert_eq!((consumer.stats().cursor, consumer.stats().in_flight), (Some(0), 2));
    assert!(consumer.stats().deferred >= 4, "{}", consumer.stats().deferred);
    directory.set_down(false);
    let labels = MemoryLabels::new();
    for _ in 0..2 {
        let (delivery, told) = next(&mut consumer).await;
        labels.apply(&told.labels).await.unwrap();
        delivery.ack().await;
    }
    assert!(!holds(&labels).await, "in whatever order they come");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_rotated_is_found_by_one_refresh() {
    let upstream = upstream([vec![spam(1, |_| {})]]);
    let directory = Directory::of(&[]);
    directory.set(document(&labeler(), &key(9)));
    directory.set_fresh(document(&labeler(), &key(7)));
    let mut consumer = open(&upstream, MemoryState::default(), options(&directory)).await;
    assert_eq!(next(&mut consumer).await.1.labels.len(), 1);
    assert_eq!(directory.purges(), 1);
}

#[tokio::test(start_paused = true)]
async fn gaps_are_delivered_before_what_follows_them() {
    let upstream = upstream([vec![spam(1, |_| {})]]);
    let info = SubscribeLabelsMessage::Info(Box::new(Info::new("OutdatedCursor")));
    upstream.greet(info.to_frame().unwrap());
    let other = SubscribeLabelsMessage::Info(Box::new(Info::new("Hello")));
    upstream.greet(other.to_frame().unwrap());
    let mut consumer = open(&upstream, MemoryState::default(), options(&directory())).await;
    let gap = consumer.next().await.unwrap();
    assert!(matches!(gap.event(), Event::Gap(Gap::OutdatedCursor { cursor: 0 })), "{gap:?}");
    let (delivery, _) = next(&mut consumer).await;
    delivery.ack().await;
    assert_eq!(consumer.stats().cursor, Some(0), "the gap holds the cursor");
    gap.ack().await;
    assert_eq!(consumer.stats().cursor, Some(1));
    assert_eq!(consumer.stats().ignored.get("info"), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_labeler_is_a_gap_and_a_cursor_in_the_future_stops() {
    let upstream = upstream([vec![spam(1, |_| {})]]);
    upstream.greet(frame::encode_error("Maintenance", Some("back soon")));
    let mut consumer = open(&upstream, MemoryState::default(), options(&directory())).await;
    let gap = consumer.next().await.unwrap();
    let Event::Gap(Gap::Upstream { name, .. }) = gap.event() else { panic!("{gap:?}") };
    assert_eq!(name, "Maintenance");
    gap.ack().await;
    // It connects again and goes on.
    next(&mut consumer).await.0.ack().await;
    assert_eq!(upstream.cursors().len(), 2);

    upstream.greet(frame::encode_error("FutureCursor", None));
    let start = options(&directory()).start(Start::Cursor(50));
    let mut consumer = open(&upstream, MemoryState::default(), start).await;
    let gap = consumer.next().await.unwrap();
    assert!(matches!(gap.event(), Event::Gap(Gap::FutureCursor { cursor: Some(50), .. })));
    gap.ack().await;
    assert!(consumer.next().await.is_none());
    assert!(consumer.stopped().unwrap().contains("future"));

    // Or begins anew, as it is told.
    upstream.greet(frame::encode_error("FutureCursor", None));
    let mut gaps = GapPolicies::default();
    gaps.future_cursor = GapPolicy::Restart(Start::Oldest);
    let start = options(&directory()).start(Start::Cursor(50)).gaps(gaps);
    let mut consumer = open(&upstream, MemoryState::default(), start).await;
    consumer.next().await.unwrap().ack().await;
    assert_eq!(next(&mut consumer).await.1.seq, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_understood_is_counted_and_the_cursor_moves_on() {
    let upstream = upstream([vec![], vec![spam(1, |_| {})]]);
    let body = |text: &str| {
        let value = atproto_core::data::json::decode(text).unwrap();
        atproto_core::data::cbor::encode(&value)
    };
    upstream.send_frame(3, frame::encode_message("#news", &body(r#"{"seq":3}"#)));
    let bad = r#"{"seq":4,"labels":[{"src":"nobody","uri":"x","val":"y","cts":"z"}]}"#;
    upstream.send_frame(4, frame::encode_message("#labels", &body(bad)));
    tell(&upstream, 5, &[negation(2)]);
    let mut consumer = open(&upstream, MemoryState::default(), options(&directory())).await;
    for seq in [2, 5] {
        let (delivery, told) = next(&mut consumer).await;
        assert_eq!(told.seq, seq);
        delivery.ack().await;
    }
    drained(&consumer).await;
    let stats = consumer.stats();
    assert_eq!(stats.ignored.get("no_labels"), Some(&1));
    assert_eq!(stats.ignored.get("unknown_kind"), Some(&1));
    assert_eq!(stats.rejected.get("invalid_message"), Some(&1));
    assert_eq!(stats.cursor, Some(5));
}

#[tokio::test(start_paused = true)]
async fn labels_of_other_sources_are_left_out_if_they_are_not_wanted() {
    let other = Did::new("did:web:other.example").unwrap();
    let mut foreign = Label { src: other.clone(), ..spam(1, |_| {}) };
    label::sign(&mut foreign, &key(8)).unwrap();
    let own = spam(2, |_| {});
    let mixed = vec![foreign.clone(), own.clone()];
    let upstream = upstream([vec![foreign.clone()], mixed, vec![foreign]]);
    let directory = directory();
    directory.set(document(&other, &key(8)));
    let filter = Filter::all().accounts([labeler()]);
    let only = options(&directory).filter(filter);
    let mut consumer = open(&upstream, MemoryState::default(), only).await;
    let (delivery, told) = next(&mut consumer).await;
    assert_eq!((told.seq, told.labels), (2, vec![own]));
    delivery.ack().await;
    drained(&consumer).await;
    assert_eq!(consumer.stats().ignored.get("other_account"), Some(&2));
    // What is handed on counts as well where nothing else is said.
    let mut consumer = open(&upstream, MemoryState::default(), options(&directory)).await;
    assert_eq!(next(&mut consumer).await.1.labels.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_does_not_acknowledge_is_not_sent_more_than_its_memory_holds() {
    let many: Vec<Label> = (0..20).map(|_| spam(1, |_| {})).collect();
    let upstream = upstream(std::iter::repeat_n(many, 300));
    let limit = 1 << 20;
    let options = options(&directory()).max_in_flight_bytes(limit).max_frame_bytes(64 << 10);
    let mut consumer = open(&upstream, MemoryState::default(), options).await;
    let mut held = Vec::new();
    while let Ok(delivery) = tokio::time::timeout(Duration::from_secs(5), consumer.next()).await {
        held.push(delivery.unwrap());
        assert!(consumer.stats().in_flight_bytes <= limit as u64);
    }
    assert!(upstream.read() < 200, "{}", upstream.read());
    for delivery in held {
        delivery.ack().await;
    }
    let mut last = 0;
    while last < 300 {
        let (delivery, told) = next(&mut consumer).await;
        last = last.max(told.seq);
        delivery.ack().await;
    }
    assert_eq!(upstream.read(), 300);
}

#[tokio::test]
async fn what_a_handler_gave_up_is_verified_again_when_it_is_replayed() {
    let (good, mut forged) = (spam(1, |_| {}), spam(2, |_| {}));
    label::sign(&mut forged, &key(8)).unwrap();
    let upstream = upstream([vec![good.clone(), forged]]);
    let folder = tempfile::tempdir().unwrap();
    let state = SqliteState::open(folder.path().join("state")).unwrap();
    let mut consumer = open(&upstream, state.clone(), options(&directory())).await;
    next(&mut consumer).await.0.reject("not today");
    let (id, reject) = loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if let Some(reject) = state.rejects(0, 1).unwrap().pop() {
            break reject;
        }
    };
    consumer.replay(id, &reject).unwrap();
    let (delivery, told) = next(&mut consumer).await;
    assert_eq!((told.labels, told.refused.len()), (vec![good], 1));
    delivery.ack().await;
    drained(&consumer).await;
    assert!(state.rejects(0, 1).unwrap().is_empty());
}

#[tokio::test]
async fn what_is_over_or_taken_back_is_kept_and_not_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labels");
    let sqlite = SqliteLabels::open(&file).unwrap();
    let memory = MemoryLabels::new();
    for store in [&sqlite as &dyn LabelStore, &memory] {
        let until = spam(5, |label| label.exp = Some(time("2026-03-01T00:00:00Z")));
        let rude = spam(1, |label| label.val = "rude".into());
        let other = spam(1, |label| label.uri = labeler().as_str().parse().unwrap());
        assert_eq!(store.apply(&[until.clone(), rude.clone(), other]).await.unwrap(), 3);
        let at = |text| {
            let at = time(text);
            async move { store.in_force(&subject(), &at).await.unwrap() }
        };
        assert_eq!(at("2026-02-01T00:00:00Z").await, [rude.clone(), until.clone()]);
        assert_eq!(at("2026-03-01T00:00:00Z").await, [rude]);
        // An earlier label without an end does not come to life when the later one is over.
        assert_eq!(store.apply(&[spam(2, |_| {}), negation(3)]).await.unwrap(), 0);
        assert_eq!(at("2026-03-01T00:00:00Z").await.len(), 1);
        // The newest of several at once, in whatever order.
        assert_eq!(store.apply(&[negation(7), spam(6, |_| {})]).await.unwrap(), 1);
        assert_eq!(at("2026-02-01T00:00:00Z").await.len(), 1);
    }
    drop(sqlite);
    let again = SqliteLabels::open(&file).unwrap();
    assert_eq!(again.in_force(&subject(), &now()).await.unwrap().len(), 1);
}

#[test]
fn the_endpoint_of_a_labeler_is_its_own() {
    assert_eq!(WebSocket::labels("wss://labels.example").wire(), Wire::SubscribeLabels);
    assert_eq!(WebSocket::new("wss://relay.example").wire(), Wire::SubscribeRepos);
    let text = format!("{:?}", WebSocket::labels("wss://labels.example/"));
    let url = "\"wss://labels.example/xrpc/com.atproto.label.subscribeLabels\"";
    assert!(text.contains(url), "{text}");
}
