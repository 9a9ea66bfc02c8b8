use std::fmt;

use super::{PublicKey, SignError, Signature, Signer};

/// A key that is kept elsewhere, reached by a function that blocks until it has answered.
///
/// What the function gives is not believed: `s` is lowered, since most services do not
/// know of that rule, and the signature verified.
///
/// ```
/// use atproto_core::crypto::{PublicKey, RemoteSigner, SignError, Signature, Signer};
/// # use atproto_core::crypto::{Curve, SecretKey};
/// # struct Service(SecretKey);
/// # impl Service {
/// #     fn sign_ecdsa_sha256(&self, message: &[u8]) -> std::io::Result<Vec<u8>> {
/// #         let signature = self.0.sign(message).map_err(std::io::Error::other)?;
/// #         Ok(signature.as_bytes().to_vec())
/// #     }
/// # }
///
/// fn signer(service: Service, key: PublicKey) -> impl Signer {
///     RemoteSigner::new(key, move |message: &[u8]| {
///         let bytes = service.sign_ecdsa_sha256(message).map_err(SignError::unavailable)?;
///         // Many services answer in DER: see Signature::from_der.
///         Ok(Signature::from_bytes(&bytes)?)
///     })
/// }
/// # let key = SecretKey::generate(Curve::P256);
/// # let public = key.public_key();
/// # let signature = signer(Service(key), public.clone()).sign(b"message")?;
/// # public.verify(b"message", &signature)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RemoteSigner<F> {
    key: PublicKey,
    sign: F,
}

impl<F> RemoteSigner<F>
where
    F: Fn(&[u8]) -> Result<Signature, SignError> + Send + Sync,
{
    /// A signer for the key of which this is the public half. The function gets the
    /// message, and signs its SHA-256 digest.
    pub fn new(key: PublicKey, sign: F) -> Self {
        Self { key, sign }
    }
}

impl<F> Signer for RemoteSigner<F>
where
    F: Fn(&[u8]) -> Result<Signature, SignError> + Send + Sync,
{
    fn public_key(&self) -> PublicKey {
        self.key.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let signature = (self.sign)(message)?;
        Ok(self.key.verify_lowered(message, &signature)?)
    }
}

impl<F> fmt::Debug for RemoteSigner<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSigner").field("key", &self.key).finish_non_exhaustive()
    }
}
