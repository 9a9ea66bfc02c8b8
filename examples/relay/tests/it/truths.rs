//! What is true passes, as it was said.

use atproto_core::syntax::Tid;
use atproto_firehose::verify::{Outcome, Verifier};
use atproto_repo::event::Event;
use atproto_repo::repo::Write;
use atproto_testkit::{Author, MicroPds};

use crate::support::{Relay, commit, create, renumbered};

/// Every event arrives unchanged but for its number, and whoever subscribes can verify it.
#[tokio::test(flavor = "multi_thread")]
async fn honest_events_pass_and_verify_downstream() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    let mut sent = alice.birth();
    for round in 0..5 {
        let event = alice.write(vec![create(&format!("note{round}"), 100)]);
        pds.publish(event.clone());
        sent.push(event);
    }
    relay.crawl(&pds).await;

    let received = relay.subscribe(0).await.take(sent.len()).await;
    assert_eq!(renumbered(&received), renumbered(&sent));
    let seqs: Vec<_> = received.iter().filter_map(Event::seq).collect();
    assert_eq!(seqs, (1..=sent.len() as i64).collect::<Vec<_>>());

    let verifier = Verifier::new(std::sync::Arc::new(relay.directory.clone()));
    let mut state = None;
    for event in &received {
        match verifier.check(event, state, None).await.verdict {
            Outcome::Accept(next) => state = next.or(state),
            other => panic!("{other:?}"),
        }
    }
    relay.settled(&pds, sent.len() as i64).await;
    assert_eq!(relay.outcome("forwarded"), sent.len() as u64);
    assert_eq!(relay.outcome("refused"), 0);
}

/// RL-002: a commit that is true by itself and skips one passes, is counted, and is what the
/// next one is held against.
#[tokio::test(flavor = "multi_thread")]
async fn rl_002_discontinuous_commits_pass_and_are_counted() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    let _lost = alice.write(vec![create("lost", 10)]);
    let after = alice.write(vec![create("after", 10)]);
    let next = alice.write(vec![create("next", 10)]);
    pds.publish(after.clone());
    pds.publish(next.clone());
    relay.crawl(&pds).await;

    let received = relay.subscribe(0).await.until(commit(&next)).await;
    assert_eq!(renumbered(&received[3..]), renumbered(&[after, next]));
    assert_eq!(relay.app.ingest.counts().discontinuity("since"), 1);
    assert_eq!(relay.outcome("refused"), 0);
}

/// T43: news of a state passes if the state is newer, and says so only once.
#[tokio::test(flavor = "multi_thread")]
async fn t43_sync_passes_forward_only() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    let old = alice.sync();
    let _lost = alice.write(vec![create("lost", 10)]);
    let new = alice.sync();
    pds.publish(new.clone());
    pds.publish(new.clone());
    pds.publish(old);
    let last = alice.write(vec![create("last", 10)]);
    pds.publish(last.clone());
    relay.crawl(&pds).await;

    let received = relay.subscribe(0).await.until(commit(&last)).await;
    assert_eq!(renumbered(&received[3..]), renumbered(&[new, last]));
    assert_eq!(relay.outcome("stale"), 2);
}

/// T42: a key that was changed between two commits is found out without an announcement.
#[tokio::test(flavor = "multi_thread")]
async fn t42_a_new_key_is_looked_up() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    relay.crawl(&pds).await;
    let mut reader = relay.subscribe(0).await;
    reader.take(3).await;

    alice.rotate_key(1);
    relay.directory.insert(alice.document(pds.url()));
    let event = alice.write(vec![create("new", 10)]);
    pds.publish(event.clone());
    reader.until(commit(&event)).await;
    assert_eq!(relay.outcome("refused"), 0);
}

/// FH-007: while an account is not active its commits do not pass; afterwards they do.
#[tokio::test(flavor = "multi_thread")]
async fn fh_007_commits_of_inactive_accounts_do_not_pass() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    pds.publish(alice.account(Some("deactivated")));
    pds.publish(alice.write(vec![create("hidden", 10)]));
    pds.publish(alice.account(None));
    let last = alice.write(vec![create("shown", 10)]);
    pds.publish(last.clone());
    relay.crawl(&pds).await;

    let received = relay.subscribe(0).await.until(commit(&last)).await;
    let kinds: Vec<_> = received.iter().map(Event::kind).collect();
    assert_eq!(kinds, ["#identity", "#account", "#commit", "#account", "#account", "#commit"]);
    assert_eq!(relay.outcome("inactive"), 1);
}

/// RL-004: after a move the account's events come from its new host alone.
#[tokio::test(flavor = "multi_thread")]
async fn rl_004_an_account_that_moves_is_followed() {
    let relay = Relay::start().await;
    let (old, new) = (MicroPds::start().await.unwrap(), MicroPds::start().await.unwrap());
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &old);
    relay.crawl(&old).await;
    relay.crawl(&new).await;
    let mut reader = relay.subscribe(0).await;
    reader.take(3).await;

    relay.directory.insert(alice.document(new.url()));
    let stale = old.publish(alice.account(Some("deactivated")));
    relay.settled(&old, stale).await;
    assert_eq!(relay.refusal("wrong_host"), 1);
    new.publish(alice.identity());
    new.publish(alice.account(None));
    let event = alice.write(vec![create("moved", 10)]);
    new.publish(event.clone());

    let kinds: Vec<_> = reader.until(commit(&event)).await.iter().map(Event::kind).collect();
    assert_eq!(kinds, ["#identity", "#account", "#commit"]);
    let account = relay.app.store.account(alice.did()).await.unwrap().unwrap();
    assert_eq!(account.host, crate::support::name(&new));
    let counts = async |pds| {
        relay.app.store.host(&crate::support::name(pds)).await.unwrap().unwrap().accounts
    };
    assert_eq!((counts(&old).await, counts(&new).await), (0, 1));
}

/// listReposByCollection follows what the commits prove.
#[tokio::test(flavor = "multi_thread")]
async fn collections_are_known_from_commits() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    pds.publish(alice.write(vec![create("a", 10), create("b", 10)]));
    let path = |rkey| create(rkey, 10).path();
    let seq = pds.publish(alice.write(vec![Write::delete(path("a"))]));
    relay.crawl(&pds).await;
    relay.settled(&pds, seq).await;
    let list = "/xrpc/com.atproto.sync.listReposByCollection?collection=com.example.note";
    let (_, found) = relay.get(list).await;
    assert_eq!(found["repos"][0]["did"], alice.did().as_str());

    let seq = pds.publish(alice.write(vec![Write::delete(path("b"))]));
    relay.settled(&pds, seq).await;
    let (_, found) = relay.get(list).await;
    assert_eq!(found["repos"], serde_json::json!([]));
    assert_eq!(relay.outcome("refused"), 0);
    assert!(alice.head().rev > Tid::MIN);
}
