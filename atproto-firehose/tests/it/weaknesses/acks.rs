//! When an event counts as done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use atproto_firehose::checkpoint::Checkpoint;
use atproto_firehose::consumer::{Consumer, Failure, Workers};
use atproto_firehose::intake::Settlement;

use crate::consumer::{open, strict};
use crate::support::network::{Account, Directory, Upstream};
use crate::support::rig::{Rig, unverified};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn handler_errors_never_advance_the_cursor() {
    let mut rig = Rig::new(unverified());
    rig.read(1, 'a');
    rig.read(2, 'b');
    for settlement in [Settlement::Retry(SECOND), Settlement::Unavailable] {
        let (_, seq, id) = rig.next().unwrap();
        assert_eq!(seq, 1);
        rig.settle(id, settlement);
        rig.wait(60 * SECOND);
        // The other account is done, and the first is still to come.
        rig.intake.handle_timeout(rig.now);
        assert_eq!(rig.intake.stats().cursor, Some(0));
        while let Some((_, seq, id)) = rig.next() {
            let settlement = if seq == 1 { Settlement::Retry(SECOND) } else { Settlement::Ack };
            rig.settle(id, settlement);
        }
        rig.wait(60 * SECOND);
        assert_eq!(rig.intake.stats().cursor, Some(0));
        assert!(rig.saved.iter().all(|saved| saved.cursor == Some(0)));
    }
}

#[test]
fn the_cursor_does_not_pass_unfinished_events() {
    let mut rig = Rig::new(unverified());
    for (seq, letter) in [(1, 'a'), (2, 'b'), (3, 'c')] {
        rig.read(seq, letter);
    }
    let first = rig.next().unwrap().2;
    assert_eq!(rig.work_off(), [('b', 2), ('c', 3)]);
    rig.wait(SECOND);
    let saved = rig.saved.last().unwrap();
    assert_eq!((saved.cursor, saved.received, &saved.unsettled[..]), (Some(0), 3, &[1][..]));
    rig.restart(unverified());
    assert!(!rig.intake.handle_settled(rig.now, first, Settlement::Ack), "of another process");
    for (seq, letter) in [(1, 'a'), (2, 'b'), (3, 'c')] {
        rig.read(seq, letter);
    }
    assert_eq!(rig.work_off(), [('a', 1)], "what was done does not come again");
}

#[test]
fn nothing_is_settled_before_it_is_delivered() {
    let mut rig = Rig::new(unverified());
    rig.read(1, 'a');
    rig.wait(SECOND);
    assert_eq!(rig.intake.stats().cursor, Some(0));
    assert!(rig.saved.iter().all(|saved| saved.cursor == Some(0)));
    assert_eq!(rig.work(), Some(('a', 1)));
}

#[test]
fn a_poison_event_does_not_block_its_account_for_ever() {
    let mut config = unverified();
    config.max_attempts = 4;
    let mut rig = Rig::new(config);
    rig.read(1, 'a');
    rig.read(2, 'a');
    for _ in 0..4 {
        let (_, seq, id) = rig.next().unwrap();
        assert_eq!(seq, 1);
        rig.settle(id, Settlement::Retry(SECOND));
        rig.wait(SECOND);
    }
    assert_eq!(rig.work(), Some(('a', 2)));
    rig.wait(SECOND);
    let rejects: Vec<_> = rig.saved.iter().flat_map(|saved| &saved.rejects).collect();
    assert_eq!((rejects[0].seq, &*rejects[0].label), (1, "attempts"), "and it is kept");
}

#[test]
fn a_retry_comes_after_the_time_that_was_asked_for() {
    let mut rig = Rig::new(unverified());
    rig.read(1, 'a');
    let (_, _, id) = rig.next().unwrap();
    rig.settle(id, Settlement::Retry(90 * SECOND));
    rig.wait(89 * SECOND);
    assert_eq!(rig.work(), None);
    rig.wait(SECOND);
    assert_eq!(rig.work(), Some(('a', 1)));
}

#[tokio::test(start_paused = true)]
async fn ack_on_drop_or_panic_is_not_an_ack() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    upstream.send(alice.commit());
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    for attempt in 1..=2 {
        let delivery = consumer.next().await.unwrap();
        assert_eq!((delivery.event().seq(), delivery.attempt()), (Some(1), attempt));
        drop(delivery);
    }
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let end = consumer.run(Workers(1), move |_| {
        let call = counter.fetch_add(1, Ordering::Relaxed);
        async move {
            assert!(call > 0, "a bug in the handler");
            Err(Failure::Fatal("seen again".into()))
        }
    });
    assert!(end.await.is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!(consumer.stats().cursor, Some(0));
}

#[tokio::test(start_paused = true)]
async fn one_bad_event_does_not_take_its_batch_along() {
    let mut accounts: Vec<Account> = ('a'..='e').map(Account::new).collect();
    let directory = Directory::of(&accounts.iter().collect::<Vec<_>>());
    let upstream = Upstream::new();
    for account in &mut accounts {
        upstream.send(account.commit());
    }
    let (transport, state) = (Arc::new(upstream), Checkpoint::default());
    let mut consumer = Consumer::open_on(transport, state, strict(&directory)).await.unwrap();
    let mut batch = consumer.next_batch(5, SECOND).await.unwrap().unwrap();
    batch.reject(2, "a duplicate");
    assert_eq!(batch.len(), 4);
    let checkpoint = batch.checkpoint();
    assert_eq!((checkpoint.cursor, checkpoint.rejects.len()), (Some(5), 1));
    batch.committed();
}
