//! A consumer was away for longer than the upstream keeps events. The notice
//! that says so was ignored elsewhere, and the copy stayed wrong for good. Here
//! it is an event that must be acknowledged: until then the cursor stays put,
//! and a crash brings the notice again.

use std::time::Duration;

use atproto_firehose::consumer::Start;
use atproto_firehose::event::{Event, Gap};
use atproto_repo::event::{Event as Message, InfoEvent};

use crate::consumer::{open, strict};
use crate::support::network::{Account, Directory, Upstream};

#[tokio::test(start_paused = true)]
async fn outdated_cursor_is_an_event_that_holds_the_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    let options = || strict(&directory).start(Start::Cursor(10));
    let info = || {
        let info = InfoEvent { name: "OutdatedCursor".into(), message: None };
        Message::from(info).encode()
    };
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
