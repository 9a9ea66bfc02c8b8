use std::sync::Arc;

use super::{PublicKey, SignError, Signature};

/// Something that signs: a secret key in memory, or a service that keeps one.
///
/// Signing is synchronous. An implementation that goes over the network blocks, and
/// belongs on a thread where that is allowed.
pub trait Signer: Send + Sync {
    /// The key with which the signatures can be verified.
    fn public_key(&self) -> PublicKey;

    /// Signs a message: ECDSA over its SHA-256 digest, raw, with a low `s`.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignError>;
}

impl<T: Signer + ?Sized> Signer for &T {
    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign(message)
    }
}

impl<T: Signer + ?Sized> Signer for Arc<T> {
    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign(message)
    }
}

impl<T: Signer + ?Sized> Signer for Box<T> {
    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign(message)
    }
}
