//! Loss of power and refusals of the disk, at every operation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atproto_firehose::log::{LogConfig, LogError, SegmentLog};

use crate::support::medium::{Fault, FaultKind, Memory};
use crate::support::random::Random;
use crate::support::{entries, read_all, seqs};

fn config() -> LogConfig {
    LogConfig::default().segment_bytes(300).retention_age(Duration::from_secs(40))
}

/// Opens the log and appends batches until something fails. Returns the
/// acknowledged sequence numbers with their keys.
fn work(medium: &Memory, batches: usize) -> BTreeMap<i64, String> {
    let mut acknowledged = BTreeMap::new();
    let Ok((mut log, _)) = SegmentLog::open_on(Arc::new(medium.clone()), config()) else {
        return acknowledged;
    };
    for batch in 0..batches {
        let now = batch as i64 * 1_000_000;
        let Ok(range) = log.append_batch(entries(batch * 3, 3, 10), now) else { break };
        for (seq, key) in range.zip(batch * 3..) {
            acknowledged.insert(seq, key.to_string());
        }
    }
    acknowledged
}

#[test]
fn ev_018_power_loss_at_every_operation_keeps_what_was_acknowledged() {
    let counter = Memory::default();
    work(&counter, 12);
    let operations = counter.operations();
    assert!(operations > 30);
    let mut fired = 0;
    for at in 0..operations {
        for seed in 0..8 {
            let medium = Memory::default();
            medium.set_fault(Some(Fault { at, kind: FaultKind::Crash }));
            let acknowledged = work(&medium, 12);
            fired += medium.fired().min(1);
            let random = &mut Random::seeded(seed * 1_000 + at as u64);
            let survivor = medium.after_power_loss(random);
            let (mut log, report) =
                SegmentLog::open_on(Arc::new(survivor.clone()), config()).unwrap();
            assert!(report.damage.is_empty(), "operation {at}, seed {seed}: {report:?}");
            let found = read_all(&log.handle(), 1);
            for (seq, key) in &acknowledged {
                let record = found.iter().find(|record| record.seq == *seq);
                let record =
                    record.unwrap_or_else(|| panic!("{seq} lost: operation {at}, seed {seed}"));
                assert_eq!(record.key, *key);
            }
            let next = log.append_batch(entries(0, 1, 1), 0).unwrap().start;
            assert!(acknowledged.keys().all(|seq| *seq < next), "operation {at}, seed {seed}");
            assert!(found.iter().all(|record| record.seq < next));
        }
    }
    assert_eq!(fired, operations * 8, "every planned fault fires");
}

#[test]
fn a_refused_operation_never_leaves_half_a_batch() {
    let counter = Memory::default();
    work(&counter, 12);
    let operations = counter.operations();
    for at in 0..operations {
        let medium = Memory::default();
        medium.set_fault(Some(Fault { at, kind: FaultKind::Once }));
        let acknowledged = work(&medium, 12);
        assert_eq!(medium.fired(), 1);
        medium.set_fault(None);
        let (log, report) = SegmentLog::open_on(Arc::new(medium), config()).unwrap();
        assert!(report.damage.is_empty(), "operation {at}: {report:?}");
        let found = seqs(&read_all(&log.handle(), 1));
        assert_eq!(found, acknowledged.keys().copied().collect::<Vec<_>>(), "operation {at}");
    }
}

#[test]
fn a_full_disk_refuses_the_batch_and_the_log_goes_on() {
    let medium = Memory::default();
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
    log.append_batch(entries(0, 1, 10), 0).unwrap();
    medium.set_fault(Some(Fault { at: 0, kind: FaultKind::Once }));
    let error = log.append_batch(entries(1, 2, 10), 0).unwrap_err();
    assert!(matches!(error, LogError::Io { action: "write", .. }), "{error}");
    assert_eq!(log.append_batch(entries(1, 2, 10), 0).unwrap(), 2..4);
    assert_eq!(seqs(&read_all(&log.handle(), 1)), [1, 2, 3]);
}

/// After a failed sync the system may drop the dirty pages and call them
/// clean, so a later sync proves nothing.
#[test]
fn ev_018_a_failed_sync_stops_the_log_and_nothing_of_the_batch_is_seen() {
    let medium = Memory::default();
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
    log.append_batch(entries(0, 1, 10), 0).unwrap();
    medium.set_fault(Some(Fault { at: 1, kind: FaultKind::Once }));
    let error = log.append_batch(entries(1, 2, 10), 0).unwrap_err();
    assert!(matches!(error, LogError::Io { action: "sync", .. }), "{error}");
    assert!(matches!(log.append_batch(entries(1, 2, 10), 0), Err(LogError::Stopped)));
    assert_eq!(seqs(&read_all(&log.handle(), 1)), [1]);
    drop(log);
    let (log, _) = SegmentLog::open_on(Arc::new(medium), config()).unwrap();
    assert_eq!(seqs(&read_all(&log.handle(), 1)), [1]);
}
