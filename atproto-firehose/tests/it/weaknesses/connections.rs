//! Sockets, and what comes over them.

use std::time::Duration;

use atproto_core::frame;
use atproto_firehose::consumer::{Consumer, ConsumerOptions, Policy, Start, WebSocket};
use atproto_firehose::intake::Action;
use atproto_firehose::state::{MemoryState, SqliteState, Store};
use atproto_xrpc::client::subscribe::SubscribeOptions;
use bytes::Bytes;

use crate::support::random::Random;
use crate::support::rig::{self, Rig, unverified};

const SECOND: Duration = Duration::from_secs(1);

/// How long it waits after a connection that lived for `lived`.
fn wait_after(rig: &mut Rig, lived: Duration) -> Duration {
    rig.now += lived;
    rig.intake.handle_closed(rig.now, "reset");
    let due = rig.intake.poll_timeout().unwrap();
    let wait = due - rig.now;
    rig.wait(wait);
    wait
}

#[test]
fn backoff_resets_after_a_stable_connection() {
    let mut rig = Rig::new(unverified());
    let waits: Vec<Duration> = (0..8).map(|_| wait_after(&mut rig, Duration::ZERO)).collect();
    assert!(waits[7] > 10 * waits[0] && waits[7] <= 60 * SECOND, "{waits:?}");
    assert!(wait_after(&mut rig, 9 * SECOND) > 10 * waits[0], "that was not stable");
    assert!(wait_after(&mut rig, 10 * SECOND) <= SECOND / 2);
}

#[test]
fn it_connects_again_from_where_it_is_and_not_from_where_it_began() {
    let mut rig = Rig::new(unverified());
    for seq in 1..=5 {
        rig.read(10 * seq, 'a');
        rig.intake.handle_closed(rig.now, "reset");
        rig.wait(60 * SECOND);
        assert_eq!(rig.cursors.last(), Some(&Some(10 * seq)));
    }
    assert_eq!(rig.cursors.len(), 6, "each time");
}

#[test]
fn waits_of_several_consumers_are_spread() {
    let first_wait = |seed| {
        let mut config = unverified();
        config.seed = seed;
        wait_after(&mut Rig::new(config), Duration::ZERO)
    };
    let waits: std::collections::BTreeSet<Duration> = (0..100).map(first_wait).collect();
    assert!(waits.len() > 90, "a crowd that was cut off together returns apart");
    let (least, most) = (*waits.first().unwrap(), *waits.last().unwrap());
    assert!(least >= SECOND / 4 && most <= SECOND / 2 && most - least > SECOND / 5);
}

#[test]
fn error_frames_are_not_ignored() {
    let mut rig = Rig::new(unverified());
    rig.intake.handle_frame(rig.now, frame::encode_error("Overloaded", None).into());
    let disconnects = rig.intake.poll_action(rig.now);
    assert!(matches!(disconnects, Some(Action::Disconnect { .. })), "{disconnects:?}");
    assert!(rig.intake.poll_delivery(rig.now).is_some());
    assert_eq!(rig.intake.stats().gaps.get("upstream"), Some(&1));
}

#[test]
fn undecodable_frames_are_not_ignored() {
    let mut rig = Rig::new(unverified());
    rig.read(1, 'a');
    rig.intake.handle_frame(rig.now, Bytes::from_static(b"\xff\xff"));
    rig.act();
    let stats = rig.intake.stats();
    assert_eq!(stats.disconnects.get("malformed_frame"), Some(&1));
    rig.wait(60 * SECOND);
    assert_eq!(rig.cursors, [Some(0), Some(1)], "what comes next is asked for again");
}

#[test]
fn no_frame_stops_the_process() {
    let mut random = Random::seeded(7);
    let good = rig::frame(1_000, 'a');
    let mut rig = Rig::new(unverified());
    for _ in 0..20_000 {
        let mut bytes = good.to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        bytes.truncate(1 + random.below(bytes.len()));
        rig.intake.handle_frame(rig.now, bytes.into());
        rig.act();
        while let Some(delivered) = rig.intake.poll_delivery(rig.now) {
            let ack = atproto_firehose::intake::Settlement::Ack;
            rig.settle(delivered.id, ack);
        }
        rig.wait(60 * SECOND);
    }
    let stats = rig.intake.stats();
    assert_eq!(stats.in_flight_bytes, 0);
    assert!(stats.disconnects.contains_key("malformed_frame"), "{stats:?}");
}

#[tokio::test]
async fn an_unreadable_cursor_is_an_error_not_the_live_edge() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let state = SqliteState::open(&path).unwrap();
    let mut checkpoint = atproto_firehose::checkpoint::Checkpoint::default();
    checkpoint.epoch = 1;
    checkpoint.cursor = Some(5);
    state.save(checkpoint).await.unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute("UPDATE firehose_position SET unsettled = '[1,'", []).unwrap();
    let policy = Policy::dangerous().trust_upstream();
    let options = ConsumerOptions::default().policy(policy).start(Start::Live);
    let opened = Consumer::open("ws://127.0.0.1:9", state, options).await;
    assert!(opened.is_err());
    let garbage = dir.path().join("garbage");
    std::fs::write(&garbage, [7; 4_096]).unwrap();
    assert!(SqliteState::open(&garbage).is_err());
}

#[tokio::test]
async fn a_socket_that_is_silent_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let short = Duration::from_millis(20);
    let options = SubscribeOptions::default().read_timeout(short).ping_interval(short);
    let transport = std::sync::Arc::new(WebSocket::new(&url).options(options));
    let policy = Policy::dangerous().trust_upstream();
    let options = ConsumerOptions::default().policy(policy).start(Start::Live);
    let options = options.backoff(short, short);
    let consumer = Consumer::open_on(transport, MemoryState::default(), options).await.unwrap();
    let mut sockets = Vec::new();
    // Open, and never heard of again: it comes back each time.
    for _ in 0..3 {
        let (socket, _) = listener.accept().await.unwrap();
        sockets.push(tokio_tungstenite::accept_async(socket).await.unwrap());
    }
    assert!(consumer.stats().disconnects.get("silent").is_some_and(|count| *count >= 2));
}

/// The first frame of a connection can be the one that comes late.
#[test]
fn the_first_frame_of_a_connection_that_comes_late_is_asked_for_again() {
    let mut rig = Rig::new(unverified());
    rig.read(1, 'a');
    rig.intake.handle_closed(rig.now, "reset");
    rig.wait(Duration::from_secs(60));
    rig.read(3, 'a');
    rig.read(2, 'b');
    rig.wait(Duration::from_secs(60));
    assert_eq!(rig.cursors, [Some(0), Some(1), Some(1)]);
    (2..=4).for_each(|seq| assert!(rig.read(seq, if seq == 2 { 'b' } else { 'a' })));
    assert_eq!(rig.work_off(), [('a', 1), ('b', 2), ('a', 3), ('a', 4)]);
}

/// What was settled by a process before this one stays so when it comes again out of its place;
/// what was not is asked for once more.
#[test]
fn what_comes_late_and_was_settled_before_does_not_come_again() {
    let mut rig = Rig::new(unverified());
    (1..=6).for_each(|seq| assert!(rig.read(seq, if seq % 3 == 1 { 'a' } else { 'b' })));
    let (_, first, _) = rig.next().unwrap();
    assert_eq!((first, rig.work_off().len()), (1, 4), "the other one of a waits");
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.saved.last().unwrap().unsettled, [1, 4]);
    rig.restart(unverified());
    rig.read(1, 'a');
    for (early, late) in [((3, 'b'), (2, 'b')), ((5, 'b'), (4, 'a'))] {
        rig.read(early.0, early.1);
        rig.read(late.0, late.1);
        rig.wait(Duration::from_secs(60));
    }
    assert_eq!(rig.cursors, [Some(0), Some(0), Some(3), Some(3)]);
    assert_eq!(rig.work_off(), [('a', 1)]);
    assert!(rig.read(4, 'a'));
    assert_eq!(rig.work_off(), [('a', 4)]);
}
