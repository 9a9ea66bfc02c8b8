//! Several upstreams of the same network, of which one is read at a time. Each
//! counts for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use atproto_core::frame;
use atproto_firehose::checkpoint::Checkpoint;
use atproto_firehose::consumer::{
    Connecting, Consumer, ConsumerError, Transport, TransportError, Upstream as Named,
};
use atproto_firehose::event::Event;
use atproto_firehose::intake::{Action, GapPolicy, Intake, IntakeConfig, Settlement, Start};
use atproto_firehose::state::SqliteState;
use atproto_repo::event::AccountEvent;
use futures::FutureExt;

use crate::consumer::strict;
use crate::support::network::{Account, Directory, TIME, Upstream};
use crate::support::rig::{Rig, unverified};

const SECOND: Duration = Duration::from_secs(1);

fn two() -> IntakeConfig {
    let mut config = unverified();
    config.start = Some(Start::Cursor(100));
    config.upstreams = vec!["one".into(), "two".into()];
    config.failover_after = 3;
    config
}

/// The connections of an intake, as (upstream, cursor), each of which fails.
fn fail(rig: &mut Rig, times: usize) -> Vec<(usize, Option<i64>)> {
    let mut dials = Vec::new();
    for _ in 0..times {
        rig.now += 60 * SECOND;
        while let Some(action) = rig.intake.poll_action(rig.now) {
            match action {
                Action::Connect { upstream, cursor } => {
                    dials.push((upstream, cursor));
                    rig.intake.handle_closed(rig.now, "connect");
                }
                Action::Persist(checkpoint) => {
                    rig.saved.push(*checkpoint);
                    rig.intake.handle_persisted();
                }
                action => panic!("{action:?}"),
            }
        }
    }
    dials
}

fn cut(rig: &mut Rig) {
    rig.intake.handle_closed(rig.now, "reset");
}

fn position(checkpoint: &Checkpoint) -> (Option<&str>, Option<i64>, Vec<(&str, i64)>) {
    let positions = checkpoint.positions.iter().map(|(name, cursor)| (&**name, *cursor));
    (checkpoint.upstream.as_deref(), checkpoint.cursor, positions.collect())
}

#[test]
fn after_failures_in_a_row_the_next_is_read_from_a_position_of_its_own() {
    let mut rig = Rig::new(two());
    rig.read(101, 'a');
    rig.work_off();
    cut(&mut rig);
    // The cut is the first failure.
    assert_eq!(
        fail(&mut rig, 3),
        [(0, Some(101)), (0, Some(101)), (1, Some(0))],
        "the second is begun with the oldest that it has"
    );
    assert_eq!(rig.intake.stats().failovers.get("failures"), Some(&1));
    rig.wait(60 * SECOND);
    assert!(rig.read(7, 'b'), "its numbers are lower, and that is no reset");
    assert_eq!(rig.work_off(), [('b', 7)]);
    rig.wait(SECOND);
    let saved = rig.saved.last().unwrap();
    assert_eq!(position(saved), (Some("two"), Some(7), vec![("one", 101)]));

    // Back to the first, where it was left.
    rig.wait(60 * SECOND);
    cut(&mut rig);
    assert_eq!(fail(&mut rig, 3), [(1, Some(7)), (1, Some(7)), (0, Some(101))]);
}

#[test]
fn what_was_received_is_settled_before_another_upstream_is_read() {
    let mut rig = Rig::new(two());
    rig.read(101, 'a');
    let (_, _, stuck) = rig.next().unwrap();
    cut(&mut rig);
    assert_eq!(fail(&mut rig, 2), [(0, Some(101)); 2]);
    assert_eq!(fail(&mut rig, 1), [], "its number means nothing to the other");
    rig.settle(stuck, Settlement::Ack);
    assert_eq!(rig.intake.stats().upstream, 1);
}

#[test]
fn a_restart_goes_on_with_the_upstream_that_was_read() {
    let mut rig = Rig::new(two());
    rig.read(101, 'a');
    rig.work_off();
    cut(&mut rig);
    fail(&mut rig, 2);
    rig.wait(60 * SECOND);
    rig.read(7, 'b');
    rig.read(9, 'a');
    assert_eq!(rig.work(), Some(('b', 7)));
    rig.wait(SECOND);
    let stored = rig.saved.last().unwrap().clone();
    let dial = |config: IntakeConfig, stored: &Checkpoint| {
        let mut intake = Intake::new(config, stored, rig.now);
        match intake.poll_action(rig.now) {
            Some(Action::Connect { upstream, cursor }) => (upstream, cursor),
            action => panic!("{action:?}"),
        }
    };
    assert_eq!(dial(two(), &stored), (1, Some(8)));
    // They may be listed in another order, and others may have come and gone.
    let mut config = two();
    config.upstreams = vec!["three".into(), "two".into()];
    assert_eq!(dial(config.clone(), &stored), (1, Some(8)));
    config.upstreams = vec!["three".into(), "one".into()];
    assert_eq!(dial(config.clone(), &stored), (0, Some(0)), "a number of another is not used");
    config.upstreams = vec!["one".into()];
    assert_eq!(dial(config, &stored), (0, Some(101)));
    // A state of the time when there was one upstream is the first one's.
    let mut before = Checkpoint::default();
    before.cursor = Some(55);
    before.received = 55;
    assert_eq!(dial(two(), &before), (0, Some(55)));
}

#[test]
fn an_upstream_that_refuses_for_good_is_not_asked_again() {
    let mut rig = Rig::new(two());
    cut(&mut rig);
    rig.intake.handle_refused("501");
    assert!(rig.intake.halted().is_none());
    assert_eq!(fail(&mut rig, 10), [(1, Some(0)); 10], "there is no other to fall back on");
    rig.intake.handle_refused("501 too");
    assert_eq!(rig.intake.halted().map(|why| &**why), Some("501 too"));
}

#[test]
fn a_gap_can_be_a_reason_to_read_another() {
    let mut config = two();
    config.gaps.future_cursor = GapPolicy::FailOver;
    let mut rig = Rig::new(config.clone());
    let future = || frame::encode_error("FutureCursor", None).into();
    rig.intake.handle_frame(rig.now, future());
    rig.act();
    let delivered = rig.intake.poll_delivery(rig.now).unwrap();
    rig.settle(delivered.id, Settlement::Ack);
    rig.wait(60 * SECOND);
    assert_eq!(
        (rig.cursors.as_slice(), rig.intake.stats().upstream),
        (&[Some(100), Some(0)][..], 1)
    );
    assert_eq!(rig.intake.stats().failovers.get("future_cursor"), Some(&1));
    // Where there is no other it stops.
    config.upstreams.clear();
    let mut rig = Rig::new(config);
    rig.intake.handle_frame(rig.now, future());
    assert!(rig.intake.halted().is_some());
}

#[test]
fn one_upstream_is_tried_for_ever() {
    let mut config = two();
    config.upstreams.clear();
    let mut rig = Rig::new(config);
    cut(&mut rig);
    assert_eq!(fail(&mut rig, 50), [(0, Some(100)); 50]);
    let checkpoint = rig.intake.checkpoint_with(&[]);
    assert_eq!(position(&checkpoint), (None, Some(100), vec![]));
}

/// An upstream that can be away.
struct Flaky {
    upstream: Upstream,
    away: Arc<AtomicBool>,
}

impl Transport for Flaky {
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_> {
        if self.away.load(Ordering::Relaxed) {
            let source = std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into();
            let error = TransportError { label: "connect", permanent: false, source };
            return async move { Err(error) }.boxed();
        }
        self.upstream.connect(cursor)
    }
}

#[tokio::test(start_paused = true)]
async fn commits_that_another_upstream_tells_again_are_stale_and_none_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let directory = Directory::of(&[&alice]);
    let (one, two) = (Upstream::new(), Upstream::new());
    let mut commits: Vec<_> = (0..6).map(|_| alice.commit()).collect();
    // Both tell everything, under numbers of their own, and the account's status.
    for (index, commit) in commits.drain(..).enumerate() {
        let index = index as i64;
        two.send_at(1_000 + 10 * index, commit.clone());
        if index < 3 {
            one.send_at(1 + index, commit);
        }
    }
    two.send_at(2_000, AccountEvent::new(alice.did.clone(), None, TIME));
    let away = Arc::new(AtomicBool::new(false));
    let upstreams = || {
        let one = Flaky { upstream: one.clone(), away: Arc::clone(&away) };
        vec![Named::new("one", Arc::new(one)), Named::new("two", Arc::new(two.clone()))]
    };
    let open = async || {
        let state = SqliteState::open(dir.path().join("state")).unwrap();
        let options = strict(&directory).failover(2, Start::Oldest);
        Consumer::open_on_any(upstreams(), state, options).await.unwrap()
    };
    let mut consumer = open().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let delivery = consumer.next().await.unwrap();
        seen.push(delivery.event().seq().unwrap());
        assert!(delivery.ack().await);
    }
    away.store(true, Ordering::Relaxed);
    one.cut();
    for _ in 0..4 {
        let delivery = consumer.next().await.unwrap();
        assert!(!matches!(delivery.event(), Event::Gap(_)), "the chain goes on: {delivery:?}");
        seen.push(delivery.event().seq().unwrap());
        assert!(delivery.ack().await);
    }
    assert_eq!(seen, [1, 2, 3, 1_030, 1_040, 1_050, 2_000]);
    let stats = consumer.stats();
    assert_eq!((stats.ignored.get("stale"), stats.upstream), (Some(&3), 1));
    tokio::time::sleep(SECOND).await;
    drop(consumer);

    two.send_at(2_010, alice.commit());
    let mut consumer = open().await;
    assert_eq!(consumer.next().await.unwrap().event().seq(), Some(2_010));
    assert_eq!(two.cursors(), [Some(0), Some(2_000)]);
}

#[tokio::test]
async fn upstreams_need_names_and_a_state_that_knows_them() {
    let directory = Directory::of(&[]);
    let upstream = |name: &str| Named::new(name, Arc::new(Upstream::new()));
    let open = async |upstreams, state: Checkpoint| {
        Consumer::open_on_any(upstreams, state, strict(&directory)).await.map(drop)
    };
    let twice = vec![upstream("one"), upstream("one")];
    for upstreams in [vec![], twice] {
        let opened = open(upstreams, Checkpoint::default()).await;
        assert!(matches!(opened, Err(ConsumerError::NoUpstreams)));
    }
    // The number of one of several is not taken for another's.
    let mut stored = Checkpoint::default();
    (stored.cursor, stored.upstream) = (Some(5), Some("two".into()));
    assert!(open(vec![upstream("one")], stored.clone()).await.is_ok());
    let transport = Arc::new(Upstream::new());
    let opened = Consumer::open_on(transport, stored, strict(&directory)).await;
    assert!(matches!(opened, Err(ConsumerError::OneOfSeveral { name }) if &*name == "two"));
}
