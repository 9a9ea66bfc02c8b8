use ::k256::ecdsa::{Signature as Numbers, VerifyingKey, signature::Verifier as _};

use crate::crypto::{PublicKey, Signature};

/// A point of secp256k1, for the pure verifier.
#[derive(Clone)]
pub(in crate::crypto) struct Point(VerifyingKey);

impl Point {
    pub(in crate::crypto) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        VerifyingKey::from_sec1_bytes(bytes).ok().map(Self)
    }

    pub(in crate::crypto) fn to_sec1(&self) -> [u8; PublicKey::UNCOMPRESSED] {
        let mut bytes = [0; PublicKey::UNCOMPRESSED];
        bytes.copy_from_slice(self.0.to_sec1_point(false).as_bytes());
        bytes
    }

    pub(in crate::crypto) fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        Numbers::from_slice(signature.as_bytes())
            .is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}
