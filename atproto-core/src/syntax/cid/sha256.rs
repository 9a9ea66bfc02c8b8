//! SHA-256 of bytes that are all at hand.
//!
//! A tree is checked by hashing millions of keys and small blocks, most of them one to ten
//! times the 64 bytes that the function takes in at once. A hasher that takes its input in
//! pieces spends as long on its buffer as on the last of these, so here only the padding is
//! done, and the compression is that of the library; see ADR 16.

use sha2::block_api::compress256;

/// The SHA-256 digest (FIPS 180-4, section 6.2).
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut state = INITIAL;
    if !blocks.is_empty() {
        compress256(&mut state, blocks);
    }
    compress256(&mut state, pad(&mut [[0; BLOCK]; 2], rest, bytes.len()));

    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

/// The end of a message: what is left of it, a one bit, zeros, and its length in bits. It takes
/// one block, or two if the length has no room in the first.
fn pad<'a>(end: &'a mut [[u8; BLOCK]; 2], rest: &[u8], length: usize) -> &'a [[u8; BLOCK]] {
    let count = 1 + usize::from(rest.len() + 1 + LENGTH > BLOCK);
    let end = &mut end[..count];
    let bytes = end.as_flattened_mut();
    bytes[..rest.len()].copy_from_slice(rest);
    bytes[rest.len()] = 0x80;
    if let Some(place) = bytes.last_chunk_mut() {
        *place = (8 * length as u64).to_be_bytes();
    }
    end
}

/// Bytes that the compression takes in at once.
const BLOCK: usize = 64;

/// Bytes of a message's length.
const LENGTH: usize = 8;

/// The first 32 bits of the fractional parts of the square roots of the first eight primes
/// (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::digest;

    #[test]
    fn digests_are_those_of_the_library_at_every_length() {
        let message: Vec<u8> = (0..1000u32).map(|at| (at * at % 251) as u8).collect();
        for length in 0..=message.len() {
            let message = &message[..length];
            assert_eq!(digest(message), *Sha256::digest(message), "{length} bytes");
        }
        let long = vec![0xa5; 5_000_000];
        assert_eq!(digest(&long), *Sha256::digest(&long));
    }
}
