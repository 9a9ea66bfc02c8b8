//! A consumer that reads from a Jetstream server, over loopback.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use atproto_core::syntax::{Did, NsidPattern};
use atproto_firehose::{
    checkpoint::Checkpoint,
    consumer::{
        Consumer, ConsumerError, ConsumerOptions, JetstreamSocket, Policy, Start,
        Upstream as Named, Workers,
    },
    event::{Event, Origin},
    filter::Filter,
    jetstream::{JetstreamEvent, server::JetstreamOptions},
    state::{MemoryState, SqliteState},
};
use atproto_repo::event::{Event as Message, IdentityEvent};

use crate::{
    jetstream_server::{Served, create},
    support::{
        network::{TIME, Upstream},
        rig::account,
        shared::{frames, shared_bytes},
    },
};

fn trusting() -> ConsumerOptions {
    let policy = Policy::dangerous().trust_upstream();
    let backoff = Duration::from_millis(1);
    ConsumerOptions::default().policy(policy).start(Start::Oldest).backoff(backoff, backoff)
}

fn note(letter: char, number: i64) -> Event {
    create(letter, "com.example.note", &number.to_string())
}

/// The number in the record of the next event.
async fn next(consumer: &mut Consumer) -> i64 {
    let delivery = tokio::time::timeout(Duration::from_secs(10), consumer.next()).await;
    let delivery = delivery.expect("an event in time").unwrap();
    let number = number(delivery.event());
    assert!(delivery.ack().await);
    number
}

fn number(event: &Event) -> i64 {
    let Event::Commit(commit) = event else { panic!("{event:?}") };
    assert_eq!(commit.origin(), Origin::Stream);
    let record = commit.changes()[0].record.clone().unwrap();
    let record = atproto_core::data::cbor::decode(&record).unwrap();
    record.get("text").unwrap().as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_upstream_that_cannot_be_verified_has_to_be_believed() {
    let open =
        |options| Consumer::open_jetstream("ws://127.0.0.1:1", MemoryState::default(), options);
    let options = ConsumerOptions::default().start(Start::Live);
    let error = open(options.clone()).await.unwrap_err();
    assert!(matches!(error, ConsumerError::NoResolver), "{error}");
    let directory = crate::support::network::Directory::of(&[]);
    let error = open(options.policy(Policy::strict(directory))).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Unverifiable), "{error}");
    let upstreams = vec![
        Named::new("a", Arc::new(JetstreamSocket::new("ws://127.0.0.1:1"))),
        Named::new("b", Arc::new(Upstream::new())),
    ];
    let mixed = Consumer::open_on_any(upstreams, MemoryState::default(), trusting()).await;
    assert!(matches!(mixed, Err(ConsumerError::Mixed)), "{mixed:?}");
}

#[tokio::test]
async fn acknowledged_events_do_not_come_again_after_either_side_restarts() {
    let (log, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut served = Served::open(log.path(), JetstreamOptions::default()).await;
    let mut sent = 0;
    for process in 0..3 {
        let path = state.path().join("state");
        let url = format!("ws://{}", served.address);
        let mut consumer =
            Consumer::open_jetstream(&url, SqliteState::open(&path).unwrap(), trusting())
                .await
                .unwrap();
        for _ in 0..20 {
            served.publish(&note('a', sent)).await;
            served.publish(&note('b', sent + 1)).await;
            assert_eq!((next(&mut consumer).await, next(&mut consumer).await), (sent, sent + 1));
            sent += 2;
        }
        // Some are delivered and not settled when the process ends.
        served.publish(&note('c', sent)).await;
        let held = consumer.next().await.unwrap();
        assert_eq!(number(held.event()), sent);
        let report = consumer.stopper().drain(Duration::from_millis(300)).await;
        assert_eq!((report.unsettled, report.saved), (1, true));
        drop((held, consumer));
        let mut consumer =
            Consumer::open_jetstream(&url, SqliteState::open(&path).unwrap(), trusting())
                .await
                .unwrap();
        assert_eq!(next(&mut consumer).await, sent, "process {process}");
        sent += 1;
        consumer.stopper().drain(Duration::from_secs(5)).await;
        drop(consumer);
        served.jetstream.close().await;
        drop(served);
        served = Served::open(log.path(), JetstreamOptions::default()).await;
    }
}

#[tokio::test]
async fn a_consumer_goes_on_when_the_server_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = Served::open(dir.path(), JetstreamOptions::default()).await;
    let address = served.address.clone();
    let url = format!("ws://{address}");
    let mut consumer =
        Consumer::open_jetstream(&url, MemoryState::default(), trusting()).await.unwrap();
    for sent in 0..10 {
        served.publish(&note('a', 2 * sent)).await;
        assert_eq!(next(&mut consumer).await, 2 * sent);
        served.jetstream.close().await;
        drop(served);
        served = Served::open_at(&address, dir.path(), JetstreamOptions::default()).await;
        served.publish(&note('b', 2 * sent + 1)).await;
        assert_eq!(next(&mut consumer).await, 2 * sent + 1);
    }
    let stats = consumer.stats();
    assert_eq!((stats.acknowledged, stats.rejected.len(), stats.gaps.len()), (20, 0, 0));
    assert!(stats.connections > 10 && stats.duplicates > 0, "{stats:?}");
}

#[tokio::test]
async fn the_filter_goes_to_the_server_and_changes_with_a_new_connection() {
    let (log, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let served = Served::open(log.path(), JetstreamOptions::default()).await;
    let filter = |pattern: &str| Filter::collections([NsidPattern::new(pattern).unwrap()]);
    let options = trusting().filter(filter("com.example.note"));
    let store = SqliteState::open(state.path().join("state")).unwrap();
    let url = format!("ws://{}", served.address);
    let mut consumer = Consumer::open_jetstream(&url, store, options).await.unwrap();
    let follow = |number: i64| create('a', "com.example.graph.follow", &number.to_string());
    for sent in [1, 3] {
        served.publish(&follow(sent - 1)).await;
        served.publish(&note('a', sent)).await;
        assert_eq!(next(&mut consumer).await, sent);
    }
    let stats = served.jetstream.stats();
    assert_eq!((stats.sent, stats.unwanted), (2, 2), "the server chooses");
    assert_eq!(consumer.stats().frames, 2);

    consumer.filter().set(filter("com.example.graph.*")).await.unwrap();
    served.publish(&note('a', 5)).await;
    served.publish(&follow(6)).await;
    // Of the moment before the change some comes again, which had not been wanted.
    let mut found = Vec::new();
    while found.last() != Some(&6) {
        found.push(next(&mut consumer).await);
    }
    assert!(found.iter().all(|number| [0, 2, 6].contains(number)), "{found:?}");
}

#[tokio::test]
async fn a_long_list_of_accounts_is_sent_as_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    let others = (0..5_000).map(|number| Did::new(format!("did:web:n{number}.test")).unwrap());
    let filter = Filter::all().accounts(others.chain([account('b')]));
    let url = format!("ws://{}", served.address);
    for sent in 0..3 {
        served.publish(&note('a', sent)).await;
        served.publish(&note('b', sent)).await;
    }
    let options = trusting().filter(filter);
    let mut consumer =
        Consumer::open_jetstream(&url, MemoryState::default(), options).await.unwrap();
    for sent in 0..3 {
        assert_eq!(next(&mut consumer).await, sent);
    }
    let stats = served.jetstream.stats();
    assert_eq!((stats.updates, stats.sent), (1, 3));
}

#[tokio::test]
async fn handlers_see_each_account_in_order_and_batches_save_with_their_effects() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    for sent in 0..50 {
        for letter in "abcd".chars() {
            served.publish(&note(letter, sent)).await;
        }
    }
    let url = format!("ws://{}", served.address);
    let mut consumer =
        Consumer::open_jetstream(&url, MemoryState::default(), trusting()).await.unwrap();
    let seen: Arc<Mutex<BTreeMap<Did, Vec<i64>>>> = Arc::default();
    let (index, stopper) = (Arc::clone(&seen), consumer.stopper());
    let handled = move |event: Arc<Event>| {
        let (index, stopper) = (Arc::clone(&index), stopper.clone());
        async move {
            let done = {
                let mut index = index.lock().unwrap();
                index.entry(event.did().unwrap().clone()).or_default().push(number(&event));
                index.values().map(Vec::len).sum::<usize>() == 200
            };
            if done {
                tokio::spawn(async move { stopper.drain(Duration::from_secs(5)).await });
            }
            Ok(())
        }
    };
    consumer.run(Workers(8), handled).await.unwrap();
    let expected: Vec<i64> = (0..50).collect();
    assert!(seen.lock().unwrap().values().all(|numbers| *numbers == expected));

    // The caller stores the checkpoint with its own rows.
    let (mut checkpoint, mut rows) = (Checkpoint::default(), 0);
    while rows < 200 {
        let mut consumer = Consumer::open_jetstream(&url, checkpoint, trusting()).await.unwrap();
        checkpoint = consumer.checkpoint();
        for _batch in 0..7 {
            if rows < 200 {
                let batch = consumer.next_batch(30, Duration::from_millis(20)).await.unwrap();
                let batch = batch.unwrap();
                rows += batch.len();
                checkpoint = batch.checkpoint().clone();
                batch.committed();
            }
        }
    }
    assert_eq!(rows, 200);
}

#[tokio::test]
async fn identities_and_accounts_come_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    let identity = IdentityEvent::new(account('a'), None, TIME);
    served.publish(&Event::Identity(identity)).await;
    let gone = atproto_repo::event::AccountEvent::new(account('a'), Some("takendown"), TIME);
    served.publish(&Event::Account(gone)).await;
    let url = format!("ws://{}/subscribe", served.address);
    let mut consumer =
        Consumer::open_jetstream(&url, MemoryState::default(), trusting()).await.unwrap();
    let delivery = consumer.next().await.unwrap();
    assert!(matches!(delivery.event(), Event::Identity(event) if event.did == account('a')));
    let seq = delivery.event().seq().unwrap();
    delivery.ack().await;
    let delivery = consumer.next().await.unwrap();
    let Event::Account(event) = delivery.event() else { panic!("{delivery:?}") };
    assert_eq!((event.active, event.status.as_deref()), (false, Some("takendown")));
    assert!(event.seq > seq, "positions are times");
}

/// The whole way: frames of a relay through a server of ours to a consumer, and out again.
#[tokio::test]
async fn recorded_frames_survive_the_way_through_server_and_consumer() {
    let Some(recorded) = shared_bytes("firehose/relay-frames.bin") else { return };
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    let mut expected = Vec::new();
    for frame in frames(&recorded) {
        let event = Event::try_from(Message::decode(frame.to_vec()).unwrap()).unwrap();
        expected.extend(JetstreamEvent::of(&event, 0).into_iter().map(|event| event.unwrap()));
        served.publish(&event).await;
    }
    let url = format!("ws://{}", served.address);
    let mut consumer =
        Consumer::open_jetstream(&url, MemoryState::default(), trusting()).await.unwrap();
    let mut found = Vec::new();
    while found.len() < expected.len() {
        let delivery = consumer.next().await.unwrap();
        found.extend(JetstreamEvent::of(delivery.event(), 0).into_iter().map(Result::unwrap));
        delivery.ack().await;
    }
    let lines = |events: &[JetstreamEvent]| -> BTreeMap<String, usize> {
        let mut lines = BTreeMap::new();
        for event in events {
            // The number of an event in the relay's stream is not kept.
            let line = event.to_json();
            if line.contains(r#""kind":"commit""#) {
                *lines.entry(line).or_default() += 1;
            }
        }
        lines
    };
    assert_eq!(lines(&found), lines(&expected));
}

#[cfg(feature = "zstd")]
#[tokio::test]
async fn compressed_events_are_the_same() {
    use atproto_firehose::jetstream::Dictionary;

    let dir = tempfile::tempdir().unwrap();
    let dictionary = Dictionary::new(b"com.example.note");
    let options = JetstreamOptions::default().dictionary(dictionary.clone());
    let served = Served::open(dir.path(), options).await;
    let url = format!("ws://{}", served.address);
    let socket = |dictionary| Arc::new(JetstreamSocket::new(&url).dictionary(dictionary));
    let mut consumer =
        Consumer::open_on(socket(dictionary), MemoryState::default(), trusting()).await.unwrap();
    for sent in 0..5 {
        served.publish(&note('a', sent)).await;
        assert_eq!(next(&mut consumer).await, sent);
    }
    let wrong = socket(Dictionary::new(b"another"));
    let consumer = Consumer::open_on(wrong, MemoryState::default(), trusting()).await.unwrap();
    while !consumer.stats().disconnects.contains_key("decompress") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(consumer.stats().frames, 0);
}
