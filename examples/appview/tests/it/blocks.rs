//! Who has blocked whom sees nothing of them, in both directions, everywhere.

use atproto_testkit::Author;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_block_hides_both_from_each_other_and_from_nobody_else() {
    let net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    let mut carol = net.account("carol", 3);
    net.create(&mut alice, FOLLOW, "f", to_actor(FOLLOW, &bob));
    net.create(&mut bob, FOLLOW, "f", to_actor(FOLLOW, &carol));
    net.create(&mut carol, FOLLOW, "f", to_actor(FOLLOW, &bob));
    net.create(&mut bob, FOLLOW, "f2", to_actor(FOLLOW, &alice));
    let hello = net.post(&mut alice, "hello");
    let theirs = net.post(&mut bob, "theirs");
    net.post_as(&mut bob, "answer", reply("answer", &hello, &hello));
    net.create(&mut bob, LIKE, "l", to_post(LIKE, &hello));
    net.create(&mut carol, LIKE, "l", to_post(LIKE, &hello));
    net.create(&mut alice, REPOST, "r", to_post(REPOST, &theirs));
    net.post_as(&mut carol, "quote", quote("quote", &hello));
    net.settled().await;
    assert_eq!(replies(&net, Some(&alice), &hello).await, ["answer"]);

    let block = net.create(&mut alice, BLOCK, "b", to_actor(BLOCK, &bob));
    net.indexed().await;
    for (viewer, hidden) in [(&alice, &theirs), (&bob, &hello)] {
        assert!(net.view(Some(viewer), hidden).await.is_null());
        let uri = [("uri", hidden["uri"].as_str().unwrap())];
        let thread = net.get(Some(viewer), "app.bsky.feed.getPostThread", &uri).await.ok();
        assert_eq!(thread["thread"]["blocked"], true);
        assert_eq!(thread["thread"]["$type"], "app.bsky.feed.defs#blockedPost");
    }
    assert_eq!(net.author_feed(Some(&alice), &bob).await.error().1, "BlockedActor");
    assert_eq!(net.author_feed(Some(&bob), &alice).await.error().1, "BlockedByActor");
    assert_eq!(net.timeline(&alice).await, ["hello"]);
    let mut seen = net.timeline(&bob).await;
    seen.sort();
    assert_eq!(seen, ["quote", "theirs"]);
    let state = net.profile(Some(&alice), &bob).await.ok()["viewer"].take();
    assert_eq!((&state["blocking"], &state["blockedBy"]), (&json!(block), &json!(false)));
    assert!(state["following"].is_null() && state["followedBy"].is_null(), "{state}");
    let state = net.profile(Some(&bob), &alice).await.ok()["viewer"].take();
    assert!(
        state["blocking"].is_null() && state["blockedBy"] == true && state["following"].is_null()
    );

    // Third parties do not see what passes between the two either.
    for viewer in [None, Some(&alice), Some(&carol)] {
        assert_eq!(replies(&net, viewer, &hello).await, [""; 0]);
        assert_eq!(likers(&net, viewer, &hello).await, [carol.did().as_str()]);
    }
    let notified = net.get(Some(&alice), "app.bsky.notification.listNotifications", &[]).await.ok();
    let authors: Vec<_> = notified["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["author"]["did"])
        .collect();
    assert_eq!(authors, [carol.did().as_str(); 2]);
    let unread = net.get(Some(&alice), "app.bsky.notification.getUnreadCount", &[]).await.ok();
    assert_eq!(unread["count"], 2);
    let found =
        net.get(Some(&bob), "app.bsky.actor.searchActorsTypeahead", &[("q", "alice")]).await.ok();
    assert_eq!(found["actors"], json!([]));
    let carols = [("actor", carol.did().as_str())];
    let followers = net.get(Some(&alice), "app.bsky.graph.getFollowers", &carols).await.ok();
    assert_eq!(followers["followers"], json!([]));
    let seen = net.get(Some(&bob), "app.bsky.feed.getTimeline", &[]).await.ok();
    let quoting = seen["feed"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["post"]["record"]["text"] == "quote");
    let embedded = &quoting.unwrap()["post"]["embed"]["record"];
    assert_eq!(embedded["$type"], "app.bsky.embed.record#viewBlocked");

    net.delete(&mut alice, BLOCK, "b");
    net.indexed().await;
    assert_eq!(replies(&net, Some(&alice), &hello).await, ["answer"]);
    assert_eq!(likers(&net, Some(&alice), &hello).await.len(), 2);
}

#[tokio::test]
async fn a_quote_across_a_block_is_blocked_for_everybody() {
    let net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    let hello = net.post(&mut alice, "hello");
    let quoting = net.post_as(&mut bob, "quote", quote("quote", &hello));
    net.create(&mut alice, BLOCK, "b", to_actor(BLOCK, &bob));
    net.settled().await;
    let embed = net.view(None, &quoting).await["embed"]["record"].take();
    assert_eq!(embed["$type"], "app.bsky.embed.record#viewBlocked");
}

async fn replies(net: &Network, viewer: Option<&Author>, post: &serde_json::Value) -> Vec<String> {
    let uri = [("uri", post["uri"].as_str().unwrap())];
    let answer = net.get(viewer, "app.bsky.feed.getPostThread", &uri).await.ok();
    let replies = answer["thread"]["replies"].as_array().unwrap().iter();
    replies.map(|reply| reply["post"]["record"]["text"].as_str().unwrap().to_owned()).collect()
}

async fn likers(net: &Network, viewer: Option<&Author>, post: &serde_json::Value) -> Vec<String> {
    let uri = [("uri", post["uri"].as_str().unwrap())];
    let answer = net.get(viewer, "app.bsky.feed.getLikes", &uri).await.ok();
    let likes = answer["likes"].as_array().unwrap().iter();
    likes.map(|like| like["actor"]["did"].as_str().unwrap().to_owned()).collect()
}
