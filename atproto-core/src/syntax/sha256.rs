use sha2::block_api::compress256;

/// SHA-256 of bytes that are all at hand.
///
/// A hasher that takes bytes as they come keeps a buffer for them. Most of what is hashed
/// here is short, and doing without the buffer saves a tenth of the time of a key.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut state = INITIAL;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    if !blocks.is_empty() {
        compress256(&mut state, blocks);
    }
    // The rest, a one bit, zeros, and at the end of a block the number of bits.
    let mut last = [[0; BLOCK]; 2];
    let count = if rest.len() < BLOCK - LENGTH { 1 } else { 2 };
    let padded = last[..count].as_flattened_mut();
    padded[..rest.len()].copy_from_slice(rest);
    padded[rest.len()] = 0x80;
    let bits = bytes.len() as u64 * 8;
    padded[count * BLOCK - LENGTH..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &last[..count]);

    let mut digest = [0; 32];
    for (place, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *place = word.to_be_bytes();
    }
    digest
}

/// Bytes that are hashed in one step.
const BLOCK: usize = 64;
/// Bytes that the number of bits takes.
const LENGTH: usize = size_of::<u64>();

/// Source: FIPS 180-4, section 5.3.3.
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

    use super::*;

    #[test]
    fn every_length_hashes_as_the_library_does() {
        let bytes: Vec<u8> = (0..4 * BLOCK).map(|number| number as u8).collect();
        for length in 0..=bytes.len() {
            let expected: [u8; 32] = Sha256::digest(&bytes[..length]).into();
            assert_eq!(sha256(&bytes[..length]), expected, "{length} bytes");
        }
    }
}
