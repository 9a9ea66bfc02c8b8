//! Accounts that cannot be worked on for long: their events wait in the store,
//! and hold up neither the cursor nor the others.

use std::time::Duration;

use atproto_firehose::{
    checkpoint::Checkpoint,
    consumer::{Consumer, ConsumerError},
    event::{Event, Gap},
    intake::{IntakeConfig, Settlement},
    state::{SqliteState, Store},
};

use crate::{
    consumer::{open, strict},
    support::{
        network::{Account, Directory, Upstream},
        rig::{Rig, cost, frame, unverified},
    },
};

const MINUTE: Duration = Duration::from_secs(60);

fn verified() -> IntakeConfig {
    let mut config = unverified();
    config.verify = true;
    config.max_parked_bytes = 1 << 20;
    config.started_at = 1_767_225_600_000_000;
    config
}

/// Account a cannot be resolved, and is parked with the events 1 and 3.
fn parked() -> Rig {
    let mut rig = Rig::new(verified());
    rig.unresolved.insert('a');
    for (seq, letter) in [(1, 'a'), (2, 'b'), (3, 'a')] {
        rig.read(seq, letter);
    }
    assert_eq!(rig.work_off(), [('b', 2)]);
    assert_eq!(rig.intake.stats().cursor, Some(0), "it is held by the first");
    pass(&mut rig, 2 * MINUTE);
    rig
}

/// Time passes in steps, as it does with timers.
fn pass(rig: &mut Rig, time: Duration) {
    let end = rig.now + time;
    while let Some(next) = rig.intake.poll_timeout().filter(|next| *next <= end) {
        rig.wait(next.saturating_duration_since(rig.now));
    }
    rig.wait(end - rig.now);
}

#[test]
fn an_identity_that_stays_unresolved_releases_the_cursor_and_loses_nothing() {
    let mut rig = parked();
    let stats = rig.intake.stats();
    assert_eq!((stats.cursor, stats.in_flight), (Some(3), 0), "{stats:?}");
    assert_eq!((stats.parked, stats.parked_accounts), (2, 1));
    assert_eq!(stats.parkings.get("identity"), Some(&2));
    // The cursor and what it has passed are one checkpoint.
    let passed = rig.saved.iter().find(|saved| saved.cursor == Some(3)).unwrap();
    let seqs: Vec<i64> = passed.parked.iter().map(|parked| parked.seq).collect();
    assert_eq!(seqs, [1, 3]);

    // What comes later waits behind, others do not.
    for (seq, letter) in [(4, 'a'), (5, 'b')] {
        rig.read(seq, letter);
    }
    assert_eq!(rig.work_off(), [('b', 5)]);
    rig.unresolved.clear();
    pass(&mut rig, 10 * MINUTE);
    assert_eq!(rig.work_off(), [('a', 1), ('a', 3), ('a', 4)]);
    pass(&mut rig, MINUTE);
    let stats = rig.intake.stats();
    assert_eq!((stats.parked, stats.parked_bytes, stats.unparked), (0, 0, 3));
    assert!(rig.parked.is_empty() && rig.intake.is_saved());
}

#[test]
fn parked_events_leave_the_store_with_the_checkpoint_that_has_them_settled() {
    let mut rig = parked();
    rig.unresolved.clear();
    pass(&mut rig, 10 * MINUTE);
    let (_, seq, first) = rig.next().unwrap();
    assert_eq!((seq, rig.parked.len()), (1, 2), "delivered and not settled");
    let with = rig.intake.checkpoint_with(&[first]);
    assert_eq!(with.unparked.len(), 1, "for the transaction of its effects");
    assert_eq!(rig.intake.checkpoint_with(&[]).unparked, [0; 0]);

    // A crash now delivers it again, and a crash after the checkpoint does not.
    rig.restart(verified());
    let (_, seq, first) = rig.next().unwrap();
    assert_eq!(seq, 1);
    rig.settle(first, Settlement::Ack);
    rig.wait(MINUTE / 60);
    rig.restart(verified());
    assert_eq!(rig.work_off(), [('a', 3)]);
}

#[test]
fn a_restart_keeps_order_behind_what_is_parked() {
    let mut rig = parked();
    rig.restart(verified());
    rig.read(4, 'a');
    assert_eq!(rig.work_off(), []);
    rig.restart(verified());
    // The fourth had not been stored; it comes again, and again it waits.
    rig.read(4, 'a');
    rig.unresolved.clear();
    pass(&mut rig, 10 * MINUTE);
    assert_eq!(rig.work_off(), [('a', 1), ('a', 3), ('a', 4)]);
}

#[test]
fn an_account_is_tried_again_with_growing_waits() {
    let mut rig = parked();
    let tries = |rig: &mut Rig, time| {
        let before = rig.intake.stats().deferred;
        pass(rig, time);
        rig.intake.stats().deferred - before
    };
    let first = tries(&mut rig, 5 * MINUTE);
    pass(&mut rig, 60 * MINUTE);
    let later = tries(&mut rig, 60 * MINUTE);
    assert!((2..=10).contains(&first), "{first}");
    assert!((6..=12).contains(&later), "{later} in an hour, at most every five minutes");
}

#[test]
fn a_full_parking_place_is_backpressure() {
    let mut config = verified();
    config.max_parked_bytes = 20 * frame(1, 'a').len() as u64;
    let mut rig = Rig::new(config);
    rig.unresolved.insert('a');
    rig.read(1, 'a');
    pass(&mut rig, 2 * MINUTE);
    let mut seq = 1;
    while rig.read(seq + 1, 'a') {
        seq += 1;
        rig.wait(MINUTE / 60);
        assert!(seq < 100);
    }
    let stats = rig.intake.stats();
    assert_eq!(stats.pressure, Some("parking"));
    assert!(stats.parked_bytes <= 20 * frame(1, 'a').len() as u64);
    rig.unresolved.clear();
    let mut done = Vec::new();
    while seq < 50 {
        pass(&mut rig, 10 * MINUTE);
        done.extend(rig.work_off().into_iter().map(|(_, seq)| seq));
        while rig.read(seq + 1, 'a') {
            seq += 1;
        }
    }
    done.extend(rig.work_off().into_iter().map(|(_, seq)| seq));
    assert!(done.into_iter().eq(1..=seq));
}

#[test]
fn parked_events_that_wait_to_be_stored_are_part_of_the_budget() {
    let mut config = verified();
    config.max_in_flight_bytes = 20 * cost();
    let mut rig = Rig::new(config);
    rig.unresolved.insert('a');
    rig.read(1, 'a');
    pass(&mut rig, 2 * MINUTE);
    rig.saves_fail = true;
    let mut seq = 1;
    while rig.read(seq + 1, 'a') {
        seq += 1;
        assert!(seq < 100);
    }
    let stats = rig.intake.stats();
    assert_eq!(stats.pressure, Some("bytes"));
    assert!(stats.unsaved_bytes + stats.in_flight_bytes <= 20 * cost() as u64);
    rig.saves_fail = false;
    pass(&mut rig, MINUTE);
    assert!(rig.read(seq + 1, 'a'), "{:?}", rig.intake.stats());
}

#[test]
fn by_choice_a_slow_account_is_parked_above_its_budget() {
    let mut config = verified();
    config.max_account_bytes = 4 * cost();
    config.park_slow = true;
    let mut rig = Rig::new(config);
    rig.read(1, 'a');
    let (_, _, stuck) = rig.next().unwrap();
    for seq in 2..=50 {
        rig.read(seq, 'a');
    }
    rig.wait(MINUTE / 60);
    let stats = rig.intake.stats();
    assert_eq!((stats.in_flight, stats.parked), (4, 46));
    assert_eq!(rig.intake.checkpoint_with(&[]).unsettled, [1, 2, 3, 4]);
    rig.settle(stuck, Settlement::Ack);
    assert!(rig.work_off().into_iter().map(|(_, seq)| seq).eq(2..=50));
}

#[test]
fn whoever_works_on_an_account_can_park_it_and_take_it_up_again() {
    let mut rig = Rig::new(verified());
    for seq in 1..=3 {
        rig.read(seq, 'a');
    }
    let (_, _, first) = rig.next().unwrap();
    rig.settle(first, Settlement::Park);
    rig.read(4, 'a');
    pass(&mut rig, 600 * MINUTE);
    assert_eq!(rig.work_off(), [], "it waits to be told");
    assert_eq!(rig.intake.stats().cursor, Some(4));
    let did = crate::support::rig::account('a');
    assert!(rig.intake.unpark(rig.now, &did));
    rig.act();
    // Once more, before the rest.
    let (_, seq, again) = rig.next().unwrap();
    assert_eq!(seq, 1);
    rig.settle(again, Settlement::Park);
    rig.restart(verified());
    assert_eq!(rig.work_off().len(), 4, "the next process knows nothing of a reason to wait");
    assert!(!rig.intake.unpark(rig.now, &did));
}

#[test]
fn what_the_store_has_lost_is_a_gap() {
    let mut rig = parked();
    rig.parked.remove(&1);
    rig.unresolved.clear();
    pass(&mut rig, 10 * MINUTE);
    let delivered = rig.intake.poll_delivery(rig.now).unwrap();
    assert!(matches!(&*delivered.event, Event::Gap(Gap::Repo { .. })), "{delivered:?}");
    rig.settle(delivered.id, Settlement::Ack);
    assert_eq!(rig.work_off(), [('a', 3)]);
    assert_eq!(rig.intake.stats().rejected.get("invalid_message"), Some(&1));
}

#[test]
fn three_figures_say_how_far_behind_it_is() {
    let mut rig = Rig::new(verified());
    let lag = rig.intake.lag(rig.now);
    assert_eq!((lag.head, lag.watermark, lag.parked), (None, None, None));
    rig.unresolved.insert('a');
    // The events name the time of the start.
    rig.read(1, 'a');
    rig.wait(MINUTE / 2);
    let lag = rig.intake.lag(rig.now);
    assert_eq!((lag.head, lag.watermark, lag.parked), (Some(MINUTE / 2), Some(MINUTE / 2), None));
    pass(&mut rig, MINUTE);
    let lag = rig.intake.lag(rig.now);
    assert_eq!((lag.head, lag.watermark), (Some(MINUTE * 3 / 2), None), "the cursor is free");
    assert!(lag.parked.is_some_and(|parked| parked > Duration::ZERO && parked <= MINUTE / 2));
    // It is known in the next process too.
    let age = lag.parked.unwrap();
    let mut config = verified();
    config.started_at += i64::try_from(3 * MINUTE.as_micros() / 2).unwrap();
    rig.restart(config);
    assert_eq!(rig.intake.lag(rig.now).parked, Some(age));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_parks_in_sqlite_and_goes_on_after_an_outage_and_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&bob]));
    for _ in 0..3 {
        upstream.send(alice.commit());
    }
    directory.set_down(true);
    let options = || strict(&directory).parking(1 << 20);
    let consumer = open(&upstream, &path, options()).await;
    tokio::time::sleep(Duration::from_secs(150)).await;
    assert_eq!((consumer.stats().parked, consumer.stats().cursor), (3, Some(3)));
    drop(consumer);
    assert_eq!(SqliteState::open(&path).unwrap().parked().await.unwrap().len(), 3);

    upstream.send(bob.commit());
    upstream.send(alice.commit());
    let document = crate::support::network::document(&alice.did, &alice.key, "pds.example");
    directory.set(document);
    directory.set_down(false);
    let mut consumer = open(&upstream, &path, options()).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let delivery = consumer.next().await.unwrap();
        assert!(matches!(delivery.event(), Event::Commit(_)), "in order, so the chain holds");
        seen.push(delivery.event().seq().unwrap());
        assert!(delivery.ack().await);
    }
    assert_eq!(upstream.cursors(), [Some(0), Some(3)]);
    seen.retain(|seq| *seq != 4);
    assert_eq!(seen, [1, 2, 3, 5]);
    consumer.stopper().drain(MINUTE).await;
    assert_eq!(SqliteState::open(&path).unwrap().parked().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn parked_events_are_settled_in_the_callers_transaction_exactly_once() {
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&bob]));
    upstream.send(alice.commit());
    upstream.send(bob.commit());
    let (mut rows, mut stored) = (Vec::new(), Checkpoint::default());
    directory.set_down(true);
    for round in 0..8 {
        let options = strict(&directory).parking(1 << 20).park_after(Duration::ZERO);
        let transport = std::sync::Arc::new(upstream.clone());
        let mut consumer = Consumer::open_on(transport, stored.clone(), options).await.unwrap();
        if round == 1 {
            let document = crate::support::network::document(&alice.did, &alice.key, "pds.example");
            directory.set(document);
            directory.set_down(false);
        }
        let wait = Duration::from_secs(100);
        let next = tokio::time::timeout(wait, consumer.next_batch(1, Duration::ZERO)).await;
        let Ok(batch) = next else {
            // Nothing can be worked on, so that there is no batch; the parked
            // events are in the checkpoint all the same.
            stored.merge(&consumer.checkpoint());
            assert_eq!((stored.cursor, stored.parked.len()), (Some(2), 2));
            continue;
        };
        let batch = batch.unwrap().unwrap();
        if round % 2 == 0 {
            // The process dies before the transaction commits.
            continue;
        }
        rows.extend(batch.events().map(|event| event.seq().unwrap()));
        stored.merge(batch.checkpoint());
        // It dies before it hears of the commit.
        if rows.len() == 2 {
            break;
        }
    }
    rows.sort_unstable();
    assert_eq!(rows, [1, 2], "every effect exactly once");
    assert_eq!((stored.parked, stored.cursor), (Vec::new(), Some(2)));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_park_is_refused() {
    struct Plain(atproto_firehose::state::MemoryState);
    impl Store for Plain {
        fn load(&self) -> atproto_firehose::state::Stored<'_, Checkpoint> {
            self.0.load()
        }
        fn take_over(&self) -> atproto_firehose::state::Stored<'_, Checkpoint> {
            self.0.take_over()
        }
        fn head<'a>(
            &'a self,
            did: &'a atproto_core::syntax::Did,
        ) -> atproto_firehose::state::Stored<'a, Option<atproto_firehose::checkpoint::Head>>
        {
            self.0.head(did)
        }
        fn save(&self, checkpoint: Checkpoint) -> atproto_firehose::state::Stored<'_, ()> {
            self.0.save(checkpoint)
        }
    }
    let directory = Directory::of(&[]);
    let state = Plain(atproto_firehose::state::MemoryState::default());
    let transport = std::sync::Arc::new(Upstream::new());
    let opened = Consumer::open_on(transport, state, strict(&directory).parking(1)).await;
    assert!(matches!(opened, Err(ConsumerError::NoParking)), "events would be lost");
}
