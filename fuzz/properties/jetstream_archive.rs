//! The archive of a Jetstream server: whatever a block is taken for becomes frames that a
//! consumer can read, and no bytes make more of it than they are.

use std::time::{Duration, Instant};

use atproto_firehose::{
    checkpoint::Checkpoint,
    intake::{Action, Intake, IntakeConfig, Settlement, Start, Wire},
    jetstream::archive::{HEAD_LEN, Rows, SegmentHead},
};
use bytes::Bytes;

/// Bytes that may come out of a compressed block.
const LIMIT: usize = 1 << 20;

pub(crate) fn check(data: &[u8]) {
    let _refused = data.first_chunk::<HEAD_LEN>().map(SegmentHead::parse);
    let _refused = Rows::decompress(data, LIMIT);
    let Ok(rows) = Rows::parse(data.to_vec()) else { return };
    let now = Instant::now();
    let mut config = IntakeConfig::default();
    (config.wire, config.verify, config.start) =
        (Wire::JetstreamArchive, false, Some(Start::Oldest));
    let mut intake = Intake::new(config, &Checkpoint::default(), now);
    act(&mut intake, now);
    let mut newest = 0;
    for row in &rows {
        let frame: Bytes = row.to_frame().into();
        intake.handle_frame(now, frame);
        act(&mut intake, now);
        while let Some(delivered) = intake.poll_delivery(now) {
            if let Some(seq) = delivered.event.seq() {
                assert_eq!(seq, row.seq);
                assert!(seq > newest);
                newest = seq;
            }
            assert!(intake.handle_settled(now, delivered.id, Settlement::Ack));
        }
    }
    let stats = intake.stats();
    assert_eq!(stats.disconnects.get("malformed_frame"), None, "our own frame cannot be read");
    assert_eq!(stats.in_flight, 0);
}

fn act(intake: &mut Intake, now: Instant) {
    // Long after every wait.
    let now = now + Duration::from_secs(3_600);
    while let Some(action) = intake.poll_action(now) {
        match action {
            Action::Connect { .. } => intake.handle_connected(now),
            Action::Disconnect { reason } => intake.handle_closed(now, reason),
            Action::Persist(_) => intake.handle_persisted(),
            _ => {}
        }
    }
}
