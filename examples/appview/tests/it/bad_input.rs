//! Every endpoint against input that it must refuse.

use crate::support::*;

#[tokio::test]
async fn bad_input_gets_the_specifications_error() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let hello = net.post(&mut alice, "hello");
    net.settled().await;
    let (did, uri) = (alice.did().as_str(), hello["uri"].as_str().unwrap());
    let nobody = "did:plc:zzzzzzzzzzzzzzzzzzzzzzzz";
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("app.bsky.actor.getProfile", &[]),
        ("app.bsky.actor.getProfile", &[("actor", "not an actor")]),
        ("app.bsky.actor.getProfile", &[("actor", nobody)]),
        ("app.bsky.actor.getProfile", &[("actor", "nobody.test")]),
        ("app.bsky.actor.getProfiles", &[]),
        ("app.bsky.actor.getProfiles", &[("actors", "?")]),
        ("app.bsky.actor.searchActorsTypeahead", &[("q", "a"), ("limit", "0")]),
        ("app.bsky.feed.getTimeline", &[("limit", "0")]),
        ("app.bsky.feed.getTimeline", &[("limit", "101")]),
        ("app.bsky.feed.getTimeline", &[("limit", "many")]),
        ("app.bsky.feed.getTimeline", &[("cursor", "garbage")]),
        ("app.bsky.feed.getTimeline", &[("cursor", "2026::at://x")]),
        ("app.bsky.feed.getAuthorFeed", &[("actor", nobody)]),
        ("app.bsky.feed.getAuthorFeed", &[("actor", did), ("cursor", "::")]),
        ("app.bsky.feed.getPostThread", &[("uri", "http://example.com")]),
        ("app.bsky.feed.getPostThread", &[("uri", uri), ("depth", "1001")]),
        ("app.bsky.feed.getPostThread", &[("uri", uri), ("parentHeight", "-1")]),
        ("app.bsky.feed.getPosts", &[("uris", "at://")]),
        ("app.bsky.feed.getLikes", &[("uri", "nonsense")]),
        ("app.bsky.feed.getLikes", &[("uri", uri), ("cursor", "garbage")]),
        ("app.bsky.graph.getFollows", &[("actor", nobody)]),
        ("app.bsky.graph.getFollows", &[("actor", did), ("limit", "1000")]),
        ("app.bsky.graph.getFollowers", &[("actor", nobody)]),
        ("app.bsky.graph.getFollowers", &[("actor", did), ("cursor", "garbage")]),
        ("app.bsky.notification.listNotifications", &[("cursor", "garbage")]),
        ("com.atproto.identity.resolveHandle", &[("handle", "not a handle")]),
    ];
    for (method, params) in cases {
        let signed_in = !method.starts_with("com.atproto");
        let answer = net.get(signed_in.then_some(&alice), method, params).await;
        assert_eq!(answer.error(), (400, "InvalidRequest".to_owned()), "{method} {params:?}");
    }
    let missing = uri.replace("hello", "missing");
    let answer = net.get(None, "app.bsky.feed.getPostThread", &[("uri", &missing)]).await;
    assert_eq!(answer.error(), (400, "NotFound".to_owned()));
    let answer =
        net.get(None, "com.atproto.identity.resolveHandle", &[("handle", "no.test")]).await;
    assert_eq!(answer.error(), (400, "HandleNotFound".to_owned()));
    let answer = net.get(None, "app.bsky.unheard.of", &[]).await;
    assert_eq!(answer.error(), (501, "MethodNotImplemented".to_owned()));
    let many: Vec<_> = (0..26).map(|_| ("uris", uri)).collect();
    assert_eq!(net.get(None, "app.bsky.feed.getPosts", &many).await.error().0, 400);
}

#[tokio::test]
async fn update_seen_refuses_what_is_no_time() {
    let net = Network::start().await;
    let alice = net.account("alice", 1);
    net.indexed().await;
    let method = "app.bsky.notification.updateSeen";
    let call = async |body: &'static str| {
        let request = net.http.post(format!("{}/xrpc/{method}", net.appview.url));
        let request = request.bearer_auth(token(&alice, SERVICE, method));
        let response = request.header("content-type", "application/json").body(body).send().await;
        response.unwrap().status().as_u16()
    };
    assert_eq!(call("{\"seenAt\":\"yesterday\"}").await, 400);
    assert_eq!(call("{}").await, 400);
    assert_eq!(call("{").await, 400);
    assert_eq!(call("{\"seenAt\":\"2026-01-01T00:00:00Z\"}").await, 200);
}
