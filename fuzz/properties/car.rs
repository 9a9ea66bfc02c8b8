//! Archives: all readers agree, and what they hold at once is bounded by the limits.

use atproto_repo::car::{self, CarReader, Limits};
use bytes::Bytes;

use super::chunks;

pub(crate) fn check(data: &[u8]) {
    agree(data);
    let blocks = chunks::blocks(data, |_, block| block);
    let Some((root, _)) = blocks.last() else { return };
    let archive = car::write(root, blocks.iter().map(|(cid, block)| (cid, block)));
    assert_eq!(agree(&archive), Some(blocks.len()));
}

/// Reads an archive in every way. The number of its blocks, if it is sound.
fn agree(archive: &[u8]) -> Option<usize> {
    let reader = CarReader::new().max_block(1 << 16).max_blocks(1 << 10);
    let by_slice = reader.for_slice(archive);
    // One byte at a time: wherever a read ends, the answer is the same.
    let by_reader = reader.for_reader(Trickle(archive));
    let by_bytes = reader.for_bytes(Bytes::copy_from_slice(archive));
    let (Ok(mut by_slice), Ok(mut by_reader), Ok(mut by_bytes)) = (by_slice, by_reader, by_bytes)
    else {
        assert!(reader.for_slice(archive).is_err() && reader.for_reader(archive).is_err());
        assert!(reader.for_bytes(Bytes::copy_from_slice(archive)).is_err());
        return None;
    };
    assert_eq!(by_slice.roots(), by_reader.roots());
    assert_eq!(by_slice.roots(), by_bytes.roots());
    let mut count = 0;
    loop {
        match (by_slice.next(), by_reader.next(), by_bytes.next()) {
            (None, None, None) => break,
            (Some(Err(_)), Some(Err(_)), Some(Err(_))) => return None,
            (Some(Ok(left)), Some(Ok(middle)), Some(Ok(right))) => {
                assert!(left.cid.matches(left.bytes));
                assert_eq!((left.cid, left.bytes), (middle.cid, &middle.bytes[..]));
                assert_eq!((left.cid, left.bytes), (right.cid, &right.bytes[..]));
                count += 1;
            }
            _ => panic!("the readers disagree about block {count}"),
        }
    }
    let limits = Limits::default();
    let (_, blocks) = car::read_all(archive.to_vec(), &limits).expect("the others read it");
    assert!(blocks.len() <= count);
    Some(count)
}

struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = into.len().min(1);
        self.0.read(&mut into[..len])
    }
}
