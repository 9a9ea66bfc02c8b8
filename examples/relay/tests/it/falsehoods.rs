//! What is false does not pass, and is counted under its reason.

use atproto_core::data::cbor::Writer;
use atproto_core::frame;
use atproto_core::syntax::Tid;
use atproto_repo::event::{CommitEvent, Event, RepoOp};
use atproto_repo::repo;
use atproto_testkit::{Author, MicroPds};
use bytes::Bytes;

use crate::support::{Relay, commit, create};

/// Sends one false commit between true ones; nothing of it may pass.
async fn refuse(reason: &str, falsify: impl FnOnce(&mut Author) -> Event) {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    pds.publish(alice.write(vec![create("before", 10)]));
    let mut liar = alice.clone();
    pds.publish(falsify(&mut liar));
    // Truth that follows the last truth, with a revision above that of the lie.
    let _skipped = alice.write(vec![create("skipped", 10)]);
    let last = alice.write(vec![create("after", 10)]);
    pds.publish(last.clone());
    relay.crawl(&pds).await;

    let received = relay.subscribe(0).await.until(commit(&last)).await;
    let commits = received.iter().filter(|event| matches!(event, Event::Commit(_))).count();
    assert_eq!(commits, 3, "the first, the one before and the one after");
    assert_eq!(relay.refusal(reason), 1, "{reason}");
    assert_eq!(relay.outcome("refused"), 1);
}

fn edited(event: Event, edit: impl FnOnce(&mut CommitEvent)) -> Event {
    let Event::Commit(mut event) = event else { panic!("not a commit") };
    edit(&mut event);
    Event::Commit(event)
}

#[tokio::test(flavor = "multi_thread")]
async fn fh_008_a_forged_signature() {
    refuse("signature", |author| {
        author.rotate_key(1);
        author.write(vec![create("forged", 10)])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fh_009_an_operation_left_out() {
    refuse("mst_inversion", |author| {
        let event = author.write(vec![create("a", 10), create("b", 10)]);
        edited(event, |event| drop(event.ops.pop()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fh_009_an_operation_made_up() {
    refuse("mst_inversion", |author| {
        let event = author.write(vec![create("a", 10)]);
        edited(event, |event| {
            let record = event.ops[0].cid.unwrap();
            event.ops.push(RepoOp::create(create("made-up", 10).path(), record));
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t44_a_revision_from_the_future() {
    refuse("future_rev", |author| {
        let rev = Tid::from_parts(Tid::now().micros() + 6 * 60 * 1_000_000, 0);
        repo::create(author.did(), author.key(), rev).unwrap().to_event(0, "2026-01-01T00:00:00Z")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fh_011_a_block_that_was_altered() {
    refuse("blocks", |author| {
        edited(author.write(vec![create("a", 10)]), |event| {
            let mut blocks = event.blocks.to_vec();
            *blocks.last_mut().unwrap() ^= 1;
            event.blocks = blocks.into();
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fh_010_blocks_beyond_the_limit() {
    refuse("size", |author| {
        edited(author.write(vec![create("a", 10)]), |event| {
            event.blocks = Bytes::from(vec![0; 2_000_001]);
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fh_002_a_commit_of_somebody_else() {
    refuse("message", |author| {
        let event = Author::new("bob.test", 2).write(vec![create("a", 10)]);
        edited(event, |event| event.repo = author.did().clone())
    })
    .await;
}

/// T43: what is older than what is known is not news, and no accusation.
#[tokio::test(flavor = "multi_thread")]
async fn t43_a_rollback_is_stale() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    let old = alice.write(vec![create("old", 10)]);
    let new = alice.write(vec![create("new", 10)]);
    for event in [&old, &new, &old, &new] {
        pds.publish(event.clone());
    }
    let last = alice.write(vec![create("last", 10)]);
    pds.publish(last.clone());
    relay.crawl(&pds).await;
    assert_eq!(relay.subscribe(0).await.until(commit(&last)).await.len(), 6);
    assert_eq!(relay.outcome("stale"), 2);
}

/// T40: a host says nothing about accounts of other hosts, whatever it says it with.
#[tokio::test(flavor = "multi_thread")]
async fn t40_a_host_speaks_for_its_own_accounts_alone() {
    let relay = Relay::start().await;
    let (home, evil) = (MicroPds::start().await.unwrap(), MicroPds::start().await.unwrap());
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &home);
    relay.crawl(&home).await;
    let mut reader = relay.subscribe(0).await;
    reader.take(3).await;
    let event = alice.write(vec![create("mine", 10)]);
    let mut seq = 0;
    for event in [&event, &alice.identity(), &alice.account(Some("deleted")), &alice.sync()] {
        seq = evil.publish(event.clone());
    }
    relay.crawl(&evil).await;
    relay.settled(&evil, seq).await;
    assert_eq!(relay.refusal("wrong_host"), 4);
    home.publish(event.clone());
    assert_eq!(reader.until(commit(&event)).await.len(), 1);
}

/// T41: while nobody can say who an account is, nothing of it passes; it waits, and after its
/// time it is given up and counted.
#[tokio::test(flavor = "multi_thread")]
async fn t41_what_cannot_be_judged_waits_and_does_not_pass() {
    let relay = Relay::with_options(&["--identity-wait", "0"]).await;
    let pds = MicroPds::start().await.unwrap();
    let (alice, mut bob) = (Author::new("alice.test", 1), Author::new("bob.test", 2));
    relay.directory.set_reachable(alice.did(), false);
    relay.settle(&alice, &pds);
    relay.settle(&bob, &pds);
    let last = bob.write(vec![create("last", 10)]);
    let seq = pds.publish(last.clone());
    relay.crawl(&pds).await;
    let received = relay.subscribe(0).await.until(commit(&last)).await;
    assert!(received.iter().all(|event| event.did() == Some(bob.did())));
    relay.settled(&pds, seq).await;
    assert_eq!(relay.refusal("identity_unavailable"), 3);

    let relay = Relay::start().await;
    relay.directory.set_reachable(alice.did(), false);
    relay.settle(&alice, &pds);
    relay.settle(&bob, &pds);
    relay.crawl(&pds).await;
    let mut reader = relay.subscribe(0).await;
    reader.until(commit(&last)).await;
    assert!(relay.app.hosts.get(&crate::support::name(&pds)).unwrap().cursor() < 1);
    relay.directory.set_reachable(alice.did(), true);
    while reader.next().await.did() != Some(alice.did()) {}
}

/// A message that is no event is refused, and the stream goes on.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_messages_are_counted() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let mut alice = Author::new("alice.test", 1);
    relay.settle(&alice, &pds);
    let mut body = Writer::new();
    body.map(1).text("seq").int(4);
    pds.publish_frame(4, frame::encode_message("#commit", &body.into_bytes()));
    let mut body = Writer::new();
    body.map(1).text("seq").int(5);
    pds.publish_frame(5, frame::encode_message("#tomorrow", &body.into_bytes()));
    let last = alice.write(vec![create("last", 10)]);
    pds.publish(last.clone());
    relay.crawl(&pds).await;
    assert_eq!(relay.subscribe(0).await.until(commit(&last)).await.len(), 4);
    assert_eq!(relay.refusal("malformed"), 1);
}

/// A host that is not trusted has a limited number of accounts.
#[tokio::test(flavor = "multi_thread")]
async fn rl_008_accounts_beyond_the_limit_are_refused() {
    use std::time::Duration;

    use atproto_core::syntax::Did;
    use relay::hostname::Hostname;
    use relay::ingest::{Ingest, IngestOptions, Outcome, Sender};

    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let (alice, bob) = (Author::new("alice.test", 1), Author::new("bob.test", 2));
    let options =
        IngestOptions { patience: Duration::ZERO, refresh: Duration::ZERO, account_limit: 1 };
    let (submit, queue) = relay::sequencer::queue();
    let producer = relay.app.producer.clone();
    let hosts = std::sync::Arc::clone(&relay.app.hosts);
    let store = relay.app.store.clone();
    let sequencer = relay::sequencer::Sequencer::new(producer, store.clone(), hosts, queue);
    tokio::spawn(sequencer.run(Default::default()));
    let ingest = Ingest::new(store, submit, std::sync::Arc::new(relay.directory.clone()), &options);
    let host: Hostname = crate::support::name(&pds);
    let sender = Sender { host, trusted: false };
    let mut refused: Vec<Did> = Vec::new();
    for (seq, author) in [&alice, &bob, &alice].into_iter().enumerate() {
        relay.directory.insert(author.document(pds.url()));
        let event = author.account(None).with_seq(seq as i64 + 1);
        if let Outcome::Refused(refusal) = ingest.handle(&sender, event).await.unwrap() {
            assert_eq!(refusal.reason(), "account_limit");
            refused.push(author.did().clone());
        }
    }
    assert_eq!(refused, [bob.did().clone()]);
}
