use ::p256::ecdsa::VerifyingKey;
use ::ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::crypto::{PublicKey, Signature};

/// A point of P-256, for *ring*.
///
/// It takes points uncompressed and has nothing to decompress them with, so the pure
/// library reads them.
#[derive(Clone)]
pub(in crate::crypto) struct Point([u8; PublicKey::UNCOMPRESSED]);

impl Point {
    pub(in crate::crypto) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        let key = VerifyingKey::from_sec1_bytes(bytes).ok()?;
        let mut bytes = [0; PublicKey::UNCOMPRESSED];
        bytes.copy_from_slice(key.to_sec1_point(false).as_bytes());
        Some(Self(bytes))
    }

    pub(in crate::crypto) fn to_sec1(&self) -> [u8; PublicKey::UNCOMPRESSED] {
        self.0
    }

    pub(in crate::crypto) fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0)
            .verify(message, signature.as_bytes())
            .is_ok()
    }
}
