//! What a Jetstream server sends, through the intake of a consumer: positions rise, the cursor
//! never goes back, and everything that comes is settled.

use std::time::{Duration, Instant};

use atproto_firehose::{
    checkpoint::Checkpoint,
    intake::{Action, Intake, IntakeConfig, Settlement, Start, Wire},
};
use bytes::Bytes;

/// The first byte chooses the form; the rest are frames, each after its length in two bytes. An
/// empty one ends the connection.
pub(crate) fn check(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else { return };
    let mut config = IntakeConfig::default();
    config.wire = if first % 2 == 0 { Wire::Jetstream } else { Wire::JetstreamArchive };
    (config.verify, config.start) = (false, Some(Start::Oldest));
    let mut now = Instant::now();
    let mut intake = Intake::new(config, &Checkpoint::default(), now);
    act(&mut intake, now);
    let (mut newest, mut cursor) = (0, Some(0));
    while let Some((len, tail)) = rest.split_first_chunk::<2>() {
        let (frame, tail) = tail.split_at(tail.len().min(u16::from_le_bytes(*len).into()));
        rest = tail;
        now += Duration::from_secs(3_600);
        if frame.is_empty() && intake.stats().connected {
            intake.handle_closed(now, "test");
        }
        intake.handle_timeout(now);
        act(&mut intake, now);
        intake.handle_frame(now, Bytes::copy_from_slice(frame));
        act(&mut intake, now);
        while let Some(delivered) = intake.poll_delivery(now) {
            if let Some(seq) = delivered.event.seq() {
                assert!(seq > newest, "{seq} after {newest}");
                newest = seq;
            }
            assert!(intake.handle_settled(now, delivered.id, Settlement::Ack));
            act(&mut intake, now);
        }
        let stats = intake.stats();
        assert!(stats.cursor >= cursor, "{:?} after {cursor:?}", stats.cursor);
        assert_eq!(stats.in_flight, 0);
        cursor = stats.cursor;
        if intake.halted().is_some() {
            return;
        }
    }
}

fn act(intake: &mut Intake, now: Instant) {
    while let Some(action) = intake.poll_action(now) {
        match action {
            Action::Connect { .. } => intake.handle_connected(now),
            Action::Disconnect { reason } => intake.handle_closed(now, reason),
            Action::Persist(_) => intake.handle_persisted(),
            _ => {}
        }
    }
}
