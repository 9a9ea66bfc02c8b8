//! Archives whose hashes are right whatever is in them.
//!
//! A byte string that is mutated at random is never an archive: the hashes see to that. So
//! the input of some targets is a sequence of chunks (a length in two bytes, little-endian,
//! then so many bytes), and a link in a chunk whose digest is a number and then 31 bytes
//! 0xff stands for the chunk of that number, which has to come before.

use atproto_core::syntax::Cid;

/// `d8 2a 58 25 00` (a tagged byte string), then CIDv1 of DAG-CBOR and SHA-256.
const LINK: [u8; 9] = [0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01, 0x71, 0x12, 0x20];

/// The digest after the number.
const FILL: [u8; 31] = [0xff; 31];

/// The chunks of an input, links filled in. `change` may replace a chunk before it is
/// hashed; it is told the number.
pub(crate) fn blocks(
    mut data: &[u8],
    mut change: impl FnMut(usize, Vec<u8>) -> Vec<u8>,
) -> Vec<(Cid, Vec<u8>)> {
    let mut blocks = Vec::<(Cid, Vec<u8>)>::new();
    while let Some((len, rest)) = data.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
        let (chunk, rest) = rest.split_at(len);
        data = rest;
        let block = change(blocks.len(), linked(chunk, &blocks));
        blocks.push((Cid::dag_cbor(&block), block));
    }
    blocks
}

fn linked(chunk: &[u8], blocks: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let mut block = chunk.to_vec();
    let len = LINK.len() + 1 + FILL.len();
    for start in 0..(block.len() + 1).saturating_sub(len) {
        let digest = start + LINK.len();
        if block[start..digest] == LINK
            && block[digest + 1..start + len] == FILL
            && let Some((cid, _)) = blocks.get(usize::from(block[digest]))
        {
            block[digest..start + len].copy_from_slice(cid.digest());
        }
    }
    block
}
