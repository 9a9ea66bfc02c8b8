//! The operator's word.

use atproto_core::syntax::Did;
use atproto_repo::event::Event;
use atproto_testkit::{Author, MicroPds};
use serde_json::json;

use crate::support::{Relay, commit, create, did_of, name};

/// RL-006: a takedown is said, stops what is new, and withholds what is old, also after a
/// restart; its end is said as well.
#[tokio::test(flavor = "multi_thread")]
async fn rl_006_a_takedown_withholds_also_replays() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let (mut alice, bob) = (Author::new("alice.test", 1), Author::new("bob.test", 2));
    relay.settle(&alice, &pds);
    relay.settle(&bob, &pds);
    relay.crawl(&pds).await;
    relay.settled(&pds, 6).await;
    let body = json!({ "did": alice.did().as_str() });
    assert_eq!(relay.post("/admin/takedown", body.clone()).await.0, 200);
    let seq = pds.publish(alice.write(vec![create("hidden", 10)]));
    relay.settled(&pds, seq).await;
    assert_eq!(relay.outcome("inactive"), 1);

    let relay = relay.stop().await.start().await;
    let replayed = relay.subscribe(0).await.take(4).await;
    let of: Vec<Did> = replayed.iter().filter_map(Event::did).cloned().collect();
    assert_eq!(of, [did_of(&bob), did_of(&bob), did_of(&bob), did_of(&alice)]);
    let Event::Account(said) = &replayed[3] else { panic!("{:?}", replayed[3]) };
    assert_eq!((said.active, said.status.as_deref()), (false, Some("takendown")));

    let did = alice.did();
    for (path, status, error) in
        [("getLatestCommit", 403, "RepoTakendown"), ("getRepo", 403, "RepoTakendown")]
    {
        let (got, body) = relay.get(&format!("/xrpc/com.atproto.sync.{path}?did={did}")).await;
        assert_eq!((got, body["error"].as_str()), (status, Some(error)), "{path}");
    }
    let (_, listed) = relay.get(&format!("/xrpc/com.atproto.sync.getRepoStatus?did={did}")).await;
    assert_eq!((&listed["active"], &listed["status"]), (&false.into(), &"takendown".into()));

    assert_eq!(relay.post("/admin/restore", body).await.0, 200);
    let last = alice.write(vec![create("shown", 10)]);
    pds.publish(last.clone());
    let all = relay.subscribe(0).await.until(commit(&last)).await;
    assert_eq!(all.iter().filter(|event| event.did() == Some(alice.did())).count(), 6);
}

/// RL-014: a banned host is not subscribed to, and cannot ask for it.
#[tokio::test(flavor = "multi_thread")]
async fn rl_014_a_banned_host_stays_away() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    relay.crawl(&pds).await;
    relay.settled(&pds, 3).await;
    let body = json!({ "hostname": name(&pds).as_str() });
    assert_eq!(relay.post("/admin/hosts/ban", body.clone()).await.0, 200);
    assert!(relay.app.hosts.get(&name(&pds)).is_none());

    let relay = relay.stop().await.start().await;
    assert!(relay.app.hosts.get(&name(&pds)).is_none());
    let (status, answer) = relay.post("/xrpc/com.atproto.sync.requestCrawl", body.clone()).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("HostBanned")));
    assert_eq!(relay.post("/admin/hosts/unban", body).await.0, 200);
    pds.publish(alice.account(None));
    relay.settled(&pds, 4).await;
}

/// Nobody but the operator.
#[tokio::test(flavor = "multi_thread")]
async fn the_operators_paths_are_closed() {
    let relay = Relay::start().await;
    for path in ["/admin/hosts", "/admin/takedowns"] {
        assert_eq!(relay.get(path).await.0, 401, "{path}");
    }
    for (body, status) in [(json!({}), 400), (json!({ "did": "no" }), 400)] {
        assert_eq!(relay.post("/admin/takedown", body).await.0, status);
    }
    let unknown = json!({ "did": "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa" });
    assert_eq!(relay.post("/admin/takedown", unknown).await.0, 404);
}
