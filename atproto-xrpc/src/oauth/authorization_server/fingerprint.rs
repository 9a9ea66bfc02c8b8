use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

use crate::random;

/// The SHA-256 of a secret: what a store keeps in its place, so that whoever reads the store
/// cannot use what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// The fingerprint of several texts, none of which can be taken for parts of another.
    pub fn of_all(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A few digits of it, for logs.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({}…)", HEXLOWER.encode(&self.0[..4]))
    }
}

/// A new secret of 256 bits, as text that URLs and headers take.
pub(super) fn secret() -> String {
    BASE64URL_NOPAD.encode(&random::bytes::<32>())
}
