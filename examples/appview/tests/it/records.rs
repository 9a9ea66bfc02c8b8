//! What records do to views, and what taking them back undoes.

use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn records_appear_with_counts_and_viewer_state_and_disappear_when_deleted() {
    let net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    net.create(&mut alice, PROFILE, "self", named("Alice"));
    let hello = net.post(&mut alice, "hello");
    net.post_as(&mut bob, "answer", reply("answer", &hello, &hello));
    net.post_as(&mut bob, "quote", quote("quote", &hello));
    let like = net.create(&mut bob, LIKE, "l", to_post(LIKE, &hello));
    let repost = net.create(&mut bob, REPOST, "r", to_post(REPOST, &hello));
    let follow = net.create(&mut bob, FOLLOW, "f", to_actor(FOLLOW, &alice));
    net.settled().await;

    let view = net.view(Some(&bob), &hello).await;
    assert_eq!(counts(&view), [1, 1, 1, 1]);
    assert_eq!(view["viewer"]["like"], like);
    assert_eq!(view["viewer"]["repost"], repost);
    assert_eq!(view["author"]["displayName"], "Alice");
    assert_eq!(view["author"]["handle"], "alice.test");
    assert_eq!(view["author"]["viewer"]["following"], follow);
    let profile = net.profile(Some(&alice), &bob).await.ok();
    assert_eq!(profile["viewer"]["followedBy"], follow);
    assert_eq!(figures(&profile), json!([0, 1, 2]));
    assert_eq!(figures(&net.profile(None, &alice).await.ok()), json!([1, 0, 1]));
    let quoted = net.author_feed(None, &bob).await.ok();
    let quoted = &quoted["feed"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["post"]["record"]["text"] == "quote");
    assert_eq!(quoted.unwrap()["post"]["embed"]["record"]["uri"], hello["uri"]);

    for (collection, rkey) in
        [(POST, "answer"), (POST, "quote"), (LIKE, "l"), (REPOST, "r"), (FOLLOW, "f")]
    {
        net.delete(&mut bob, collection, rkey);
    }
    net.indexed().await;
    let view = net.view(Some(&bob), &hello).await;
    assert_eq!(counts(&view), [0, 0, 0, 0]);
    assert!(view["viewer"]["like"].is_null() && view["viewer"]["repost"].is_null());
    assert!(view["author"]["viewer"]["following"].is_null());
    assert_eq!(figures(&net.profile(None, &bob).await.ok()), json!([0, 0, 0]));
    assert!(texts(&net.author_feed(None, &bob).await.ok()).is_empty());
    let notified = net.get(Some(&alice), "app.bsky.notification.listNotifications", &[]).await.ok();
    assert_eq!(notified["notifications"], json!([]));

    net.delete(&mut alice, POST, "hello");
    net.delete(&mut alice, PROFILE, "self");
    net.indexed().await;
    assert!(net.view(None, &hello).await.is_null());
    assert!(net.profile(None, &alice).await.ok()["displayName"].is_null());
}

#[tokio::test]
async fn an_updated_profile_replaces_the_old() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    net.create(&mut alice, PROFILE, "self", named("Old"));
    net.update(&mut alice, PROFILE, "self", named("New"));
    net.settled().await;
    assert_eq!(net.profile(None, &alice).await.ok()["displayName"], "New");
    let found = async |q| net.get(None, "app.bsky.actor.searchActorsTypeahead", &[("q", q)]).await;
    assert_eq!(found("new").await.ok()["actors"][0]["handle"], "alice.test");
    assert_eq!(found("old").await.ok()["actors"], json!([]));
}

#[tokio::test]
async fn duplicates_of_one_like_count_once() {
    let net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    let hello = net.post(&mut alice, "hello");
    let first = net.create(&mut bob, LIKE, "1", to_post(LIKE, &hello));
    net.create(&mut bob, LIKE, "2", to_post(LIKE, &hello));
    net.settled().await;
    assert_eq!(net.view(None, &hello).await["likeCount"], 1);
    let likes = [("uri", hello["uri"].as_str().unwrap())];
    let list = net.get(None, "app.bsky.feed.getLikes", &likes).await.ok();
    assert_eq!(list["likes"].as_array().unwrap().len(), 1);
    net.delete(&mut bob, LIKE, first.rsplit('/').next().unwrap());
    net.indexed().await;
    assert_eq!(net.view(Some(&bob), &hello).await["likeCount"], 1);
    net.delete(&mut bob, LIKE, "2");
    net.indexed().await;
    assert_eq!(net.view(Some(&bob), &hello).await["likeCount"], 0);
}

/// AV-005
#[tokio::test]
async fn dm_042_an_invalid_record_is_buried_while_its_neighbours_are_indexed() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let invalid = json!({ "$type": POST, "text": 7, "createdAt": "yesterday" });
    let event = alice.write(vec![
        create(POST, "a", post("before")),
        create(POST, "b", invalid),
        create(POST, "c", post("after")),
    ]);
    net.publish(event);
    net.settled().await;
    let mut seen = texts(&net.author_feed(None, &alice).await.ok());
    seen.sort();
    assert_eq!(seen, ["after", "before"]);
    assert_eq!(net.figure("SELECT count(*) FROM dead_letter WHERE reason <> ''"), 1);
    let series = "atproto_indexer_records_total{collection_class=\"app.bsky\",action=\"create\",outcome=\"invalid\"}";
    assert_eq!(net.metric(series).await, Some(1.0));

    net.update(&mut alice, POST, "b", post("healed"));
    net.indexed().await;
    assert_eq!(net.figure("SELECT count(*) FROM dead_letter"), 0);
    assert_eq!(texts(&net.author_feed(None, &alice).await.ok()).len(), 3);
}

#[tokio::test]
async fn an_unknown_lexicon_is_stored_and_counted() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let record = json!({ "$type": "org.example.thing", "text": "hm" });
    net.create(&mut alice, "org.example.thing", "a", record);
    net.indexed().await;
    assert_eq!(net.figure("SELECT count(*) FROM record WHERE collection = 'org.example.thing'"), 1);
    let series = "atproto_indexer_records_total{collection_class=\"other\",action=\"create\",outcome=\"indexed\"}";
    assert_eq!(net.metric(series).await, Some(1.0));
}

/// A row that no longer decodes, as a damaged or older database may hold it.
#[tokio::test]
async fn av_005_a_stored_record_that_does_not_decode_hides_itself_alone() {
    let net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    net.create(&mut bob, FOLLOW, "f", to_actor(FOLLOW, &alice));
    net.post(&mut alice, "good");
    let bad = net.post(&mut alice, "bad");
    net.create(&mut bob, LIKE, "l", to_post(LIKE, &bad));
    net.settled().await;
    let database = rusqlite::Connection::open(net.dir.path().join("appview.sqlite")).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let damage = "UPDATE record SET body = x'ff' WHERE uri LIKE '%/bad' OR uri LIKE '%like/l'";
    assert_eq!(database.execute(damage, []).unwrap(), 2);
    assert_eq!(net.timeline(&bob).await, ["good"]);
    let notified = net.get(Some(&alice), "app.bsky.notification.listNotifications", &[]).await.ok();
    assert_eq!(notified["notifications"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_handle_change_is_followed() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    net.settled().await;
    assert_eq!(net.profile(None, &alice).await.ok()["handle"], "alice.test");
    let renamed = atproto_testkit::Author::new("alicia.test", 1);
    net.world.insert(&renamed.document(net.pds.url()));
    net.publish(renamed.identity());
    net.post(&mut alice, "still-me");
    net.settled().await;
    assert_eq!(net.profile(None, &alice).await.ok()["handle"], "alicia.test");
    let by_handle = [("actor", "alicia.test")];
    let found = net.get(None, "app.bsky.actor.getProfile", &by_handle);
    assert_eq!(found.await.ok()["did"], alice.did().as_str());
}

#[tokio::test]
async fn did_021_an_account_whose_handle_is_anothers_is_shown_without_it() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let bob = net.account("bob", 2);
    net.settled().await;
    let claimed = atproto_testkit::Author::new("bob.test", 1);
    net.world.insert(&claimed.document(net.pds.url()));
    net.world.insert(&bob.document(net.pds.url()));
    net.publish(claimed.identity());
    net.post(&mut alice, "still-here");
    net.settled().await;
    assert_eq!(net.profile(None, &alice).await.ok()["handle"], "handle.invalid");
    assert_eq!(net.profile(None, &bob).await.ok()["handle"], "bob.test");
    let feed = net.author_feed(None, &alice).await.ok();
    assert_eq!(feed["feed"].as_array().unwrap().len(), 1);
    assert_eq!(feed["feed"][0]["post"]["author"]["handle"], "handle.invalid");
}

/// Likes, reposts, replies and quotes.
fn counts(view: &Value) -> [i64; 4] {
    ["likeCount", "repostCount", "replyCount", "quoteCount"]
        .map(|name| view[name].as_i64().unwrap())
}

/// Followers, follows and posts.
fn figures(profile: &Value) -> Value {
    json!([profile["followersCount"], profile["followsCount"], profile["postsCount"]])
}
