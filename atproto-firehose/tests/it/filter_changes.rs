//! Filters that change while the stream is read, with crashes in between.

use std::sync::Arc;
use std::time::Duration;

use atproto_core::syntax::NsidPattern;
use atproto_firehose::checkpoint::Checkpoint;
use atproto_firehose::consumer::{Consumer, ConsumerError};
use atproto_firehose::event::Event;
use atproto_firehose::filter::Filter;
use atproto_firehose::state::{MemoryState, Store};

use crate::consumer::{open, strict};
use crate::support::network::{Account, Directory, Upstream};
use crate::support::rig::{Rig, account, unverified};

const SECOND: Duration = Duration::from_secs(1);

fn of(letters: &str) -> Filter {
    Filter::all().accounts(letters.chars().map(account))
}

fn collection(pattern: &str) -> Filter {
    Filter::collections([NsidPattern::new(pattern).unwrap()])
}

#[test]
fn a_filter_survives_as_text() {
    let filters = [
        (Filter::all(), r#"{"collections":null,"accounts":null}"#),
        (
            collection("app.bsky.*").accounts([account('b'), account('a')]),
            r#"{"collections":["app.bsky.*"],"accounts":["did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"]}"#,
        ),
        (of(""), r#"{"collections":null,"accounts":[]}"#),
    ];
    for (filter, text) in filters {
        assert_eq!(filter.to_json(), text);
        assert_eq!(Filter::from_json(text).unwrap().to_json(), text);
    }
    for bad in [
        "",
        "{}x",
        r#"{"collections":["*.*"],"accounts":null}"#,
        r#"{"collections":null,"accounts":["did:plc:"]}"#,
        r#"{"collections":null,"accounts":null,"more":1}"#,
    ] {
        assert!(Filter::from_json(bad).is_err(), "{bad}");
    }
}

#[test]
fn from_its_sequence_number_on_the_new_filter_holds() {
    let mut config = unverified();
    config.filter = of("a");
    let mut rig = Rig::new(config);
    for (seq, letter) in [(1, 'a'), (2, 'b'), (3, 'a')] {
        rig.read(seq, letter);
    }
    assert_eq!(rig.intake.set_filter(rig.now, of("b")), 1);
    let stats = rig.intake.stats();
    assert_eq!((stats.filter_version, stats.filter_since), (1, 4));
    for (seq, letter) in [(4, 'a'), (5, 'b')] {
        rig.read(seq, letter);
    }
    assert_eq!(rig.work_off(), [('a', 1), ('b', 5), ('a', 3)], "what was let in is delivered");
    assert_eq!(rig.intake.stats().ignored.get("other_account"), Some(&2));
}

#[test]
fn a_crash_before_the_save_goes_on_with_the_old_filter_and_after_it_with_the_new() {
    let config = || {
        let mut config = unverified();
        config.filter = of("a");
        config
    };
    let mut rig = Rig::new(config());
    rig.read(1, 'a');
    rig.work_off();
    rig.wait(SECOND);
    rig.intake.set_filter(rig.now, of("b"));
    assert!(!rig.intake.is_filter_saved(1));
    rig.restart(config());
    assert_eq!(rig.intake.stats().filter_version, 0);
    rig.read(2, 'a');
    assert_eq!(rig.work(), Some(('a', 2)));

    rig.intake.set_filter(rig.now, of("b"));
    rig.wait(SECOND);
    assert!(rig.intake.is_filter_saved(1) && !rig.intake.is_filter_saved(2));
    for _ in 0..2 {
        rig.restart(config());
        let stats = rig.intake.stats();
        assert_eq!((stats.filter_version, stats.filter_since), (1, 3));
    }
    for (seq, letter) in [(3, 'a'), (4, 'b')] {
        rig.read(seq, letter);
    }
    assert_eq!(rig.work(), Some(('b', 4)));
    assert_eq!(rig.intake.set_filter(rig.now, of("c")), 2, "versions go on rising");
}

#[test]
fn no_cursor_is_stored_beyond_what_an_unstored_filter_has_judged() {
    let mut config = unverified();
    config.filter = of("a");
    let mut rig = Rig::new(config);
    rig.read(1, 'a');
    rig.intake.set_filter(rig.now, of("b"));
    rig.read(2, 'a');
    rig.work_off();
    let next = rig.intake.checkpoint_with(&[]);
    assert_eq!((next.cursor, next.filter.map(|filter| filter.version)), (Some(2), Some(1)));
    // A save that fails takes it along the next time.
    rig.saves_fail = true;
    rig.wait(SECOND);
    rig.saves_fail = false;
    rig.wait(60 * SECOND);
    assert_eq!(rig.saved.last().unwrap().filter.as_ref().unwrap().since, 2);
    rig.read(3, 'b');
    rig.work_off();
    rig.wait(SECOND);
    assert_eq!(rig.saved.last().unwrap().filter, None, "it is stored once");
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_the_stored_filter_unless_another_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    let posts = || collection("com.example.post");
    upstream.send(alice.commit());
    upstream.send(alice.commit());
    let mut consumer = open(&upstream, &path, strict(&directory).filter(posts())).await;
    assert!(consumer.next().await.unwrap().ack().await);
    let handle = consumer.filter();
    assert_eq!(handle.set(collection("com.example.like")).await.unwrap(), 1);
    upstream.send(alice.commit_of("com.example.like", "{}"));
    upstream.send(alice.commit());
    let next = consumer.next().await.unwrap();
    assert_eq!(next.event().seq(), Some(3));
    assert!(next.ack().await);
    tokio::time::sleep(SECOND).await;
    drop(consumer);

    upstream.send(alice.commit_of("com.example.like", "{}"));
    let mut consumer = open(&upstream, &path, strict(&directory).filter(posts())).await;
    let next = consumer.next().await.unwrap();
    let Event::Commit(commit) = next.event() else { panic!() };
    assert_eq!(commit.changes()[0].path.collection.as_str(), "com.example.like");
    assert_eq!(consumer.filter().get().to_json(), collection("com.example.like").to_json());
    assert!(next.ack().await);
    tokio::time::sleep(SECOND).await;
    drop(consumer);

    upstream.send(alice.commit());
    let options = strict(&directory).replace_filter(posts());
    let mut consumer = open(&upstream, &path, options).await;
    let next = consumer.next().await.unwrap();
    assert_eq!((next.event().seq(), consumer.stats().filter_version), (Some(6), 2));
}

#[tokio::test(start_paused = true)]
async fn where_the_caller_stores_the_filter_comes_with_a_checkpoint_of_its_own() {
    let directory = Directory::of(&[]);
    let (transport, state) = (Arc::new(Upstream::new()), Checkpoint::default());
    let mut consumer = Consumer::open_on(transport, state, strict(&directory)).await.unwrap();
    consumer.filter().set(of("a")).await.unwrap();
    let batch = consumer.next_batch(10, SECOND).await.unwrap().unwrap();
    assert!(batch.is_empty());
    let mut stored = Checkpoint::default();
    stored.merge(batch.checkpoint());
    batch.committed();
    assert_eq!(stored.filter.as_ref().map(|filter| filter.version), Some(1));
    let consumer = Consumer::open_on(Arc::new(Upstream::new()), stored, strict(&directory)).await;
    assert_eq!(consumer.unwrap().filter().get().to_json(), of("a").to_json());
}

#[tokio::test(start_paused = true)]
async fn a_stored_filter_that_cannot_be_read_is_an_error() {
    let directory = Directory::of(&[]);
    let state = MemoryState::default();
    let mut checkpoint = Checkpoint::default();
    checkpoint.epoch = 1;
    checkpoint.filter = Some(atproto_firehose::checkpoint::StoredFilter::new(1, 1, "garbage"));
    state.save(checkpoint).await.unwrap();
    let transport = Arc::new(Upstream::new());
    let opened = Consumer::open_on(transport, state, strict(&directory)).await;
    assert!(matches!(opened, Err(ConsumerError::Filter(_))), "{opened:?}");
}
