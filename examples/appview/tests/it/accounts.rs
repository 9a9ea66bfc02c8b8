//! Accounts that go away, and come back.

use serde_json::json;

use crate::support::*;

/// AV-001
#[tokio::test]
async fn av_001_an_inactive_account_vanishes_at_once_and_comes_back() {
    let net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    let hello = net.post(&mut alice, "hello");
    let answer = net.post_as(&mut bob, "answer", reply("answer", &hello, &hello));
    net.create(&mut bob, FOLLOW, "f", to_actor(FOLLOW, &alice));
    net.create(&mut alice, FOLLOW, "f", to_actor(FOLLOW, &bob));
    net.settled().await;
    for status in ["deactivated", "takendown", "suspended", "of-the-future"] {
        net.publish(alice.account(Some(status)));
        net.indexed().await;
        assert_eq!(net.profile(None, &alice).await.error(), (400, "InvalidRequest".to_owned()));
        assert_eq!(net.author_feed(None, &alice).await.error().0, 400);
        assert!(net.view(None, &hello).await.is_null(), "{status}");
        assert_eq!(net.timeline(&bob).await, ["answer"]);
        let unread = net.get(Some(&bob), "app.bsky.notification.getUnreadCount", &[]).await.ok();
        assert_eq!(unread["count"], 0);
        let bob_did = [("actor", bob.did().as_str())];
        let followers = net.get(None, "app.bsky.graph.getFollowers", &bob_did).await.ok();
        assert_eq!(followers["followers"], json!([]));
        let uri = [("uri", answer["uri"].as_str().unwrap())];
        let thread = net.get(None, "app.bsky.feed.getPostThread", &uri).await.ok();
        assert_eq!(thread["thread"]["parent"]["notFound"], true);
        net.publish(alice.account(None));
        net.indexed().await;
        assert_eq!(net.timeline(&bob).await.len(), 2, "{status}");
        assert_eq!(net.profile(None, &alice).await.status, 200);
    }
}

#[tokio::test]
async fn a_deleted_account_is_purged_and_fetched_again_if_it_returns() {
    let net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    let hello = net.post(&mut alice, "hello");
    let theirs = net.post(&mut bob, "theirs");
    net.create(&mut alice, LIKE, "l", to_post(LIKE, &theirs));
    net.settled().await;
    net.publish(alice.account(Some("deleted")));
    net.indexed().await;
    assert!(net.view(None, &hello).await.is_null());
    assert_eq!(net.view(None, &theirs).await["likeCount"], 0);
    assert_eq!(net.figure("SELECT count(*) FROM record WHERE uri LIKE '%hello'"), 0);

    net.publish(alice.account(None));
    net.settled().await;
    assert_eq!(net.view(None, &hello).await["record"]["text"], "hello");
    assert_eq!(net.view(None, &theirs).await["likeCount"], 1);
}
