//! Torn tails and rotten bytes, at every offset.

use std::sync::Arc;

use atproto_firehose::log::{Entry, LogConfig, LogError, SegmentLog};

use crate::support::medium::Memory;
use crate::support::{entries, payload};

fn config() -> LogConfig {
    LogConfig::default().segment_bytes(400)
}

/// Three segments, the newest with several batches.
fn written() -> (Memory, i64) {
    let medium = Memory::default();
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
    for batch in 0..11 {
        log.append_batch(entries(batch * 2, 2, 20), 0).unwrap();
    }
    (medium, log.handle().last_seq())
}

/// Reads everything that can be read; panics if anything is wrong in it.
fn readable(log: &SegmentLog) -> Vec<i64> {
    let mut reader = log.handle().reader(1);
    let mut found = Vec::new();
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                assert_eq!(record.payload, payload(record.seq, 20));
                assert!(found.last().is_none_or(|last| *last < record.seq));
                found.push(record.seq);
            }
            Ok(None) => return found,
            Err(LogError::Corrupt { .. }) => {
                if reader.skip_damage().unwrap().is_none() {
                    return found;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn truncation_at_every_offset_leaves_a_prefix() {
    let (written, last) = written();
    let (name, bytes) = written.files().pop().unwrap();
    for len in 0..bytes.len() {
        let medium = written.snapshot();
        medium.put(&name, bytes[..len].to_vec());
        let (mut log, report) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
        assert!(report.damage.is_empty(), "cut at {len}: {report:?}");
        let found = readable(&log);
        assert_eq!(found, (1..=found.len() as i64).collect::<Vec<_>>(), "cut at {len}");
        let next = log.append_batch(entries(0, 1, 20), 0).unwrap().start;
        // A cut inside a record leaves a trace, so none of the lost numbers
        // is used again.
        assert!(next > found.len() as i64);
        if report.torn_bytes > 0 {
            assert!(next > found.last().copied().unwrap_or(0) + 1, "cut at {len}");
        }
        assert_eq!(readable(&log).last().copied(), Some(next));
        drop(log);
        let (log, again) = SegmentLog::open_on(Arc::new(medium), config()).unwrap();
        assert!(again.is_clean(), "cut at {len}: {again:?}");
        assert!(!has_damage(&log), "cut at {len}: what was torn is still there");
    }
    assert_eq!(last, 22);
}

/// Disks write pages in any order: the end of a batch may be there without its beginning.
#[test]
fn a_batch_that_lost_its_beginning_is_torn_and_not_damaged() {
    let medium = Memory::default();
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
    log.append_batch(entries(0, 2, 20), 0).unwrap();
    let synced = medium.files().pop().unwrap().1.len();
    log.append_batch(entries(2, 3, 20), 0).unwrap();
    drop(log);
    let (name, mut bytes) = medium.files().pop().unwrap();
    bytes[synced..synced + 16].fill(0);
    medium.put(&name, bytes);
    let (log, report) = SegmentLog::open_on(Arc::new(medium), config()).unwrap();
    assert!(report.damage.is_empty() && report.torn_bytes > 0, "{report:?}");
    assert_eq!(readable(&log), [1, 2]);
    assert!(!has_damage(&log));
}

#[test]
fn a_bit_flip_at_every_offset_is_noticed_and_no_wrong_byte_is_served() {
    let (written, last) = written();
    let mut lost_most = 0;
    for (name, bytes) in written.files() {
        for offset in 0..bytes.len() {
            let medium = written.snapshot();
            let mut flipped = bytes.clone();
            flipped[offset] ^= 1 << (offset % 8);
            medium.put(&name, flipped);
            let (mut log, report) =
                SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
            let found = readable(&log);
            lost_most = lost_most.max(last as usize - found.len());
            let newest = written.files().last().unwrap().0 == name;
            let noticed = found.len() == last as usize || newest || has_damage(&log);
            assert!(noticed, "{name} at {offset}: {report:?}");
            if newest {
                assert!(!report.is_clean(), "{name} at {offset}");
            }
            let next = log.append_batch(entries(0, 1, 20), 0).unwrap().start;
            assert!(next > last, "{name} at {offset}: {next} was used before, {report:?}");
        }
    }
    assert!((1..=2).contains(&lost_most), "one flip costs at most its batch: {lost_most}");
}

fn has_damage(log: &SegmentLog) -> bool {
    log.handle().reader(1).any(|record| record.is_err())
}

#[test]
fn damage_in_the_middle_is_a_typed_error_and_can_be_skipped() {
    let (medium, last) = written();
    let (name, mut bytes) = medium.files().pop().unwrap();
    bytes[60] ^= 1;
    medium.put(&name, bytes);
    let (log, report) = SegmentLog::open_on(Arc::new(medium), config()).unwrap();
    assert_eq!(report.torn_bytes, 0);
    assert_eq!(report.damage.len(), 1);
    let mut reader = log.handle().reader(1);
    let error = reader.find_map(Result::err).unwrap();
    assert!(matches!(&error, LogError::Corrupt { file, offset: 36 } if *file == name), "{error}");
    assert_eq!(reader.skip_damage().unwrap(), report.damage[0].resumes);
    assert_eq!(reader.last().unwrap().unwrap().seq, last);
}

#[test]
fn both_copies_of_the_floor_must_rot_before_a_number_could_repeat() {
    let (medium, _) = written();
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
    log.skip_to(500).unwrap();
    drop(log);
    let floor = medium.files().into_iter().find(|(name, _)| name == "floor").unwrap().1;
    for offset in 0..floor.len() {
        let medium = medium.snapshot();
        let mut flipped = floor.clone();
        flipped[offset] ^= 0x10;
        medium.put("floor", flipped);
        let (log, _) = SegmentLog::open_on(Arc::new(medium), config()).unwrap();
        assert_eq!(log.next_seq(), 500);
    }
    medium.put("floor", vec![7; floor.len()]);
    let error = SegmentLog::open_on(Arc::new(medium), config()).unwrap_err();
    assert!(matches!(error, LogError::Corrupt { file, .. } if file == "floor"));
}

/// Records of another log, as a file system that mixes up pages would leave them: each is whole,
/// their checksums fit their offsets, and two numbers are missing before them.
#[test]
fn whole_records_behind_missing_ones_are_damage() {
    let (medium, last) = written();
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
    log.append_batch(entries(0, 1, 20), 0).unwrap();
    drop(log);
    let other = Memory::default();
    let (mut log, _) = SegmentLog::open_on(Arc::new(other.clone()), config()).unwrap();
    log.skip_to(3).unwrap();
    for _ in 0..2 {
        log.append_batch(entries(0, 2, 20), 0).unwrap();
    }
    drop(log);

    let (name, mut bytes) = medium.files().into_iter().find(|(name, _)| is_segment(name)).unwrap();
    let (_, theirs) = other.files().into_iter().rfind(|(name, _)| is_segment(name)).unwrap();
    let second_batch = theirs.len() - (theirs.len() - SEGMENT_HEAD) / 2;
    bytes.truncate(second_batch);
    bytes.extend_from_slice(&theirs[second_batch..]);
    medium.put(&name, bytes);

    let (log, _) = SegmentLog::open_on(Arc::new(medium), config()).unwrap();
    let mut reader = log.handle().reader(1);
    assert_eq!([1, 2].map(|_| reader.next_record().unwrap().unwrap().seq), [1, 2]);
    let error = reader.next_record().unwrap_err();
    let at = second_batch as u64;
    assert!(matches!(error, LogError::Corrupt { file, offset } if file == name && offset == at));
    assert_eq!(reader.skip_damage().unwrap(), Some(9), "the next segment");
    assert_eq!(reader.last().unwrap().unwrap().seq, last + 1);
}

fn is_segment(name: &str) -> bool {
    name.ends_with(".segment")
}

/// Bytes before the first record of a segment.
const SEGMENT_HEAD: usize = 36;

/// A stranger's frame may contain what looks like a record of ours, to come next. When the
/// frame is torn, the search for good records behind it must not find that.
#[test]
fn the_image_of_a_record_in_a_payload_is_no_record() {
    // What the log would hold next if the frame were a short one: the numbers fit.
    let medium = Memory::default();
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
    log.append_batch(entries(0, 4, 20), 0).unwrap();
    let before = medium.files().pop().unwrap().1.len();
    log.append_batch(entries(4, 1, 20), 0).unwrap();
    log.append_batch(entries(5, 1, 20), 0).unwrap();
    let image = medium.files().pop().unwrap().1[before..].to_vec();
    let forged = [image.clone(), image].concat();

    let medium = Memory::default();
    let (mut log, _) = SegmentLog::open_on(Arc::new(medium.clone()), config()).unwrap();
    log.append_batch(entries(0, 3, 20), 0).unwrap();
    log.append_batch(vec![Entry::new("", move |_| forged)], 0).unwrap();
    drop(log);
    let (name, bytes) = medium.files().pop().unwrap();
    for cut in 1..60 {
        let medium = medium.snapshot();
        medium.put(&name, bytes[..bytes.len() - cut].to_vec());
        let (log, report) = SegmentLog::open_on(Arc::new(medium), config()).unwrap();
        assert!(report.damage.is_empty() && report.torn_bytes > 0);
        assert_eq!(readable(&log), [1, 2, 3]);
    }
}
