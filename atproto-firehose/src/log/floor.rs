//! The lowest sequence number that may be given out next.
//!
//! Segment names say as much most of the time. The floor says it when they
//! cannot: after a torn tail was cut off (its numbers may have been seen) and
//! after an operator skipped ahead. The file holds two copies, each with its
//! own checksum, so that one flipped bit cannot make numbers repeat.

use super::error::LogError;
use super::medium::Medium;

const FILE: &str = "floor";
const COPY_LEN: usize = 12;

/// Reads the floor; 1 if none was ever written.
pub(crate) fn read(medium: &dyn Medium, files: &[String]) -> Result<i64, LogError> {
    if !files.iter().any(|file| file == FILE) {
        return Ok(1);
    }
    let file = medium.open(FILE, false).map_err(LogError::io("open", FILE))?;
    let mut copies = [0; 2 * COPY_LEN];
    let count = file.read_at(0, &mut copies).map_err(LogError::io("read", FILE))?;
    copies[..count]
        .chunks_exact(COPY_LEN)
        .find_map(decode)
        .ok_or(LogError::Corrupt { file: FILE.into(), offset: 0 })
}

/// Replaces the floor durably.
pub(crate) fn write(medium: &dyn Medium, floor: i64) -> Result<(), LogError> {
    let seq = floor.to_le_bytes();
    let crc = crc32fast::hash(&seq).to_le_bytes();
    medium
        .replace(FILE, &[&seq[..], &crc, &seq, &crc].concat())
        .map_err(LogError::io("replace", FILE))
}

fn decode(copy: &[u8]) -> Option<i64> {
    let (seq, crc) = copy.split_first_chunk::<8>()?;
    (crc32fast::hash(seq).to_le_bytes() == crc).then_some(i64::from_le_bytes(*seq))
}
