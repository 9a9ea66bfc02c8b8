//! Two processes that take themselves for the same consumer: the older one is fenced off.

use std::time::Duration;

use atproto_firehose::state::{SqliteState, Store};

use crate::{
    consumer::{open, strict},
    support::network::{Account, Directory, Upstream},
};

#[tokio::test(start_paused = true)]
async fn the_older_one_stops_and_nothing_it_settled_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    upstream.send(alice.commit());
    upstream.send(alice.commit());

    let mut older = open(&upstream, &path, strict(&directory)).await;
    let first = older.next().await.unwrap();
    let mut newer = open(&upstream, &path, strict(&directory)).await;
    assert!(first.ack().await);
    let second = older.next().await.unwrap();
    assert_eq!(second.event().seq(), Some(2));
    // The save of the first ack is refused by now, or will be.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(older.stopped().is_some_and(|why| why.contains("taken over")));
    assert!(second.ack().await);
    let report = older.stopper().drain(Duration::from_secs(5)).await;
    assert_eq!((report.unsettled, report.saved), (0, false));
    assert!(older.next().await.is_none());

    for seq in 1..=2 {
        let delivery = newer.next().await.unwrap();
        assert_eq!((delivery.event().seq(), delivery.attempt()), (Some(seq), 1));
        assert!(delivery.ack().await);
    }
    let report = newer.stopper().drain(Duration::from_secs(5)).await;
    assert_eq!((report.cursor, report.saved), (Some(2), true));
    let stored = SqliteState::open(&path).unwrap().load().await.unwrap();
    assert_eq!((stored.epoch, stored.cursor), (2, Some(2)));
}
