use ::secp256k1::{Message, ecdsa};
use sha2::{Digest as _, Sha256};

use crate::crypto::{PublicKey, Signature};

/// A point of secp256k1, for libsecp256k1.
#[derive(Clone)]
pub(in crate::crypto) struct Point(::secp256k1::PublicKey);

impl Point {
    pub(in crate::crypto) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        ::secp256k1::PublicKey::from_slice(bytes).ok().map(Self)
    }

    pub(in crate::crypto) fn to_sec1(&self) -> [u8; PublicKey::UNCOMPRESSED] {
        self.0.serialize_uncompressed()
    }

    pub(in crate::crypto) fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let message = Message::from_digest(Sha256::digest(message).into());
        ecdsa::Signature::from_compact(signature.as_bytes())
            .is_ok_and(|signature| signature.verify(message, &self.0).is_ok())
    }
}
