//! Order, and what is in an event.

use std::sync::Arc;

use atproto_firehose::checkpoint::Checkpoint;
use atproto_firehose::consumer::{Consumer, ConsumerOptions, Policy, Start};
use atproto_firehose::event::Event;
use atproto_repo::event::{AccountEvent, IdentityEvent};
use bytes::Bytes;

use crate::consumer::{open, strict};
use crate::support::network::{Account, Directory, TIME, Upstream};
use crate::support::rig::{Rig, unverified};

#[tokio::test(start_paused = true)]
async fn events_of_all_kinds_keep_their_order_within_an_account() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    for _ in 0..10 {
        upstream.send(alice.commit());
        upstream.send(IdentityEvent::new(alice.did.clone(), None, TIME));
        upstream.send(AccountEvent::new(alice.did.clone(), None, TIME));
    }
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    for seq in 1..=30 {
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq));
        let kind = match delivery.event() {
            Event::Commit(_) => 1,
            Event::Identity(_) => 2,
            Event::Account(_) => 0,
            event => panic!("{event:?}"),
        };
        assert_eq!(kind, seq % 3);
        assert!(delivery.ack().await);
    }
}

#[test]
fn accounts_do_not_wait_for_each_other() {
    let mut rig = Rig::new(unverified());
    for seq in 1..=26 {
        rig.read(seq, char::from(b'a' + (seq - 1) as u8));
    }
    let under_way: Vec<i64> = std::iter::from_fn(|| rig.next()).map(|(_, seq, _)| seq).collect();
    assert_eq!(under_way, (1..=26).collect::<Vec<_>>(), "all at once");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_did_not_come_is_told_and_not_skipped() {
    let mut alice = Account::new('a');
    let first = alice.commit();
    let mut second = alice.commit();
    second.blocks = Bytes::new();
    let third = alice.commit();
    // Who believes the upstream sees that the record is missing.
    let upstream = Upstream::new();
    upstream.send(second.clone());
    let options = ConsumerOptions::default().start(Start::Oldest);
    let trusting = options.policy(Policy::dangerous().trust_upstream());
    let (transport, state) = (Arc::new(upstream), Checkpoint::default());
    let mut consumer = Consumer::open_on(transport, state, trusting).await.unwrap();
    let delivery = consumer.next().await.unwrap();
    let Event::Commit(commit) = delivery.event() else { panic!("{delivery:?}") };
    let changes = commit.changes();
    assert!(changes.len() == 1 && changes[0].cid.is_some() && changes[0].record.is_none());

    // Who verifies rejects the commit, and is told of the gap at the latest by the next.
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    for commit in [first, second, third] {
        upstream.send(commit);
    }
    let (transport, state) = (Arc::new(upstream), Checkpoint::default());
    let mut consumer = Consumer::open_on(transport, state, strict(&directory)).await.unwrap();
    assert!(consumer.next().await.unwrap().ack().await);
    let delivery = consumer.next().await.unwrap();
    assert!(matches!(delivery.event(), Event::Gap(_)), "{delivery:?}");
    assert_eq!(consumer.stats().rejected.values().sum::<u64>(), 1);
}
