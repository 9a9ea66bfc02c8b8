//! What is held, and for how long.

use std::time::Duration;

use atproto_core::syntax::{Cid, Tid};
use atproto_firehose::intake::{Action, Settlement};
use atproto_repo::event::{CommitEvent, Event as Message};
use bytes::Bytes;

use crate::support::network::TIME;
use crate::support::rig::{Rig, account, cost, frame, unverified};

/// A commit whose frame has at least so many bytes.
fn commit(seq: i64, bytes: usize) -> Bytes {
    let commit = CommitEvent {
        seq,
        repo: account('a'),
        commit: Cid::dag_cbor(b"commit"),
        rev: Tid::from_parts(1_700_000_000_000_000 + seq as u64, 0),
        since: None,
        prev_data: None,
        blocks: vec![0; bytes].into(),
        ops: Vec::new(),
        time: TIME.into(),
        too_big: false,
        rebase: false,
    };
    Message::from(commit).encode().into()
}

#[test]
fn queues_are_bounded_by_bytes_and_not_by_slots() {
    let fits = |bytes| {
        let mut config = unverified();
        config.max_in_flight_bytes = 1 << 20;
        config.max_frame_bytes = 50_000;
        let mut rig = Rig::new(config);
        let mut seq = 0;
        while rig.intake.wants_frames() {
            seq += 1;
            rig.intake.handle_frame(rig.now, commit(seq, bytes));
        }
        assert!(rig.intake.stats().in_flight_bytes <= 1 << 20);
        seq
    };
    assert_eq!(fits(40_000), 25, "few large ones");
    assert!(fits(10) > 800, "or many small ones");
}

#[test]
fn memory_is_bounded_with_one_worker_too() {
    let mut config = unverified();
    config.max_in_flight_bytes = 20 * cost();
    let mut rig = Rig::new(config);
    let (mut seq, mut done) = (0, 0);
    for _ in 0..500 {
        while rig.read(seq + 1, 'a') {
            seq += 1;
        }
        assert!(rig.intake.stats().in_flight_bytes <= 20 * cost() as u64);
        done += 1;
        assert_eq!(rig.work(), Some(('a', done)), "nothing is dropped");
    }
}

#[test]
fn what_an_account_has_too_much_is_not_dropped() {
    let mut config = unverified();
    config.max_account_bytes = 2 * cost();
    let mut rig = Rig::new(config);
    for seq in 1..=100 {
        assert!(rig.read(seq, 'a'));
    }
    assert!(rig.work_off().into_iter().eq((1..=100).map(|seq| ('a', seq))));
}

#[test]
fn late_acks_stop_the_reading_and_not_the_process() {
    let mut config = unverified();
    config.max_in_flight_events = 30;
    let mut rig = Rig::new(config);
    let mut seq = 0;
    while rig.read(seq + 1, 'a') {
        seq += 1;
    }
    assert_eq!((seq, rig.intake.pressure()), (30, Some("events")));
}

#[test]
fn accounts_leave_nothing_behind() {
    let mut rig = Rig::new(unverified());
    for seq in 1..=2_600 {
        rig.read(seq, char::from(b'a' + (seq % 26) as u8));
        rig.work_off();
    }
    rig.wait(Duration::from_secs(1));
    let stats = rig.intake.stats();
    assert_eq!((stats.lanes, stats.in_flight, stats.in_flight_bytes), (0, 0, 0));
    assert_eq!(rig.intake.poll_timeout(), None, "no timer either");
}

#[test]
fn an_account_is_verified_once_at_a_time_and_all_within_a_limit() {
    let mut config = unverified();
    config.verify = true;
    config.max_verifications = 5;
    let mut rig = Rig::new(config);
    for seq in 1..=200 {
        rig.intake.handle_frame(rig.now, frame(seq, char::from(b'a' + (seq % 10) as u8)));
    }
    let mut asked = Vec::new();
    while let Some(action) = rig.intake.poll_action(rig.now) {
        match action {
            Action::LoadHead { id, .. } => rig.intake.handle_head(id, None),
            Action::Verify { event, .. } => asked.push(event.did().unwrap().clone()),
            action => panic!("{action:?}"),
        }
    }
    assert_eq!(asked.len(), 5, "of ten accounts with twenty events each");
    asked.dedup();
    assert_eq!(asked.len(), 5, "each of another account");
}

#[test]
fn a_settled_event_frees_its_bytes_at_once() {
    let mut rig = Rig::new(unverified());
    rig.read(1, 'a');
    rig.read(2, 'b');
    let (_, _, first) = rig.next().unwrap();
    let before = rig.intake.stats().in_flight_bytes;
    rig.settle(first, Settlement::Ack);
    assert_eq!(rig.intake.stats().in_flight_bytes * 2, before);
}
