use std::sync::Arc;
use std::time::Duration;

use atproto_firehose::checkpoint::Checkpoint;
use atproto_firehose::consumer::{
    Consumer, ConsumerError, ConsumerOptions, Failure, Policy, Start, Workers,
};
use atproto_firehose::event::{Event, Gap, RepoGap};
use atproto_firehose::state::SqliteState;
use atproto_repo::event::{AccountEvent, InfoEvent};

use crate::support::network::{Account, Directory, TIME, Upstream};

pub(crate) fn strict(directory: &Arc<Directory>) -> ConsumerOptions {
    let policy = Policy::strict(Arc::clone(directory) as Arc<_>);
    ConsumerOptions::default().policy(policy).start(Start::Oldest)
}

pub(crate) async fn open(
    upstream: &Upstream,
    path: &std::path::Path,
    options: ConsumerOptions,
) -> Consumer {
    let state = SqliteState::open(path).unwrap();
    Consumer::open_on(Arc::new(upstream.clone()), state, options).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn where_to_start_and_whom_to_believe_must_be_said() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, directory) = (Upstream::new(), Directory::of(&[]));
    let open = async |options| {
        let state = SqliteState::open(dir.path().join("state")).unwrap();
        Consumer::open_on(Arc::new(upstream.clone()), state, options).await.map(drop)
    };
    let policy = Policy::strict(directory);
    let options = ConsumerOptions::default();
    assert!(matches!(open(options.clone()).await, Err(ConsumerError::NoResolver)));
    assert!(matches!(open(options.policy(policy)).await, Err(ConsumerError::NoStart)));
}

#[tokio::test(start_paused = true)]
async fn fh_021_commits_arrive_verified_and_the_cursor_follows_the_acks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    for _ in 0..5 {
        upstream.send(alice.commit());
    }
    let mut consumer = open(&upstream, &path, strict(&directory)).await;
    for seq in 1..=5 {
        let delivery = consumer.next().await.unwrap();
        let Event::Commit(commit) = delivery.event() else { panic!("{delivery:?}") };
        assert_eq!(commit.seq(), Some(seq));
        assert_eq!(commit.changes().len(), usize::from(seq > 1));
        assert!(commit.changes().iter().all(|change| change.record.is_some()));
        assert!(delivery.ack().await);
    }
    let report = consumer.stopper().drain(Duration::from_secs(5)).await;
    assert!(report.saved && report.unsettled == 0);
    assert_eq!(report.cursor, Some(5));
    assert!(consumer.next().await.is_none());
    assert!(consumer.stopped().is_none());
    drop(consumer);

    // A new process goes on behind them, with the chain intact.
    upstream.send(alice.commit());
    let mut consumer = open(&upstream, &path, strict(&directory)).await;
    let delivery = consumer.next().await.unwrap();
    assert_eq!(delivery.event().seq(), Some(6));
    assert_eq!(upstream.cursors(), [Some(0), Some(5)]);
    assert!(delivery.ack().await);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_continues_without_loss_or_repetition() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    for seq in 1..=20 {
        upstream.send(alice.commit());
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq));
        if seq % 5 == 0 {
            upstream.cut();
        }
        assert!(delivery.ack().await);
    }
    let stats = consumer.stats();
    assert_eq!(stats.disconnects.get("reset").copied().unwrap_or(0), stats.connections - 1);
    assert_eq!(stats.duplicates, 0);
}

#[tokio::test(start_paused = true)]
async fn a_missed_commit_surfaces_as_a_gap_and_the_stream_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    upstream.send(alice.commit());
    let _missed = alice.commit();
    upstream.send(alice.commit());
    upstream.send(alice.commit());
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    assert!(consumer.next().await.unwrap().ack().await);
    let delivery = consumer.next().await.unwrap();
    let Event::Gap(Gap::Repo { did, why: RepoGap::Discontinuous(_), commit: Some(_), .. }) =
        delivery.event()
    else {
        panic!("{delivery:?}")
    };
    assert_eq!(*did, alice.did);
    delivery.ack().await;
    let delivery = consumer.next().await.unwrap();
    assert!(matches!(delivery.event(), Event::Commit(_)));
}

#[tokio::test(start_paused = true)]
async fn a_violation_is_counted_kept_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice, &bob]));
    let mut dropped = alice.commit();
    dropped.commit = atproto_core::syntax::Cid::dag_cbor(b"another");
    upstream.send(dropped);
    let mut lying = bob.commit();
    lying.repo = alice.did.clone();
    upstream.send(lying);
    upstream.send(bob.commit());
    let mut consumer = open(&upstream, &path, strict(&directory)).await;
    let delivery = consumer.next().await.unwrap();
    assert_eq!(delivery.event().seq(), Some(3), "{delivery:?}");
    delivery.ack().await;
    let stats = consumer.stats();
    assert_eq!(stats.rejected.values().sum::<u64>(), 2, "{stats:?}");
    consumer.stopper().drain(Duration::from_secs(5)).await;
    let rejects = SqliteState::open(&path).unwrap().reject_counts().unwrap();
    assert_eq!(rejects.iter().map(|(_, count)| count).sum::<u64>(), 2, "{rejects:?}");
}

#[tokio::test(start_paused = true)]
async fn identity_outage_defers_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    directory.set_down(true);
    upstream.send(alice.commit());
    upstream.send(alice.commit());
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    let hour = tokio::time::timeout(Duration::from_secs(3_600), consumer.next()).await;
    assert!(hour.is_err(), "nothing passes unverified");
    assert!(consumer.stats().deferred > 10);
    directory.set_down(false);
    for seq in 1..=2 {
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq));
        delivery.ack().await;
    }
    assert!(consumer.stats().rejected.is_empty());
}

#[tokio::test(start_paused = true)]
async fn fh_007_commits_of_inactive_accounts_are_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    upstream.send(alice.commit());
    upstream.send(AccountEvent::new(alice.did.clone(), Some("takendown"), TIME));
    upstream.send(alice.commit());
    upstream.send(AccountEvent::new(alice.did.clone(), None, TIME));
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let delivery = consumer.next().await.unwrap();
        seen.push(delivery.event().seq().unwrap());
        delivery.ack().await;
    }
    assert_eq!(seen, [1, 2, 4]);
    assert_eq!(consumer.stats().ignored.get("inactive"), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn fh_024_whether_an_account_is_active_is_not_its_status() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    let mut account = |active, status: Option<&str>| {
        let event = AccountEvent::new(alice.did.clone(), status, TIME);
        upstream.send(AccountEvent { active, ..event });
        upstream.send(alice.commit());
    };
    account(true, Some("throttled"));
    account(false, None);
    account(true, Some("takendown"));
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let delivery = consumer.next().await.unwrap();
        seen.push((delivery.event().seq().unwrap(), matches!(delivery.event(), Event::Commit(_))));
        delivery.ack().await;
    }
    // The commit at 4 is of an inactive account; what follows no longer follows it.
    assert_eq!(seen, [(1, false), (2, true), (3, false), (5, false), (6, false)]);
    assert_eq!(consumer.stats().ignored["inactive"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_decides_what_becomes_of_failures() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    for _ in 0..6 {
        upstream.send(alice.commit());
    }
    let options = strict(&directory).max_attempts(3);
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    let calls: Arc<std::sync::Mutex<Vec<i64>>> = Arc::default();
    let log = Arc::clone(&calls);
    let handler = move |event: Arc<Event>| {
        let log = Arc::clone(&log);
        async move {
            let seq = event.seq().unwrap();
            let tries = {
                let mut log = log.lock().unwrap();
                log.push(seq);
                log.iter().filter(|one| **one == seq).count()
            };
            match (seq, tries) {
                // The database is down for a while: more often than any limit.
                (2, 1..=8) => Err(Failure::Unavailable("no database".into())),
                (3, _) => Err(Failure::Retry(Duration::from_secs(1))),
                (4, _) => Err(Failure::Reject("not ours".into())),
                (5, 1) => panic!("a bug"),
                (6, _) => Err(Failure::Fatal("enough".into())),
                _ => Ok(()),
            }
        }
    };
    let end = consumer.run(Workers(4), handler).await;
    assert!(matches!(end, Err(ConsumerError::Handler(_))), "{end:?}");
    let calls = calls.lock().unwrap().clone();
    assert_eq!(calls, [&[1][..], &[2; 9], &[3; 3], &[4], &[5; 2], &[6]].concat());
    let rejected = consumer.stats().rejected;
    assert_eq!(rejected.get("attempts"), Some(&1));
    assert_eq!(rejected.get("handler"), Some(&1));
    assert_eq!(consumer.stats().cursor, Some(5));
}

#[tokio::test(start_paused = true)]
async fn batches_carry_a_checkpoint_for_the_callers_transaction() {
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice, &bob]));
    for _ in 0..10 {
        upstream.send(alice.commit());
        upstream.send(bob.commit());
    }
    // The caller's database: rows and checkpoint in one transaction.
    let (mut rows, mut stored) = (Vec::new(), Checkpoint::default());
    for round in 0.. {
        let options = strict(&directory);
        let transport = Arc::new(upstream.clone());
        let mut consumer = Consumer::open_on(transport, stored.clone(), options).await.unwrap();
        for number in 0..3 {
            if rows.len() == 20 {
                break;
            }
            let wait = Duration::from_millis(50);
            let batch = consumer.next_batch(100, wait).await.unwrap().unwrap();
            if round % 2 == 1 && number == 1 {
                // The process dies before the transaction commits.
                break;
            }
            rows.extend(batch.events().map(|event| event.seq().unwrap()));
            stored.merge(batch.checkpoint());
            if number == 2 {
                // It dies between the commit and the word of it.
                break;
            }
            batch.committed();
        }
        if rows.len() == 20 {
            break;
        }
    }
    rows.sort_unstable();
    assert_eq!(rows, (1..=20).collect::<Vec<_>>(), "every effect exactly once");
    assert_eq!((stored.cursor, stored.heads.len()), (Some(20), 2));
}

#[tokio::test(start_paused = true)]
async fn rejects_are_bounded_in_bytes_where_the_caller_stores() {
    const CAP: usize = 64 << 10;
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice, &bob]));
    for _ in 0..400 {
        let mut lying = bob.commit();
        lying.repo = alice.did.clone();
        upstream.send(lying);
    }
    upstream.send(alice.commit());
    let options = strict(&directory).max_in_flight_bytes(CAP).max_frame_bytes(10_000);
    let transport = Arc::new(upstream.clone());
    let state = Checkpoint::default();
    let mut consumer = Consumer::open_on(transport, state, options).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(upstream.read() < 100, "{} frames were read ahead", upstream.read());
    let (mut rejects, mut events) = (0, 0);
    while events == 0 {
        let batch = consumer.next_batch(10, Duration::ZERO).await.unwrap().unwrap();
        let held: usize = batch.checkpoint().rejects.iter().map(|reject| reject.frame.len()).sum();
        assert!(held <= CAP, "{held} bytes of rejects");
        rejects += batch.checkpoint().rejects.len();
        events += batch.len();
        batch.committed();
    }
    assert_eq!((rejects, events), (400, 1), "each is told once, and the stream went on");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_at_once_where_the_caller_stores() {
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice, &bob]));
    upstream.send(alice.commit());
    upstream.send(bob.commit());
    // The last one needs nothing, so that no batch comes after it.
    for (last_is_ignored, wait) in [(false, Duration::from_secs(1)), (true, Duration::ZERO)] {
        if last_is_ignored {
            upstream.send(AccountEvent::new(alice.did.clone(), Some("takendown"), TIME));
            upstream.send(alice.commit());
        }
        let transport = Arc::new(upstream.clone());
        let state = Checkpoint::default();
        let mut consumer = Consumer::open_on(transport, state, strict(&directory)).await.unwrap();
        let stopper = consumer.stopper();
        let mut left = if last_is_ignored { 3 } else { 2 };
        while left > 0 {
            let batch = consumer.next_batch(10, wait).await.unwrap().unwrap();
            left -= batch.len();
            batch.committed();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = tokio::time::Instant::now();
        let report = stopper.drain(Duration::from_secs(10)).await;
        assert!(began.elapsed() < Duration::from_secs(1), "it waited for its deadline");
        assert_eq!((report.unsettled, report.saved), (0, !last_is_ignored), "{report:?}");
        assert!(consumer.next_batch(10, wait).await.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn ev_021_a_future_cursor_stops_the_consumer() {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::of(&[]);
    let upstream = Upstream::new();
    upstream.greet(atproto_core::frame::encode_error("FutureCursor", None));
    let options = strict(&directory).start(Start::Cursor(1_000));
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    let delivery = consumer.next().await.unwrap();
    let Event::Gap(Gap::FutureCursor { cursor, .. }) = delivery.event() else { panic!() };
    assert_eq!(*cursor, Some(1_000));
    delivery.ack().await;
    assert!(consumer.next().await.is_none());
    assert!(consumer.stopped().is_some());
    assert_eq!(upstream.cursors(), [Some(1_000)], "no second try with another cursor");
}

#[tokio::test(start_paused = true)]
async fn a_sequence_that_starts_anew_stops_the_consumer() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    let frame = Event2::from(alice.commit()).with_seq(3).encode();
    upstream.greet(frame);
    let options = strict(&directory).start(Start::Cursor(500));
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    let delivery = consumer.next().await.unwrap();
    assert!(matches!(delivery.event(), Event::Gap(Gap::SeqReset { cursor: 500, found: 3, .. })));
    delivery.ack().await;
    assert!(consumer.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn too_slow_is_told_and_resumed_from() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    upstream.greet(atproto_core::frame::encode_error("ConsumerTooSlow", Some("too slow")));
    upstream.send(alice.commit());
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    let delivery = consumer.next().await.unwrap();
    assert!(matches!(delivery.event(), Event::Gap(Gap::ConsumerTooSlow { .. })), "{delivery:?}");
    delivery.ack().await;
    assert_eq!(consumer.next().await.unwrap().event().seq(), Some(1));
    assert_eq!(upstream.cursors().len(), 2);
}

/// The pieces of a name for other kinds of events.
type Event2 = atproto_repo::event::Event;

/// What is informal is passed over, and counted.
#[tokio::test(start_paused = true)]
async fn other_info_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    let info = InfoEvent { name: "Weather".into(), message: None };
    upstream.greet(Event2::from(info).encode());
    upstream.send(alice.commit());
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    assert_eq!(consumer.next().await.unwrap().event().seq(), Some(1));
    assert_eq!(consumer.stats().ignored.get("info"), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn an_ack_of_a_delivery_that_was_taken_back_settles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    upstream.send(alice.commit());
    let options = strict(&directory).ack_deadline(Duration::from_secs(1));
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    let late = consumer.next().await.unwrap();
    let second = consumer.next().await.unwrap();
    assert_eq!((late.attempt(), second.attempt()), (1, 2));
    assert!(!late.ack().await);
    assert_eq!(consumer.stats().in_flight, 1);
    assert!(second.ack().await);
}
