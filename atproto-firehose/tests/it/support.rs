//! What several tests need.

pub(crate) mod medium;
pub(crate) mod network;
pub(crate) mod random;
pub(crate) mod rig;
pub(crate) mod shared;

use atproto_firehose::log::{Entry, LogHandle, Record};

/// A payload that tells its own sequence number.
pub(crate) fn payload(seq: i64, size: usize) -> Vec<u8> {
    let mut bytes = format!("event {seq} ").into_bytes();
    bytes.resize(bytes.len().max(size), b'.');
    bytes
}

/// Entries with the keys `first, first + 1, …`.
pub(crate) fn entries(first: usize, count: usize, size: usize) -> Vec<Entry> {
    (first..first + count)
        .map(|key| Entry::new(key.to_string(), move |seq| payload(seq, size)))
        .collect()
}

/// Everything from `from` on, which must be undamaged.
pub(crate) fn read_all(log: &LogHandle, from: i64) -> Vec<Record> {
    log.reader(from).map(|record| record.expect("undamaged log")).collect()
}

pub(crate) fn seqs(records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| record.seq).collect()
}
