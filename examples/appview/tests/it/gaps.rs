//! What the stream does not say is fetched from the host.

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn sy_015_and_016_a_commit_that_does_not_follow_leads_to_the_whole_repo_with_its_deletes() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let gone = net.post(&mut alice, "gone");
    net.post(&mut alice, "kept");
    net.settled().await;
    // Never published: one post deleted, another created.
    alice.write(vec![delete(POST, "gone"), create(POST, "missed", post("missed"))]);
    net.post(&mut alice, "seen");
    net.settled().await;
    assert!(net.view(None, &gone).await.is_null());
    let mut seen = texts(&net.author_feed(None, &alice).await.ok());
    seen.sort();
    assert_eq!(seen, ["kept", "missed", "seen"]);
    assert_eq!(net.profile(None, &alice).await.ok()["postsCount"], 3);
}

#[tokio::test]
async fn an_account_first_seen_in_mid_life_is_fetched() {
    let net = Network::start().await;
    let mut alice = net.silent_account("alice", 1);
    alice.write(vec![create(PROFILE, "self", named("Alice")), create(POST, "old", post("old"))]);
    net.post(&mut alice, "new");
    net.settled().await;
    assert_eq!(net.profile(None, &alice).await.ok()["displayName"], "Alice");
    assert_eq!(texts(&net.author_feed(None, &alice).await.ok()).len(), 2);
}

#[tokio::test]
async fn a_sync_event_fetches_the_repo() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    net.settled().await;
    alice.write(vec![create(POST, "a", post("untold"))]);
    net.pds.host(&alice);
    net.publish(alice.sync());
    net.settled().await;
    assert_eq!(texts(&net.author_feed(None, &alice).await.ok()), ["untold"]);
}

/// AV-007: what the archive already says is not said again, nor taken back.
#[tokio::test]
async fn av_007_commits_older_than_the_archive_change_nothing() {
    let net = Network::start().await;
    let mut alice = net.silent_account("alice", 1);
    alice.write(vec![create(POST, "first", post("first"))]);
    let middle = alice.write(vec![create(POST, "x", post("one")), delete(POST, "first")]);
    let deletion = alice.write(vec![delete(POST, "x")]);
    let again = alice.write(vec![create(POST, "x", post("two"))]);
    net.pds.host(&alice);
    net.publish(middle);
    net.settled().await;
    assert_eq!(texts(&net.author_feed(None, &alice).await.ok()), ["two"]);
    net.publish(deletion);
    net.indexed().await;
    assert_eq!(texts(&net.author_feed(None, &alice).await.ok()), ["two"]);
    net.publish(again);
    net.indexed().await;
    assert_eq!(texts(&net.author_feed(None, &alice).await.ok()), ["two"]);
    assert_eq!(net.profile(None, &alice).await.ok()["postsCount"], 1);
}

#[tokio::test]
async fn dm_043_a_forged_commit_changes_nothing_and_the_next_true_one_is_taken() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    net.post(&mut alice, "true");
    net.settled().await;
    let mut forger = alice.clone();
    forger.rotate_key(9);
    net.publish(forger.write(vec![create(POST, "false", post("false"))]));
    net.post(&mut alice, "after");
    net.settled().await;
    let mut seen = texts(&net.author_feed(None, &alice).await.ok());
    seen.sort();
    assert_eq!(seen, ["after", "true"]);
    assert_eq!(net.figure("SELECT count(*) FROM firehose_reject WHERE label = 'bad_signature'"), 1);
    let series = "atproto_verify_failures_total{reason=\"signature\"}";
    let end = std::time::Instant::now() + PATIENCE;
    while net.metric(series).await != Some(1.0) {
        assert!(std::time::Instant::now() < end, "{}", net.metrics().await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_hang_up_resumes_at_the_cursor() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let hello = net.post(&mut alice, "hello");
    for n in 0..20 {
        net.create(&mut alice, LIKE, &format!("l{n}"), to_post(LIKE, &hello));
        if n % 5 == 0 {
            net.pds.hang_up();
        }
    }
    net.settled().await;
    net.pds.hang_up();
    net.post(&mut alice, "after");
    net.settled().await;
    assert_eq!(texts(&net.author_feed(None, &alice).await.ok()).len(), 2);
    assert_eq!(net.figure("SELECT count(*) FROM edge"), 20);
    assert_eq!(net.view(None, &hello).await["likeCount"], json!(1));
}
