use std::sync::Arc;

use super::{PublicKey, SignError, Signature};

/// Something that signs: a secret key in memory, or a service that keeps one.
///
/// Signing is synchronous, and an implementation that goes over the network blocks: it
/// belongs on a thread where that is allowed. Where there is none, nothing needs this
/// trait: what can be signed tells what the signature covers (`signing_input`) and takes
/// one that was made in the meantime (`with_signature`). See
/// [`Content`](crate::identity::plc::Content::signing_input) for an example.
///
/// [`RemoteSigner`](super::RemoteSigner) turns any function that signs into a signer that
/// cannot give a wrong signature.
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
