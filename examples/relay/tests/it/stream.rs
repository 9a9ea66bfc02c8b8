//! What subscribers are owed.

use atproto_repo::event::{Event, EventError};
use atproto_testkit::{Author, MicroPds};
use futures::StreamExt;

use crate::support::{Relay, commit, create};

/// EV-013, EV-015, EV-017: cursors.
#[tokio::test(flavor = "multi_thread")]
async fn ev_015_a_cursor_is_the_last_event_seen() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    relay.crawl(&pds).await;
    relay.settled(&pds, 3).await;
    assert_eq!(relay.subscribe(0).await.next().await.seq(), Some(1));
    assert_eq!(relay.subscribe(1).await.next().await.seq(), Some(2));
    let mut live = relay.connect("").await;
    let event = alice.write(vec![create("live", 10)]);
    pds.publish(event);
    let first = Event::decode(live.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(first.seq(), Some(4));
}

/// EV-014: a cursor above the newest event is an error, and the end.
#[tokio::test(flavor = "multi_thread")]
async fn ev_014_a_future_cursor_is_refused() {
    let relay = Relay::start().await;
    let error = relay.subscribe(7).await.try_next().await.unwrap_err();
    assert!(matches!(error, EventError::Upstream { name, .. } if name == "FutureCursor"));
    let (status, body) = relay.get("/xrpc/com.atproto.sync.subscribeRepos?cursor=-1").await;
    assert_eq!((status, body["error"].is_string()), (426, true));
}

/// EV-010: a subscriber that does not read is told so and cut off; others do not notice.
#[tokio::test(flavor = "multi_thread")]
async fn ev_010_a_slow_subscriber_is_cut_off() {
    let relay = Relay::with_options(&["--subscriber-lag", "2000000"]).await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    relay.crawl(&pds).await;
    relay.settled(&pds, 3).await;
    let mut slow = relay.subscribe(3).await;
    let mut quick = relay.subscribe(3).await;
    for round in 0..40 {
        let event = alice.write(vec![create(&format!("big{round}"), 900_000)]);
        pds.publish(event.clone());
        assert_eq!(quick.until(commit(&event)).await.len(), 1);
    }
    let error = loop {
        if let Err(error) = slow.try_next().await {
            break error;
        }
    };
    assert!(matches!(error, EventError::Upstream { name, .. } if name == "ConsumerTooSlow"));
}
