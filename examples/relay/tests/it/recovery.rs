//! Ends and beginnings.

use atproto_repo::event::Event;
use atproto_testkit::{Author, MicroPds};

use crate::support::{Relay, commit, create, renumbered};

/// After a restart numbers, cursors and states go on where they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    relay.crawl(&pds).await;
    let mut before = relay.subscribe(0).await.take(3).await;
    relay.settled(&pds, 3).await;

    let relay = relay.stop().await.start().await;
    let event = alice.write(vec![create("after", 10)]);
    let seq = pds.publish(event.clone());
    relay.settled(&pds, seq).await;
    let all = relay.subscribe(0).await.until(commit(&event)).await;
    before.push(event.with_seq(4));
    assert_eq!(all, before);
    assert_eq!((relay.outcome("forwarded"), relay.outcome("duplicate")), (1, 0));
    let status = relay.get("/xrpc/com.atproto.sync.listHosts").await.1;
    assert_eq!(status["hosts"][0]["accountCount"], 1);
}

/// The crash between the log and the store, at its worst: the store has nothing of what the
/// log holds, and the host sends everything again. Nothing is lost and nothing comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn crash_between_log_and_store() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    pds.publish(alice.write(vec![create("a", 10)]));
    pds.publish(alice.account(Some("deactivated")));
    pds.publish(alice.account(None));
    let seq = pds.publish(alice.sync());
    relay.crawl(&pds).await;
    relay.settled(&pds, seq).await;
    let before = relay.subscribe(0).await.take(6).await;
    let known = relay.app.store.account(alice.did()).await.unwrap().unwrap();

    let stopped = relay.stop().await;
    for name in ["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm"] {
        // The last two are gone already if the last connection has tidied up.
        let _ = std::fs::remove_file(stopped.path(name));
    }
    let relay = stopped.start().await;
    let repaired = relay.app.store.account(alice.did()).await.unwrap().unwrap();
    assert_eq!((repaired.repo, repaired.host_seq), (known.repo, known.host_seq));
    assert_eq!((repaired.host, repaired.standing), (known.host, known.standing));

    let event = alice.write(vec![create("b", 10)]);
    let seq = pds.publish(event.clone());
    relay.settled(&pds, seq).await;
    let after = relay.subscribe(0).await.until(commit(&event)).await;
    assert_eq!(renumbered(&after[..6]), renumbered(&before));
    assert_eq!(after.len(), 7);
    assert_eq!(relay.outcome("forwarded"), 1);
    assert_eq!((relay.outcome("duplicate"), relay.outcome("stale")), (6, 1));
}

/// The log was lost and the store was not: numbers that were given out are not given again.
#[tokio::test(flavor = "multi_thread")]
async fn ev_019_after_the_loss_of_the_log_numbers_go_up() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    relay.crawl(&pds).await;
    relay.settled(&pds, 3).await;
    let stopped = relay.stop().await;
    std::fs::remove_dir_all(stopped.path("log")).unwrap();
    let relay = stopped.start().await;
    let event = alice.write(vec![create("after", 10)]);
    pds.publish(event.clone());
    let mut reader = relay.subscribe(0).await;
    loop {
        if let Event::Commit(commit) = reader.next().await {
            assert!(commit.seq > 1_000_000);
            break;
        }
    }
}
