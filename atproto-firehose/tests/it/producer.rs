use std::sync::Arc;
use std::time::Duration;

use atproto_core::frame::{self, Frame};
use atproto_firehose::log::{Entry, LogConfig, LogError, Record, SegmentLog};
use atproto_firehose::producer::{
    AppendError, Producer, ProducerOptions, StreamEnd, SubscribeError, Subscriber,
};
use bytes::Bytes;

use crate::support::medium::{Fault, FaultKind, Memory};
use crate::support::{entries, payload};

fn in_memory(options: ProducerOptions) -> (Producer, Memory) {
    let medium = Memory::default();
    let config = LogConfig::default().segment_bytes(4_000);
    let (log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config).unwrap();
    (Producer::start(log, options), medium)
}

fn seq_of(frame: &Bytes) -> i64 {
    let text = std::str::from_utf8(frame).unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn next_seq(reader: &mut Subscriber) -> i64 {
    seq_of(&reader.next_frame().await.unwrap().unwrap())
}

#[tokio::test]
async fn ev_013_and_014_and_015_and_017_what_a_cursor_means() {
    let (producer, _) = in_memory(ProducerOptions::default());
    producer.append(entries(0, 10, 50)).await.unwrap();
    let mut live = producer.subscribe(None).unwrap();
    let mut all = producer.subscribe(Some(0)).unwrap();
    let mut some = producer.subscribe(Some(7)).unwrap();
    let mut none = producer.subscribe(Some(10)).unwrap();
    assert_eq!(
        producer.subscribe(Some(11)).unwrap_err(),
        SubscribeError::FutureCursor { cursor: 11, newest: 10 }
    );
    producer.append(entries(10, 1, 50)).await.unwrap();
    assert_eq!(next_seq(&mut live).await, 11);
    assert_eq!(next_seq(&mut none).await, 11);
    for seq in 1..=11 {
        assert_eq!(next_seq(&mut all).await, seq);
    }
    for seq in 8..=11 {
        assert_eq!(next_seq(&mut some).await, seq);
    }
    assert_eq!(producer.stats().subscribers, 4);
    assert_eq!(producer.stats().future_cursor, 1);
}

#[test]
fn ev_014_future_cursor_is_an_error_frame() {
    let frame = SubscribeError::FutureCursor { cursor: 2, newest: 1 }.to_frame();
    assert!(matches!(frame::decode(&frame), Ok(Frame::Error { name: "FutureCursor", .. })));
}

/// Readers start everywhere while events are appended, with a ring so small
/// that they fall out of it again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_seam_between_replay_and_live() {
    const EVENTS: usize = 3_000;
    let (producer, _) = in_memory(ProducerOptions::default().ring_bytes(3_000));
    let mut readers = Vec::new();
    for batch in 0..EVENTS / 10 {
        producer.append(entries(batch * 10, 10, 60)).await.unwrap();
        if batch % 30 == 0 {
            let from = (batch as i64 * 7) % 40;
            let mut reader = producer.subscribe(Some(from.min(batch as i64))).unwrap();
            let first = reader.next_seq();
            readers.push(tokio::spawn(async move {
                for seq in first..=EVENTS as i64 {
                    assert_eq!(next_seq(&mut reader).await, seq);
                    if seq % 101 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            }));
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
    let stats = producer.stats();
    assert!(stats.sent_from_disk > 0 && stats.sent > stats.sent_from_disk, "{stats:?}");
    assert!(stats.ring_bytes <= 3_000);
}

#[tokio::test]
async fn ev_016_outdated_cursor_then_the_whole_window() {
    let medium = Memory::default();
    let config = LogConfig::default().segment_bytes(500).retention_bytes(1_500);
    let (log, _) = SegmentLog::open_on(Arc::new(medium), config).unwrap();
    let producer = Producer::start(log, ProducerOptions::default());
    for batch in 0..40 {
        producer.append(entries(batch, 1, 80)).await.unwrap();
    }
    assert!(producer.retain().await.unwrap() > 0);
    let first = producer.log().first_seq();
    assert!(first > 2);

    let mut outdated = producer.subscribe(Some(1)).unwrap();
    let info = outdated.next_frame().await.unwrap().unwrap();
    let Ok(Frame::Message { kind: "#info", body }) = frame::decode(&info) else { panic!() };
    let body = atproto_core::data::cbor::decode(body).unwrap();
    assert_eq!(body.get("name").and_then(|name| name.as_str()), Some("OutdatedCursor"));
    assert_eq!(next_seq(&mut outdated).await, first);

    // Nothing is missing for one that has seen the last removed event.
    let mut just_in_time = producer.subscribe(Some(first - 1)).unwrap();
    assert_eq!(next_seq(&mut just_in_time).await, first);
    // Zero asks for whatever there is.
    let mut all = producer.subscribe(Some(0)).unwrap();
    assert_eq!(next_seq(&mut all).await, first);
    assert_eq!(producer.stats().outdated_cursor, 1);
}

/// A reader that stops reading costs no memory and is cut off with an error;
/// one that began further behind, and reads, is not.
#[tokio::test]
async fn slow_reader_is_told_and_a_catching_up_reader_is_not_cut_off() {
    let options = ProducerOptions::default().ring_bytes(10_000).max_lag_bytes(50_000);
    let (producer, _) = in_memory(options);
    producer.append(entries(0, 2_000, 100)).await.unwrap();
    let mut catching_up = producer.subscribe(Some(0)).unwrap();
    let mut stalled = producer.subscribe(None).unwrap();
    let mut caught = 0;
    for batch in 0..500 {
        producer.append(entries(2_000 + batch * 2, 2, 100)).await.unwrap();
        if batch == 0 {
            assert_eq!(next_seq(&mut stalled).await, 2_001);
        }
        for _ in 0..7 {
            if caught < producer.stats().last_seq {
                assert_eq!(next_seq(&mut catching_up).await, caught + 1);
                caught += 1;
            }
        }
        assert!(producer.stats().ring_bytes <= 10_000);
    }
    assert_eq!(caught, 3_000, "it has reached live");
    let end = loop {
        match stalled.next_frame().await.unwrap() {
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    assert!(matches!(end, StreamEnd::ConsumerTooSlow { lag_bytes } if lag_bytes > 50_000));
    let frame = end.to_frame().unwrap();
    assert!(matches!(frame::decode(&frame), Ok(Frame::Error { name: "ConsumerTooSlow", .. })));
    assert!(stalled.next_frame().await.is_none());
    assert_eq!(producer.stats().too_slow, 1);
}

#[tokio::test]
async fn masked_events_are_withheld_live_and_in_replays() {
    let (producer, _) = in_memory(ProducerOptions::default().ring_bytes(1_000));
    let mut live = producer.subscribe(None).unwrap();
    producer.set_mask(Some(Arc::new(|record: &Record| record.seq % 2 == 0)));
    producer.append(entries(0, 50, 50)).await.unwrap();
    let mut replay = producer.subscribe(Some(0)).unwrap();
    for seq in (1..50).step_by(2) {
        assert_eq!(next_seq(&mut live).await, seq);
        assert_eq!(next_seq(&mut replay).await, seq);
    }
    producer.set_mask(None);
    let mut replay = producer.subscribe(Some(0)).unwrap();
    assert_eq!(next_seq(&mut replay).await, 1);
    assert_eq!(next_seq(&mut replay).await, 2);
    assert!(producer.stats().masked >= 48);
}

#[tokio::test]
async fn keys_make_an_append_after_a_crash_idempotent() {
    let dir = tempfile::tempdir().unwrap();
    let config = LogConfig::default();
    let (producer, _) =
        Producer::open(dir.path(), config.clone(), ProducerOptions::default()).unwrap();
    producer.append(entries(100, 5, 10)).await.unwrap();
    producer.close().await;
    assert!(matches!(producer.append(entries(105, 1, 10)).await, Err(AppendError::Closed)));

    // The outbox still holds 103..107: some of it was appended before.
    let (producer, _) = Producer::open(dir.path(), config, ProducerOptions::default()).unwrap();
    let tail = producer.log().tail(10).unwrap();
    let known = |key: usize| tail.iter().any(|entry| entry.key == key.to_string());
    let missing: Vec<usize> = (103..108).filter(|key| !known(*key)).collect();
    assert_eq!(missing, [105, 106, 107]);
    assert_eq!(producer.append(entries(105, 3, 10)).await.unwrap(), 6..9);
}

#[tokio::test]
async fn closing_ends_readers_after_the_last_event() {
    let (producer, _) = in_memory(ProducerOptions::default());
    let mut reader = producer.subscribe(None).unwrap();
    producer.append(entries(0, 2, 10)).await.unwrap();
    producer.close().await;
    assert_eq!(next_seq(&mut reader).await, 1);
    assert_eq!(next_seq(&mut reader).await, 2);
    assert!(matches!(reader.next_frame().await, Some(Err(StreamEnd::Closed))));
    assert!(reader.next_frame().await.is_none());
}

#[tokio::test]
async fn skipped_numbers_do_not_hold_up_readers() {
    let (producer, _) = in_memory(ProducerOptions::default());
    producer.append(entries(0, 1, 10)).await.unwrap();
    let mut waiting = producer.subscribe(Some(1)).unwrap();
    producer.skip_to(1_000).await.unwrap();
    let mut within = producer.subscribe(Some(500)).unwrap();
    let wait = tokio::time::timeout(Duration::from_millis(1), waiting.next_frame()).await;
    assert!(wait.is_err());
    producer.append(entries(1, 1, 10)).await.unwrap();
    assert_eq!(next_seq(&mut waiting).await, 1_000);
    assert_eq!(next_seq(&mut within).await, 1_000);
}

#[tokio::test]
async fn one_entry_too_large_does_not_take_its_neighbours_along() {
    let (log, _) = SegmentLog::open_on(
        Arc::new(Memory::default()),
        LogConfig::default().max_record_bytes(100),
    )
    .unwrap();
    let producer = Producer::start(log, ProducerOptions::default());
    let mut reader = producer.subscribe(None).unwrap();
    let mixed = entries(2, 1, 30).into_iter().chain(entries(3, 1, 200)).collect();
    let (good, bad, last) = tokio::join!(
        producer.append(entries(0, 2, 20)),
        producer.append(mixed),
        producer.append(entries(4, 1, 20)),
    );
    assert_eq!(good.unwrap(), 1..3);
    assert!(
        matches!(bad, Err(AppendError::Log(error)) if matches!(*error, LogError::TooLarge { .. }))
    );
    assert_eq!(last.unwrap(), 3..4);
    for seq in 1..=3 {
        let frame = reader.next_frame().await.unwrap().unwrap();
        assert_eq!(
            (seq_of(&frame), frame.len()),
            (seq, 20),
            "of the refused group nothing is seen"
        );
    }
}

/// An append whose write fails is reported, never swallowed.
#[tokio::test]
async fn disk_full_reaches_the_caller_and_readers_see_nothing_of_it() {
    let (producer, medium) = in_memory(ProducerOptions::default());
    producer.append(entries(0, 1, 10)).await.unwrap();
    medium.set_fault(Some(Fault { at: 0, kind: FaultKind::Once }));
    assert!(matches!(producer.append(entries(1, 1, 10)).await, Err(AppendError::Log(_))));
    assert_eq!(medium.fired(), 1);
    assert_eq!(producer.append(entries(1, 1, 10)).await.unwrap(), 2..3);
    let mut reader = producer.subscribe(Some(0)).unwrap();
    assert_eq!(next_seq(&mut reader).await, 1);
    assert_eq!(next_seq(&mut reader).await, 2);
    assert_eq!(producer.stats().failures, 1);
}

/// A replay that meets rotten bytes goes on behind them and says so.
#[tokio::test]
async fn damage_in_the_log_is_a_gap_that_readers_are_told_of() {
    let medium = Memory::default();
    let config = LogConfig::default().segment_bytes(1_000);
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config.clone()).unwrap();
    for key in 0..40 {
        let entry = Entry::new(key.to_string(), |seq| payload(seq, 80));
        log.append_batch(vec![entry], 0).unwrap();
    }
    drop(log);
    let (name, mut bytes) = medium.files().swap_remove(1);
    bytes[200] ^= 4;
    medium.put(&name, bytes);
    let (log, _) = SegmentLog::open_on(Arc::new(medium), config).unwrap();
    let producer = Producer::start(log, ProducerOptions::default());
    let mut reader = producer.subscribe(Some(0)).unwrap();
    let (mut seen, mut notices) = (Vec::new(), 0);
    while seen.last() != Some(&40) {
        let frame = reader.next_frame().await.unwrap().unwrap();
        if frame.starts_with(b"event") {
            seen.push(seq_of(&frame));
        } else {
            notices += 1;
        }
    }
    assert_eq!((seen.len(), notices), (39, 1));
    assert_eq!(producer.stats().damage_skipped, 1);
}
