//! Hosts that go, come back, and misbehave on the way.

use atproto_core::frame;
use atproto_repo::event::Event;
use atproto_testkit::{Author, MicroPds};
use relay::store::HostStatus;

use crate::support::{Relay, commit, create, eventually, name};

/// A host that hangs up is taken up where it was left, without a gap and without a repetition.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hangs_up_is_resumed() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    relay.crawl(&pds).await;
    let mut reader = relay.subscribe(0).await;
    reader.take(3).await;
    for round in 0..5 {
        pds.hang_up();
        let event = alice.write(vec![create(&format!("note{round}"), 10)]);
        pds.publish(event.clone());
        assert_eq!(reader.until(commit(&event)).await.len(), 1);
    }
    relay.settled(&pds, 8).await;
    assert_eq!(relay.outcome("forwarded"), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn id_016_accounts_stay_active_while_their_host_is_away() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    relay.crawl(&pds).await;
    relay.settled(&pds, 3).await;
    let host = name(&pds);
    drop(pds);
    eventually("the host is missed", || async {
        relay.app.store.host(&host).await.unwrap().unwrap().fault.is_some()
    })
    .await;
    let path = format!("/xrpc/com.atproto.sync.getRepoStatus?did={}", alice.did());
    let (status, account) = relay.get(&path).await;
    assert_eq!((status, &account["active"]), (200, &true.into()), "{account}");
    assert_eq!(relay.outcome("forwarded"), 3, "nothing was said in the host's name");
}

/// EV-020: numbers that do not rise end the connection, and what is below is not handled.
#[tokio::test(flavor = "multi_thread")]
async fn ev_020_numbers_have_to_rise() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    pds.publish_frame(4, alice.account(Some("deleted")).with_seq(2).encode());
    relay.crawl(&pds).await;
    eventually("the fault is noted", || async {
        let row = relay.app.store.host(&name(&pds)).await.unwrap().unwrap();
        row.fault.is_some_and(|fault| fault.contains("event 2 after event 3"))
    })
    .await;
    assert_eq!(relay.outcome("forwarded"), 3);
}

/// T47: a jump to the end of all numbers does not move the cursor.
#[tokio::test(flavor = "multi_thread")]
async fn t47_a_jump_does_not_poison_the_cursor() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    let far = (1 << 53) - 1;
    pds.publish_frame(far, alice.account(None).with_seq(far).encode());
    relay.crawl(&pds).await;
    eventually("the fault is noted", || async {
        relay.app.store.host(&name(&pds)).await.unwrap().unwrap().fault.is_some()
    })
    .await;
    assert_eq!(relay.app.hosts.get(&name(&pds)).unwrap().cursor(), 3);
}

/// T48, EV-021: a host that knows nothing of our cursor is left alone until the operator says
/// where to go on; then nothing of its new sequence is taken for old.
#[tokio::test(flavor = "multi_thread")]
async fn t48_a_future_cursor_waits_for_the_operator() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    let seq = pds.publish(alice.write(vec![create("a", 10)]));
    pds.publish_frame(100, frame::encode_error("FutureCursor", None));
    relay.crawl(&pds).await;
    eventually("the host is idle", || async {
        relay.app.hosts.get(&name(&pds)).unwrap().status() == HostStatus::Idle
    })
    .await;
    assert_eq!(relay.app.hosts.get(&name(&pds)).unwrap().cursor(), seq);
    let (status, listed) = relay.get("/xrpc/com.atproto.sync.listHosts").await;
    assert_eq!((status, &listed["hosts"][0]["status"]), (200, &"idle".into()));

    let body = serde_json::json!({ "hostname": name(&pds).as_str() });
    assert_eq!(relay.post("/admin/hosts/reset", body).await.0, 200);
    eventually("the host is read again", || async { relay.outcome("stale") >= 2 }).await;
}

/// One host that cannot be resolved, or is slow, or lies, does not delay another.
#[tokio::test(flavor = "multi_thread")]
async fn one_host_does_not_delay_another() {
    let relay = Relay::with_options(&["--host-buffer", "1"]).await;
    let (stuck, free) = (MicroPds::start().await.unwrap(), MicroPds::start().await.unwrap());
    let (mut alice, mut bob) = (Author::new("alice.test", 1), Author::new("bob.test", 2));
    relay.directory.set_reachable(alice.did(), false);
    relay.settle(&alice, &stuck);
    for round in 0..20 {
        stuck.publish(alice.write(vec![create(&format!("note{round}"), 10)]));
    }
    relay.settle(&bob, &free);
    relay.crawl(&stuck).await;
    relay.crawl(&free).await;
    let last = bob.write(vec![create("last", 10)]);
    free.publish(last.clone());
    let received = relay.subscribe(0).await.until(commit(&last)).await;
    assert!(received.iter().all(|event| event.did() == Some(bob.did())));
    assert_eq!(received.len(), 4);
}

/// Different accounts of one host do not wait for each other, one account's events keep their
/// order.
#[tokio::test(flavor = "multi_thread")]
async fn fh_020_order_within_an_account() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut authors: Vec<_> =
        (0..8).map(|seed| Author::new(&format!("u{seed}.test"), seed)).collect();
    for author in &authors {
        relay.settle(author, &pds);
    }
    for round in 0..10 {
        for author in &mut authors {
            pds.publish(author.write(vec![create(&format!("note{round}"), 10)]));
        }
    }
    relay.crawl(&pds).await;
    let received = relay.subscribe(0).await.take(8 * 13).await;
    for author in &authors {
        let revs: Vec<_> = received
            .iter()
            .filter(|event| event.did() == Some(author.did()))
            .filter_map(|event| match event {
                Event::Commit(event) => Some(event.rev),
                _ => None,
            })
            .collect();
        assert_eq!(revs.len(), 11);
        assert!(revs.is_sorted());
    }
    relay.settled(&pds, 8 * 13).await;
    assert_eq!(relay.outcome("forwarded"), 8 * 13);
}
