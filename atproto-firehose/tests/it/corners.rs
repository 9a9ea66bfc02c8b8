//! Where limits, gaps, saves and the end meet.

use std::time::Duration;

use atproto_core::frame;
use atproto_firehose::event::{Event, Gap};
use atproto_firehose::intake::{Action, DeliveryId, Intake, IntakeConfig, Settlement, Start};
use atproto_repo::event::{Event as Message, InfoEvent};
use bytes::Bytes;

use crate::support::rig::{self, Rig, cost, unverified};

const SECOND: Duration = Duration::from_secs(1);

/// A commit without content and without an account.
fn of_nobody(seq: Option<u8>) -> Bytes {
    let body = match seq {
        Some(seq) => vec![0xa1, 0x63, b's', b'e', b'q', seq],
        None => vec![0xa0],
    };
    let mut frame = frame::encode_message("#commit", &[]);
    frame.extend(body);
    frame.into()
}

fn at(cursor: i64) -> IntakeConfig {
    let mut config = unverified();
    config.start = Some(Start::Cursor(cursor));
    config
}

fn gap(rig: &mut Rig) -> (Gap, DeliveryId) {
    let delivered = rig.intake.poll_delivery(rig.now).expect("a gap");
    match &*delivered.event {
        Event::Gap(gap) => (gap.clone(), delivered.id),
        event => panic!("{event:?}"),
    }
}

fn outdated(rig: &mut Rig) {
    let info = InfoEvent { name: "OutdatedCursor".into(), message: None };
    rig.intake.handle_frame(rig.now, Message::from(info).encode().into());
    rig.act();
}

#[test]
fn rejects_without_a_number_are_stored_and_do_not_stop_the_reading_for_ever() {
    let mut config = unverified();
    config.max_unsaved_rejects = 10;
    let mut rig = Rig::new(config);
    for _ in 0..10 {
        rig.intake.handle_frame(rig.now, of_nobody(None));
    }
    assert_eq!(rig.intake.pressure(), Some("unsaved"));
    rig.wait(SECOND);
    assert_eq!(rig.saved.iter().map(|saved| saved.rejects.len()).sum::<usize>(), 10);
    assert_eq!((rig.intake.pressure(), rig.intake.stats().unsaved_bytes), (None, 0));
}

#[test]
fn a_reject_that_comes_again_after_a_reconnection_is_one() {
    let mut rig = Rig::new(unverified());
    for _ in 0..3 {
        rig.intake.handle_frame(rig.now, of_nobody(Some(1)));
        rig.intake.handle_closed(rig.now, "reset");
        rig.wait(60 * SECOND);
    }
    let stats = rig.intake.stats();
    assert_eq!((stats.rejected["invalid_message"], stats.duplicates), (1, 2));
}

#[test]
fn a_jump_that_was_not_settled_is_found_again_after_a_crash() {
    let mut rig = Rig::new(at(500));
    rig.read(1 << 50, 'a');
    let (told, _) = gap(&mut rig);
    assert_eq!(rig.work(), Some(('a', 1 << 50)), "what comes after it does not wait");
    rig.wait(SECOND);
    assert_eq!(rig.saved.last().unwrap().cursor, Some(500));
    rig.restart(at(500));
    rig.read(1 << 50, 'a');
    assert_eq!(gap(&mut rig).0.label(), told.label());
    assert_eq!(rig.work(), None, "the event itself is settled");
}

#[test]
fn a_cursor_that_is_called_outdated_late_moves_none_back() {
    let mut rig = Rig::new(at(500));
    for seq in 501..=510 {
        rig.read(seq, 'a');
    }
    assert_eq!(rig.work_off().len(), 10);
    outdated(&mut rig);
    assert_eq!(rig.intake.stats().cursor, Some(510));
    let (_, id) = gap(&mut rig);
    rig.settle(id, Settlement::Ack);
    assert_eq!(rig.intake.stats().cursor, Some(510));

    let mut config = unverified();
    config.start = Some(Start::Live);
    let mut live = Rig::new(config);
    outdated(&mut live);
    live.read(1_000, 'a');
    assert_eq!(live.intake.stats().cursor, Some(999), "there was none to be outdated");
}

#[test]
fn a_gap_stored_in_a_batch_does_not_settle_the_event_after_it() {
    let mut rig = Rig::new(at(500));
    outdated(&mut rig);
    let (_, id) = gap(&mut rig);
    let checkpoint = rig.intake.checkpoint_with(&[id]);
    let mut next = Intake::new(at(0), &checkpoint, rig.now);
    next.poll_action(rig.now);
    next.handle_connected(rig.now);
    next.handle_frame(rig.now, rig::frame(501, 'a'));
    assert!(next.poll_delivery(rig.now).is_some(), "{checkpoint:?}");
}

#[test]
fn waits_without_end_are_no_panic() {
    let mut config = unverified();
    (config.ack_deadline, config.flush_interval) = (Duration::MAX, Duration::MAX);
    let mut rig = Rig::new(config);
    rig.read(1, 'a');
    let (_, _, id) = rig.next().unwrap();
    rig.settle(id, Settlement::Retry(Duration::MAX));
    rig.wait(SECOND);
    assert_eq!(rig.work(), None);
    rig.intake.halt("the end");
    assert!(!rig.intake.is_at_rest());
}

#[test]
fn two_batches_at_a_time_lose_nothing_of_what_comes_meanwhile() {
    let mut config = unverified();
    (config.persist, config.max_parked_bytes) = (false, 10_000);
    let mut rig = Rig::new(config);
    for (seq, letter) in (1..).zip(['a', 'b', 'c', 'd', 'e', 'f']) {
        rig.read(seq, letter);
    }
    let ids: Vec<DeliveryId> = std::iter::from_fn(|| rig.next()).map(|next| next.2).collect();
    let reject = || Settlement::Reject("bad".into());
    rig.settle(ids[0], reject());
    rig.settle(ids[1], Settlement::Park);
    let first = rig.intake.checkpoint_with(&ids[2..3]);
    let second = rig.intake.checkpoint_with(&ids[3..4]);
    rig.settle(ids[4], reject());
    rig.settle(ids[5], Settlement::Park);
    rig.intake.handle_committed(rig.now, &ids[2..3], &first);
    rig.intake.handle_committed(rig.now, &ids[3..4], &second);
    let rest = rig.intake.checkpoint_with(&[]);
    let parked: Vec<i64> = rest.parked.iter().map(|parked| parked.seq).collect();
    let rejects: Vec<i64> = rest.rejects.iter().map(|reject| reject.seq).collect();
    assert_eq!((rejects, parked), (vec![5], vec![6]), "neither is stored yet");
}

#[test]
fn a_drain_ends_with_a_full_parking_place_and_events_for_it_in_the_spool() {
    let mut config = unverified();
    let frame = rig::frame(1, 'a').len();
    config.max_account_bytes = 2 * cost();
    config.max_spool_bytes = 1 << 20;
    config.max_frame_bytes = frame;
    config.max_parked_bytes = 2 * cost() as u64;
    let mut rig = Rig::new(config.clone());
    for seq in 1..=40 {
        assert!(rig.read(seq, 'a'));
    }
    let (_, _, id) = rig.next().unwrap();
    rig.settle(id, Settlement::Park);
    let stats = rig.intake.stats();
    assert!(stats.parked > 0 && stats.in_spool > 0, "{stats:?}");
    assert_eq!(stats.parked + stats.in_spool, 40);
    rig.intake.halt("the end");
    rig.act();
    rig.wait(SECOND);
    assert!(rig.intake.is_at_rest(), "{:?}", rig.intake.stats());
    assert!(rig.spool.is_empty());

    // The next process has all of them, in order.
    rig.restart(config);
    let mut worked = Vec::new();
    for _ in 0..100 {
        worked.extend(rig.work_off());
        rig.wait(SECOND);
        let next = rig.intake.stats().received + 1;
        if next <= 40 {
            rig.read(next, 'a');
        }
    }
    assert!(worked.into_iter().eq((1..=40).map(|seq| ('a', seq))));
    assert_eq!(rig.intake.stats().cursor, Some(40), "{:?}", rig.intake.stats());
}

#[test]
fn what_waits_for_memory_comes_when_a_parked_event_cannot_be_read() {
    let mut config = unverified();
    config.max_account_bytes = cost();
    (config.max_spool_bytes, config.max_parked_bytes) = (1 << 20, 1 << 20);
    config.max_frame_bytes = rig::frame(1, 'a').len();
    // Two events in memory, and one in the spool.
    config.max_in_flight_bytes = 2 * cost() + 256;
    let mut rig = Rig::new(config);
    rig.read(1, 'a');
    let (_, _, id) = rig.next().unwrap();
    rig.settle(id, Settlement::Park);
    rig.wait(SECOND);
    rig.saves_fail = true;
    rig.read(2, 'b');
    rig.read(3, 'b');
    let (_, _, id) = rig.next().unwrap();
    rig.intake.unpark(rig.now, &rig::account('a'));
    let Some(Action::LoadParked { id: loading, .. }) = rig.intake.poll_action(rig.now) else {
        panic!("the parked event comes back");
    };
    rig.settle(id, Settlement::Reject("bad".into()));
    assert!(rig.next().is_none(), "a reject that is not stored is in the way");
    rig.intake.handle_parked_failed(rig.now, loading);
    rig.act();
    assert_eq!(rig.work(), Some(('b', 3)));
}
