use std::time::Duration;

use atproto_firehose::log::{Entry, LogConfig, LogError, SegmentLog};

use crate::support::{entries, payload, read_all, seqs};

fn small() -> LogConfig {
    LogConfig::default().segment_bytes(500)
}

#[test]
fn ev_011_numbers_begin_at_1_and_rise_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, report) = SegmentLog::open(dir.path(), small()).unwrap();
    assert!(report.is_clean());
    for batch in 0..20 {
        let range = log.append_batch(entries(batch * 5, 5, 30), batch as i64).unwrap();
        assert_eq!(range, batch as i64 * 5 + 1..batch as i64 * 5 + 6);
    }
    let handle = log.handle();
    assert!(handle.segments() > 5);
    for from in 1..=101 {
        let records = read_all(&handle, from);
        assert_eq!(seqs(&records), (from..=100).collect::<Vec<_>>());
        for record in records {
            assert_eq!(record.payload, payload(record.seq, 30));
            assert_eq!(record.key, (record.seq - 1).to_string());
            assert_eq!(record.time, (record.seq - 1) / 5);
        }
    }
}

#[test]
fn a_reader_at_the_end_goes_on_when_there_is_more() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), small()).unwrap();
    let mut reader = log.handle().reader(1);
    for seq in 1..200 {
        assert_eq!(reader.next_record().unwrap(), None);
        log.append_batch(entries(0, 1, seq as usize), 0).unwrap();
        assert_eq!(reader.next_record().unwrap().unwrap().seq, seq);
    }
}

#[test]
fn reopening_continues_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let (mut log, report) = SegmentLog::open(dir.path(), small()).unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(log.next_seq(), round * 7 + 1);
        log.append_batch(entries(0, 7, 20), 0).unwrap();
        assert_eq!(seqs(&read_all(&log.handle(), 1)), (1..=round * 7 + 7).collect::<Vec<_>>());
    }
}

#[test]
fn tail_tells_the_newest_keys() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), small()).unwrap();
    log.append_batch(entries(0, 30, 40), 0).unwrap();
    log.skip_to(1_000).unwrap();
    log.append_batch(entries(30, 3, 40), 0).unwrap();
    let keys = |count| -> Vec<_> {
        let tail = log.handle().tail(count).unwrap();
        tail.iter().map(|entry| String::from_utf8(entry.key.to_vec()).unwrap()).collect()
    };
    assert_eq!(keys(2), ["31", "32"]);
    assert_eq!(keys(5), ["28", "29", "30", "31", "32"]);
    assert_eq!(keys(100).len(), 33);
    assert!(keys(0).is_empty());
}

#[test]
fn retention_by_size_removes_whole_segments() {
    let dir = tempfile::tempdir().unwrap();
    let config = small().retention_bytes(2_000);
    let (mut log, _) = SegmentLog::open(dir.path(), config.clone()).unwrap();
    for _ in 0..40 {
        log.append_batch(entries(0, 3, 50), 0).unwrap();
    }
    assert!(log.retain(0).unwrap() > 0);
    let handle = log.handle();
    let size = handle.size_bytes();
    assert!(size <= 2_000 && size > 2_000 - 1_000, "{size}: no more than a segment too little");
    let kept = seqs(&read_all(&handle, handle.first_seq()));
    assert_eq!(kept.first().copied(), Some(handle.first_seq()));
    assert_eq!(kept.last().copied(), Some(120));
    assert_eq!(handle.removed_through(), handle.first_seq() - 1);
}

#[test]
fn seq_is_not_reused_after_retention_removed_everything() {
    let dir = tempfile::tempdir().unwrap();
    let config = small().retention_age(Duration::from_secs(10));
    let (mut log, _) = SegmentLog::open(dir.path(), config.clone()).unwrap();
    log.append_batch(entries(0, 50, 50), 0).unwrap();
    log.retain(11_000_000).unwrap();
    assert!(read_all(&log.handle(), 51).is_empty());
    let gone = log.handle().reader(50).next_record();
    assert!(matches!(gone, Err(LogError::Expired { wanted: 50, first: 51 })));
    drop(log);

    let (mut log, report) = SegmentLog::open(dir.path(), config).unwrap();
    assert!(report.is_clean());
    assert_eq!(log.handle().last_seq(), 50);
    assert_eq!(log.append_batch(entries(0, 1, 1), 0).unwrap(), 51..52);
}

#[test]
fn a_reader_that_retention_overtakes_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), small().retention_bytes(1_000)).unwrap();
    log.append_batch(entries(0, 1, 50), 0).unwrap();
    let mut reader = log.handle().reader(1);
    assert_eq!(reader.next_record().unwrap().unwrap().seq, 1);
    for _ in 0..40 {
        log.append_batch(entries(0, 3, 50), 0).unwrap();
    }
    log.retain(0).unwrap();
    let error = loop {
        match reader.next_record() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the reader missed records without being told"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::Expired { first, .. } if first == log.handle().first_seq()));
}

#[test]
fn skipping_ahead_is_durable_and_reads_across() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), small()).unwrap();
    log.append_batch(entries(0, 2, 5), 0).unwrap();
    log.skip_to(100).unwrap();
    log.skip_to(50).unwrap();
    drop(log);
    let (mut log, _) = SegmentLog::open(dir.path(), small()).unwrap();
    assert_eq!(log.append_batch(entries(2, 2, 5), 0).unwrap(), 100..102);
    assert_eq!(seqs(&read_all(&log.handle(), 1)), [1, 2, 100, 101]);
    assert_eq!(seqs(&read_all(&log.handle(), 3)), [100, 101]);
}

#[test]
fn ev_012_numbers_stay_below_2_to_the_53() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), small()).unwrap();
    assert!(matches!(log.skip_to(1 << 53), Err(LogError::Exhausted)));
    let last = (1 << 53) - 1;
    log.skip_to(last).unwrap();
    assert!(matches!(log.append_batch(entries(0, 2, 5), 0), Err(LogError::Exhausted)));
    assert_eq!(log.append_batch(entries(0, 1, 5), 0).unwrap(), last..last + 1);
    assert!(matches!(log.append_batch(entries(1, 1, 5), 0), Err(LogError::Exhausted)));
    assert_eq!(seqs(&read_all(&log.handle(), 1)), [last]);
}

#[test]
fn too_large_an_entry_is_refused_and_uses_no_seq() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), small().max_record_bytes(64)).unwrap();
    let error = log.append_batch(entries(0, 1, 65), 0).unwrap_err();
    assert!(matches!(error, LogError::TooLarge { limit: 64, .. }));
    assert_eq!(log.append_batch(vec![Entry::new("", |_| vec![0; 64])], 0).unwrap(), 1..2);
}

#[test]
fn two_writers_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = SegmentLog::open(dir.path(), small()).unwrap();
    assert!(matches!(SegmentLog::open(dir.path(), small()), Err(LogError::Locked)));
    drop(first);
    SegmentLog::open(dir.path(), small()).unwrap();
}
