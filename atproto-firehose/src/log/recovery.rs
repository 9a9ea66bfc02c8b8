//! What happens when a log is opened.
//!
//! Only the newest segment can have been written to when the process ended, so
//! only that one is read whole. Where its records stop making sense there are
//! two cases, and they must not be confused:
//!
//! - a *torn tail*: the last batch was cut by a crash before it was synced.
//!   Nobody saw it, and it is cut off;
//! - *damage*: bytes changed after they had been synced. Cutting here would
//!   throw away records that were acknowledged.
//!
//! One batch is synced before the next is written, and each record says how
//! far back its batch began. So if a valid record of a *later* batch follows
//! the bad bytes, they had been synced: damage. Otherwise: torn.

use super::error::LogError;
use super::medium::MediumFile;
use super::record::{self, HEADER_LEN, Header, Parsed};
use super::segment::{HEAD_LEN, Index};

/// What opening a log found and repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Records in the newest segment, all of which were checked.
    pub records_checked: u64,
    /// Bytes of an unfinished batch that were cut off. The sequence numbers
    /// they may have held are never given out again.
    pub torn_bytes: u64,
    /// Newest segments without any record and with an unfinished head, which
    /// were removed.
    pub empty_segments_removed: u64,
    /// Places where stored bytes were changed. They stay as they are; a
    /// reader that meets one gets [`LogError::Corrupt`].
    pub damage: Vec<Damage>,
}

impl RecoveryReport {
    /// Whether everything was as it had been left.
    pub fn is_clean(&self) -> bool {
        self.torn_bytes == 0 && self.empty_segments_removed == 0 && self.damage.is_empty()
    }
}

/// A damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// Name of the file inside the log's folder.
    pub file: String,
    /// Offset of the first damaged structure.
    pub offset: u64,
    /// Sequence number of the first good record behind it.
    pub resumes: Option<i64>,
}

/// Result of reading one segment from its head to its end.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) index: Index,
    /// Sequence number before the first that the segment may hold.
    before: i64,
    pub(crate) records: u64,
    /// Sequence number and time of the last good record.
    pub(crate) last: Option<(i64, i64)>,
    /// End of the last good record.
    pub(crate) end: u64,
    /// Offsets of damage, each with the sequence number after it.
    pub(crate) damage: Vec<(u64, i64)>,
}

impl Scan {
    fn last_seq(&self) -> i64 {
        self.last.map_or(self.before, |(seq, _)| seq)
    }
}

/// Reads a whole segment, which is at most a few times the segment size.
pub(crate) fn scan(
    file: &dyn MediumFile,
    name: &str,
    first_seq: i64,
    max_record: usize,
    spacing: u64,
) -> Result<Scan, LogError> {
    let len = file.len().map_err(LogError::io("measure", name))?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let count = file.read_at(0, &mut bytes).map_err(LogError::io("read", name))?;
    bytes.truncate(count);

    let end = HEAD_LEN.min(bytes.len()) as u64;
    let mut scan = Scan { before: first_seq - 1, end, ..Scan::default() };
    let mut at = HEAD_LEN;
    while at < bytes.len() {
        let Some(header) = record_at(&bytes, at, max_record, &scan) else {
            match resume(&bytes, at, max_record, &scan) {
                Some((next, seq, time)) => {
                    scan.damage.push((at as u64, seq));
                    scan.last = Some((seq - 1, time));
                    at = next;
                    continue;
                }
                None => break,
            }
        };
        scan.index.note(header.seq, at as u64, spacing);
        scan.records += 1;
        scan.last = Some((header.seq, header.time));
        at += header.total();
        scan.end = at as u64;
    }
    scan.index = scan.index.completed();
    Ok(scan)
}

/// The first good record at or after `from` of bytes that lie at `offset` of
/// their file, and its place in them. `above` is the last sequence number
/// before the bytes.
pub(crate) fn find(
    bytes: &[u8],
    offset: u64,
    from: usize,
    max_record: usize,
    above: i64,
) -> Option<(usize, Header)> {
    (from..bytes.len()).find_map(|at| {
        match record::parse(&bytes[at..], offset + at as u64, max_record) {
            Parsed::Whole(header) if could_follow(header.seq, above, at) => Some((at, header)),
            _ => None,
        }
    })
}

/// Within a segment sequence numbers have no gaps, so the bytes in between
/// bound how far they can have gone.
fn could_follow(seq: i64, above: i64, bytes: usize) -> bool {
    seq > above && seq - above <= 1 + (bytes / HEADER_LEN) as i64
}

fn record_at(bytes: &[u8], at: usize, max_record: usize, scan: &Scan) -> Option<Header> {
    match record::parse(&bytes[at..], at as u64, max_record) {
        Parsed::Whole(header) if header.seq == scan.last_seq() + 1 => Some(header),
        _ => None,
    }
}

/// If the bytes at `bad` were damaged after they had been synced: where good
/// records begin again. `None` if this is a torn tail.
fn resume(bytes: &[u8], bad: usize, max_record: usize, scan: &Scan) -> Option<(usize, i64, i64)> {
    let above = scan.last_seq();
    let mut first = None;
    let mut at = bad + 1;
    while let Some((found, header)) = find(bytes, 0, at, max_record, above) {
        let resume = *first.get_or_insert((found, header.seq, header.time));
        let batch_start = found.saturating_sub(header.back as usize);
        if batch_start > bad {
            return Some(resume);
        }
        at = found + header.total();
    }
    None
}
