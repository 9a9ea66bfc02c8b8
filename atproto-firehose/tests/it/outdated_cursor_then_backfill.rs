//! A consumer was away for longer than the upstream keeps events. The notice
//! that says so was ignored elsewhere, and the copy stayed wrong for good. Here
//! it is an event that must be acknowledged: until then the cursor stays put,
//! and a crash brings the notice again.

use std::time::Duration;

use atproto_firehose::consumer::Start;
use atproto_firehose::event::{Event, Gap, RepoGap};
use atproto_repo::event::{AccountEvent, Event as Message, InfoEvent};

use crate::consumer::{open, strict};
use crate::support::network::{Account, Directory, TIME, Upstream};

#[tokio::test(start_paused = true)]
async fn outdated_cursor_is_an_event_that_holds_the_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    let options = || strict(&directory).start(Start::Cursor(10));
    upstream.send_at(500, alice.commit());

    upstream.greet(info());
    let mut consumer = open(&upstream, &path, options()).await;
    let gap = consumer.next().await.unwrap();
    assert!(matches!(gap.event(), Event::Gap(Gap::OutdatedCursor { cursor: 10, .. })));
    let commit = consumer.next().await.unwrap();
    assert_eq!(commit.event().seq(), Some(500));
    commit.ack().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(consumer.stats().cursor, Some(10));
    drop((gap, consumer));

    // The gap comes again; the commit, which was acknowledged, does not.
    upstream.greet(info());
    let mut consumer = open(&upstream, &path, options()).await;
    let gap = consumer.next().await.unwrap();
    assert!(matches!(gap.event(), Event::Gap(Gap::OutdatedCursor { cursor: 10, .. })));
    gap.ack().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stats = consumer.stats();
    assert_eq!((stats.cursor, stats.in_flight), (Some(500), 0));
    assert_eq!(upstream.cursors(), [Some(10), Some(10)]);
}

/// The return of an account was among the events that are gone. Whoever takes it for inactive from
/// then on ignores all it says, for good.
#[tokio::test(start_paused = true)]
async fn an_account_whose_return_was_missed_is_heard_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice, &bob]));
    let silenced = |account: &Account| AccountEvent::new(account.did.clone(), Some("x"), TIME);
    upstream.send(alice.commit());
    upstream.send(bob.commit());
    upstream.send(silenced(&alice));
    let mut consumer = open(&upstream, &path, strict(&directory)).await;
    for _ in 0..3 {
        consumer.next().await.unwrap().ack().await;
    }
    consumer.stopper().drain(Duration::from_secs(1)).await;

    upstream.greet(info());
    upstream.send_at(1_000, silenced(&bob));
    upstream.send_at(1_001, bob.commit());
    upstream.send_at(1_002, alice.commit());
    upstream.send_at(1_003, alice.commit());
    let mut consumer = open(&upstream, &path, strict(&directory)).await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let delivery = consumer.next().await.unwrap();
        told.push(match delivery.event() {
            Event::Gap(Gap::OutdatedCursor { .. }) => "outdated",
            Event::Gap(Gap::Repo { did, why: RepoGap::Returned, commit: Some(_) }) => {
                assert_eq!(*did, alice.did);
                "returned"
            }
            Event::Account(_) => "silenced",
            Event::Commit(_) => "commit",
            event => panic!("{event:?}"),
        });
        delivery.ack().await;
    }
    assert_eq!(told, ["outdated", "silenced", "returned", "commit"]);
    assert_eq!(consumer.stats().ignored["inactive"], 1, "what was said since counts");
}

fn info() -> Vec<u8> {
    let info = InfoEvent { name: "OutdatedCursor".into(), message: None };
    Message::from(info).encode()
}

/// The same of an account that was parked meanwhile: the word that it is inactive is older than the
/// gap, and is heard after it.
#[tokio::test(start_paused = true)]
async fn a_parked_account_whose_return_was_missed_is_heard_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    let options = strict(&directory).parking(64 << 20).park_after(Duration::from_secs(1));
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    upstream.send(alice.commit());
    consumer.next().await.unwrap().ack().await;
    directory.set_down(true);
    upstream.send(alice.commit());
    upstream.send(AccountEvent::new(alice.did.clone(), Some("takendown"), TIME));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(consumer.stats().parked, 2);
    upstream.greet(info());
    upstream.cut();
    upstream.send_at(1_000, alice.commit());
    let gap = consumer.next().await.unwrap();
    assert!(matches!(gap.event(), Event::Gap(Gap::OutdatedCursor { .. })));
    gap.ack().await;
    directory.set_down(false);
    for seq in [2, 3] {
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq));
        delivery.ack().await;
    }
    let returned = consumer.next().await.unwrap();
    let Event::Gap(Gap::Repo { why: RepoGap::Returned, .. }) = returned.event() else {
        panic!("{returned:?}")
    };
}
