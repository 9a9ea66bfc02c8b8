//! Pages: everything once, in one order.

use serde_json::Value;

use crate::support::*;

/// Method, name of the list, parameters, what tells its items apart, how many there are.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a str, usize);

#[tokio::test]
async fn pages_are_complete_without_duplicates_though_times_are_equal() {
    let net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    net.create(&mut bob, FOLLOW, "f", to_actor(FOLLOW, &alice));
    let mut people = Vec::new();
    for n in 0..7 {
        net.post(&mut alice, &format!("a{n}"));
        net.post(&mut bob, &format!("b{n}"));
        let mut person = net.account(&format!("p{n}"), 10 + n);
        net.create(&mut person, FOLLOW, "f", to_actor(FOLLOW, &alice));
        people.push(person);
    }
    let star = net.post(&mut alice, "star");
    for person in &mut people {
        net.create(person, LIKE, "l", to_post(LIKE, &star));
    }
    net.settled().await;

    let actor = ("actor", alice.did().as_str());
    let cases: [Case<'_>; 5] = [
        ("app.bsky.feed.getTimeline", "feed", vec![], "/post/uri", 15),
        ("app.bsky.feed.getAuthorFeed", "feed", vec![actor], "/post/uri", 8),
        ("app.bsky.graph.getFollowers", "followers", vec![actor], "/did", 8),
        (
            "app.bsky.feed.getLikes",
            "likes",
            vec![("uri", star["uri"].as_str().unwrap())],
            "/actor/did",
            7,
        ),
        ("app.bsky.notification.listNotifications", "notifications", vec![], "/uri", 15),
    ];
    for (method, list, params, id, expected) in cases {
        let viewer = if list == "notifications" { &alice } else { &bob };
        let whole = walk(&net, viewer, method, &params, list, id, "100").await;
        assert_eq!(whole.len(), expected, "{method}");
        for limit in ["1", "2", "5"] {
            let paged = walk(&net, viewer, method, &params, list, id, limit).await;
            assert_eq!(paged, whole, "{method} by {limit}");
        }
    }
}

async fn walk(
    net: &Network,
    viewer: &atproto_testkit::Author,
    method: &str,
    params: &[(&str, &str)],
    list: &str,
    id: &str,
    limit: &str,
) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut params = params.to_vec();
        params.push(("limit", limit));
        params.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = net.get(Some(viewer), method, &params).await.ok();
        let items = page[list].as_array().unwrap().iter();
        found
            .extend(items.map(|item| item.pointer(id).and_then(Value::as_str).unwrap().to_owned()));
        match page["cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return found,
        }
    }
}

/// Times of different precision are in one order, and the future is no place to hide on top.
#[tokio::test]
async fn feeds_are_ordered_by_time_whatever_its_precision() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    for (rkey, time) in [
        ("2", "2026-01-01T00:00:00.001500Z"),
        ("1", "2026-01-01T00:00:00.001Z"),
        ("4", "2026-01-01T02:00:00.003+01:00"),
        ("3", "2026-01-01T00:00:00.002Z"),
    ] {
        net.post_as(&mut alice, rkey, post_at(rkey, time));
    }
    net.settled().await;
    assert_eq!(net.timeline(&alice).await, ["4", "3", "2", "1"]);
    net.post_as(&mut alice, "future", post_at("future", "2999-01-01T00:00:00Z"));
    net.indexed().await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let now = atproto_core::syntax::Datetime::now();
    net.post_as(&mut alice, "now", post_at("now", now.as_str()));
    net.indexed().await;
    assert_eq!(net.timeline(&alice).await[..2], ["now", "future"]);
}

/// Somebody of whom no event ever came may still ask.
#[tokio::test]
async fn a_viewer_who_was_never_seen_has_an_empty_timeline() {
    let net = Network::start().await;
    let stranger = net.silent_account("stranger", 5);
    assert!(net.timeline(&stranger).await.is_empty());
}
