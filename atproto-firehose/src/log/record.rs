//! The bytes of one record.
//!
//! ```text
//! 0   len      u32   bytes of key and payload
//! 4   crc      u32   of everything else in the record
//! 8   seq      i64
//! 16  time     i64   unix microseconds at which the batch was written
//! 24  back     u32   bytes from the start of the batch to this record
//! 28  key len  u32
//! 32  key, payload
//! ```
//! All numbers are little-endian. `back` tells a batch that was cut by a crash
//! from damage to a batch that had been synced: see `recovery`.
//!
//! The checksum also covers the record's offset in the file. Payloads come from
//! strangers, who could put the image of a record into one; it is no record
//! anywhere but at the offset they would have to guess.

use bytes::Bytes;

use super::config::SEQ_LIMIT;

/// Bytes before the key.
pub(crate) const HEADER_LEN: usize = 32;

/// One record as read from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its sequence number.
    pub seq: i64,
    /// When its batch was written, in unix microseconds.
    pub time: i64,
    /// The producer's own identification of the entry; may be empty.
    pub key: Bytes,
    /// What readers get: an encoded frame.
    pub payload: Bytes,
}

/// The fixed part of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) len: usize,
    pub(crate) crc: u32,
    pub(crate) seq: i64,
    pub(crate) time: i64,
    pub(crate) back: u32,
    pub(crate) key_len: usize,
}

impl Header {
    /// Reads a header, or `None` if no writer of ours could have made it.
    pub(crate) fn parse(bytes: &[u8; HEADER_LEN], max_record: usize) -> Option<Self> {
        let [len, crc, _, _, _, _, back, key_len] = words(bytes);
        let header = Self {
            len: usize::try_from(len).ok()?,
            crc,
            seq: i64::from_le_bytes(bytes[8..16].try_into().ok()?),
            time: i64::from_le_bytes(bytes[16..24].try_into().ok()?),
            back,
            key_len: usize::try_from(key_len).ok()?,
        };
        let plausible = header.len <= max_record
            && header.key_len <= header.len
            && (1..SEQ_LIMIT).contains(&header.seq);
        plausible.then_some(header)
    }

    /// Bytes of the whole record.
    pub(crate) fn total(&self) -> usize {
        HEADER_LEN + self.len
    }
}

/// What a buffer begins with.
pub(crate) enum Parsed {
    /// A whole record with a correct checksum.
    Whole(Header),
    /// This many bytes are needed to tell.
    Need(usize),
    /// Not a record.
    Bad,
}

/// Looks at the start of a buffer that lies at `offset` of its file.
pub(crate) fn parse(buffer: &[u8], offset: u64, max_record: usize) -> Parsed {
    let Some(head) = buffer.first_chunk::<HEADER_LEN>() else { return Parsed::Need(HEADER_LEN) };
    let Some(header) = Header::parse(head, max_record) else { return Parsed::Bad };
    match buffer.get(..header.total()) {
        None => Parsed::Need(header.total()),
        Some(record) if checksum(record, offset) == header.crc => Parsed::Whole(header),
        Some(_) => Parsed::Bad,
    }
}

/// Cuts the record that `header` describes out of the front of a buffer.
pub(crate) fn split(buffer: &mut Bytes, header: &Header) -> Record {
    let mut body = buffer.split_to(header.total()).split_off(HEADER_LEN);
    let key = body.split_to(header.key_len);
    Record { seq: header.seq, time: header.time, key, payload: body }
}

/// Appends a record to `batch`, which will lie at `batch_offset` of its file.
pub(crate) fn write(
    batch: &mut Vec<u8>,
    batch_offset: u64,
    seq: i64,
    time: i64,
    key: &[u8],
    payload: &[u8],
) {
    let start = batch.len();
    let len = (key.len() + payload.len()) as u32;
    batch.reserve(HEADER_LEN + key.len() + payload.len());
    batch.extend_from_slice(&len.to_le_bytes());
    batch.extend_from_slice(&[0; 4]);
    batch.extend_from_slice(&seq.to_le_bytes());
    batch.extend_from_slice(&time.to_le_bytes());
    batch.extend_from_slice(&(start as u32).to_le_bytes());
    batch.extend_from_slice(&(key.len() as u32).to_le_bytes());
    batch.extend_from_slice(key);
    batch.extend_from_slice(payload);
    let crc = checksum(&batch[start..], batch_offset + start as u64);
    batch[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Over the whole record except the checksum itself.
fn checksum(record: &[u8], offset: u64) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&offset.to_le_bytes());
    crc.update(&record[..4]);
    crc.update(&record[8..]);
    crc.finalize()
}

fn words(bytes: &[u8; HEADER_LEN]) -> [u32; 8] {
    let (words, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|index| u32::from_le_bytes(words[index]))
}
