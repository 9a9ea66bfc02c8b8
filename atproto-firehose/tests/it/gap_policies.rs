//! What follows each kind of gap, under each policy.

use std::time::Duration;

use atproto_core::frame;
use atproto_firehose::event::{Event, Gap};
use atproto_firehose::intake::{
    DeliveryId, GapPolicies, GapPolicy, IntakeConfig, Settlement, Start,
};
use atproto_repo::event::{Event as Message, InfoEvent};
use bytes::Bytes;

use crate::support::rig::{self, Rig, unverified};

const SECOND: Duration = Duration::from_secs(1);

fn with(policies: impl FnOnce(&mut GapPolicies)) -> IntakeConfig {
    let mut config = unverified();
    config.start = Some(Start::Cursor(500));
    config.backoff_base = SECOND;
    policies(&mut config.gaps);
    config
}

/// How each kind of gap comes about at cursor 500, and its label.
fn kinds() -> Vec<(&'static str, Bytes)> {
    let outdated = InfoEvent { name: "OutdatedCursor".into(), message: None };
    vec![
        ("outdated_cursor", Message::from(outdated).encode().into()),
        ("future_cursor", frame::encode_error("FutureCursor", None).into()),
        ("consumer_too_slow", frame::encode_error("ConsumerTooSlow", None).into()),
        ("seq_jump", rig::frame(1 << 50, 'a')),
        ("seq_reset", rig::frame(3, 'a')),
    ]
}

fn all(policy: GapPolicy) -> impl FnOnce(&mut GapPolicies) {
    move |gaps| {
        gaps.outdated_cursor = policy;
        gaps.future_cursor = policy;
        gaps.consumer_too_slow = policy;
        gaps.seq_jump = policy;
        gaps.seq_reset = policy;
    }
}

fn gap(rig: &mut Rig) -> Option<(&'static str, DeliveryId)> {
    let delivered = rig.intake.poll_delivery(rig.now)?;
    match &*delivered.event {
        Event::Gap(gap) => Some((gap.label(), delivered.id)),
        event => panic!("{event:?}"),
    }
}

fn reconnect(rig: &mut Rig) {
    rig.intake.handle_closed(rig.now, "reset");
    rig.wait(60 * SECOND);
}

fn feed(rig: &mut Rig, frame: Bytes) {
    rig.intake.handle_frame(rig.now, frame);
    rig.act();
}

#[test]
fn the_defaults_stop_where_somebody_has_to_decide() {
    for (label, frame) in kinds() {
        let mut rig = Rig::new(with(|_| {}));
        feed(&mut rig, frame);
        assert_eq!(gap(&mut rig).unwrap().0, label);
        let stops = ["future_cursor", "seq_reset"].contains(&label);
        assert_eq!(rig.intake.halted().is_some(), stops, "{label}");
    }
}

#[test]
fn each_gap_can_halt_the_consumer() {
    for (label, frame) in kinds() {
        let mut rig = Rig::new(with(all(GapPolicy::Halt)));
        feed(&mut rig, frame);
        let (told, id) = gap(&mut rig).unwrap();
        assert_eq!(told, label);
        rig.settle(id, Settlement::Ack);
        assert_eq!(rig.work(), None, "{label}: nothing after it is taken");
        assert!(rig.intake.halted().is_some() && rig.intake.is_drained());
        rig.wait(600 * SECOND);
        assert_eq!(rig.cursors, [Some(500)]);
        assert_eq!(rig.intake.stats().cursor, Some(500), "{label}");
    }
}

#[test]
fn each_gap_can_begin_the_stream_anew_once_all_is_settled() {
    let starts = [(Start::Oldest, Some(0)), (Start::Live, None), (Start::Cursor(9), Some(9))];
    for (start, cursor) in starts {
        for (label, frame) in kinds() {
            let mut rig = Rig::new(with(all(GapPolicy::Restart(start))));
            rig.read(501, 'a');
            reconnect(&mut rig);
            feed(&mut rig, frame);
            let (account, _, first) = rig.next().unwrap();
            let (told, id) = gap(&mut rig).unwrap();
            assert_eq!((account, told), ('a', label));
            rig.settle(id, Settlement::Ack);
            rig.wait(60 * SECOND);
            assert_eq!(rig.cursors.len(), 2, "{label}: one event is not settled");
            let due = rig.intake.poll_timeout();
            assert!(due.is_none_or(|due| due > rig.now), "{label}: nothing to do but to wait");
            rig.settle(first, Settlement::Ack);
            rig.wait(60 * SECOND);
            assert_eq!(rig.cursors, [Some(500), Some(501), cursor], "{label}");
            assert_eq!(rig.intake.stats().restarts.values().sum::<u64>(), 1);
            // The old numbers mean nothing any more.
            for seq in [10, 11, 501] {
                assert!(rig.read(seq, 'b'));
                assert_eq!(rig.work(), Some(('b', seq)), "{label}");
            }
            rig.wait(SECOND);
            assert_eq!(rig.saved.last().unwrap().cursor, Some(501));
        }
    }
}

/// What the spool gives back comes again from the upstream. One that counts anew sends it no more.
#[test]
fn what_is_given_back_before_a_new_beginning_is_counted() {
    let mut config = with(|gaps| gaps.seq_reset = GapPolicy::Restart(Start::Oldest));
    (config.max_account_bytes, config.max_spool_bytes) = (rig::cost(), 1 << 20);
    let mut rig = Rig::new(config);
    rig.spool_reads_fail = true;
    (501..=504).for_each(|seq| assert!(rig.read(seq, 'a')));
    assert_eq!(rig.intake.stats().in_spool, 3);
    assert_eq!(rig.work(), Some(('a', 501)));
    rig.wait(60 * SECOND);
    assert_eq!(rig.cursors, [Some(500), Some(501)], "it is asked for again");
    feed(&mut rig, rig::frame(3, 'a'));
    let (label, id) = gap(&mut rig).unwrap();
    assert_eq!(label, "seq_reset");
    rig.settle(id, Settlement::Ack);
    rig.wait(60 * SECOND);
    assert_eq!(rig.cursors.last(), Some(&Some(0)));
    assert_eq!(rig.intake.stats().ignored.get("restart"), Some(&3));
}

#[test]
fn a_crash_before_the_new_beginning_is_stored_finds_the_gap_again() {
    let mut rig = Rig::new(with(all(GapPolicy::Restart(Start::Oldest))));
    rig.read(501, 'a');
    rig.work_off();
    reconnect(&mut rig);
    feed(&mut rig, rig::frame(3, 'a'));
    let (_, id) = gap(&mut rig).unwrap();
    rig.settle(id, Settlement::Ack);
    rig.restart(with(all(GapPolicy::Restart(Start::Oldest))));
    assert_eq!(rig.cursors.last(), Some(&Some(501)));
    feed(&mut rig, rig::frame(3, 'a'));
    assert_eq!(gap(&mut rig).unwrap().0, "seq_reset");
}

#[test]
fn an_upstream_that_is_behind_is_asked_again_and_told_once() {
    let mut rig = Rig::new(with(all(GapPolicy::Deliver)));
    let future = || frame::encode_error("FutureCursor", None).into();
    for _ in 0..5 {
        feed(&mut rig, future());
        rig.wait(60 * SECOND);
    }
    assert_eq!(rig.cursors, [Some(500); 6]);
    assert_eq!(rig.intake.stats().gaps.get("future_cursor"), Some(&5));
    assert_eq!(rig.intake.stats().in_flight, 1, "it fills no memory");
    let (_, id) = gap(&mut rig).unwrap();
    rig.settle(id, Settlement::Ack);
    feed(&mut rig, future());
    assert!(gap(&mut rig).is_some(), "once it is settled it is told again");
    rig.wait(60 * SECOND);
    assert!(rig.read(501, 'a'));
    assert_eq!(rig.work(), Some(('a', 501)));
}

#[test]
fn errors_without_a_policy_are_delivered_under_their_name() {
    let mut rig = Rig::new(with(all(GapPolicy::Halt)));
    feed(&mut rig, frame::encode_error("Maintenance", Some("back soon")).into());
    let delivered = rig.intake.poll_delivery(rig.now).unwrap();
    let Event::Gap(Gap::Upstream { name, message, .. }) = &*delivered.event else { panic!() };
    assert_eq!((name.as_str(), message.as_deref()), ("Maintenance", Some("back soon")));
    assert!(rig.intake.halted().is_none());
}
