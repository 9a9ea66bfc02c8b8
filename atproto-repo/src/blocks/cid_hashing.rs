use std::hash::{BuildHasher, Hasher, RandomState};

/// Hashing for keys that are hashes themselves: eight bytes of the digest under a secret
/// of the map. Without the secret, anyone could mine blocks that fall into one bucket.
#[derive(Debug, Clone)]
pub(crate) struct CidHashing(u64);

impl Default for CidHashing {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for CidHashing {
    type Hasher = CidHasher;

    fn build_hasher(&self) -> CidHasher {
        CidHasher(self.0)
    }
}

pub(crate) struct CidHasher(u64);

impl Hasher for CidHasher {
    fn write(&mut self, bytes: &[u8]) {
        let Some(head) = bytes.first_chunk() else { return };
        // A multiplication folded in half mixes every bit into those that pick the bucket.
        let product = u128::from(u64::from_le_bytes(*head) ^ self.0) * MULTIPLIER;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    // The codec and the digest's length tell nearly nothing apart.
    fn write_u8(&mut self, _: u8) {}
    fn write_usize(&mut self, _: usize) {}
    fn write_isize(&mut self, _: isize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The fractional part of the golden ratio: odd, and without a pattern.
const MULTIPLIER: u128 = 0x9e37_79b9_7f4a_7c15;
