use super::stored::Stored;
use crate::log::{LogError, LogHandle};

/// The number of the first event of a time or later; that of the next one to come if there is
/// none. Halves the log, since times rise with numbers; it blocks for reads of the disk.
pub(super) fn seek(log: &LogHandle, time_us: i64) -> Result<i64, LogError> {
    let (mut low, mut high) = (log.removed_through() + 1, log.last_seq() + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match first_from(log, middle) {
            Ok(Some((seq, time))) if seq < high && time < time_us => low = seq + 1,
            Ok(_) => high = middle,
            // Retention has removed what was asked for meanwhile.
            Err(LogError::Expired { .. }) => low = log.removed_through().max(middle) + 1,
            Err(error) => return Err(error),
        }
    }
    Ok(low)
}

/// Number and time of the first readable event from a number on.
fn first_from(log: &LogHandle, from: i64) -> Result<Option<(i64, i64)>, LogError> {
    let mut reader = log.reader(from);
    loop {
        match reader.next_record() {
            Ok(None) => return Ok(None),
            Ok(Some(record)) => {
                if let Some(event) = Stored::of(&record) {
                    return Ok(Some((event.seq, event.time_us)));
                }
            }
            Err(LogError::Corrupt { .. }) => {
                if reader.skip_damage()?.is_none() {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Entry, LogConfig, SegmentLog};

    #[test]
    fn every_time_finds_its_event_in_any_segment() {
        let dir = tempfile::tempdir().unwrap();
        let config = LogConfig::default().segment_bytes(1_000);
        let (mut log, _) = SegmentLog::open(dir.path(), config).unwrap();
        assert_eq!(seek(&log.handle(), 5).unwrap(), 1, "an empty log");
        for seq in 1..=100_i64 {
            if seq == 50 {
                // Numbers that nothing has.
                log.skip_to(60).unwrap();
            }
            let payload = move |_| (seq * 10).to_le_bytes().to_vec();
            log.append_batch(vec![Entry::new("", payload)], 0).unwrap();
        }
        let (handle, number) = (log.handle(), |seq: i64| if seq < 50 { seq } else { seq + 10 });
        assert!(handle.segments() > 3);
        for seq in 1..=100 {
            for time in seq * 10 - 9..=seq * 10 {
                assert_eq!(number(seq), {
                    let found = seek(&handle, time).unwrap();
                    if (50..60).contains(&found) { 60 } else { found }
                });
            }
        }
        assert_eq!(seek(&handle, 1_001).unwrap(), 111, "the next one to come");
        assert_eq!(seek(&handle, i64::MIN).unwrap(), 1);
    }
}
