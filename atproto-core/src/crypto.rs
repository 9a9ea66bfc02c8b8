//! Keys and signatures.
//!
//! Two curves, both mandatory: secp256k1 ([`Curve::K256`]) and NIST P-256
//! ([`Curve::P256`]). A signature is ECDSA over the SHA-256 digest of the message, as 64
//! raw bytes, and of the two that always exist only the one with the low `s` is valid.
//! That matters beyond hygiene: with both admitted, anyone could turn a signed commit
//! into a second one with another CID.
//!
//! Public keys travel as Multikey text, alone or behind `did:key:`. Whoever signs is a
//! [`Signer`]: a [`SecretKey`] in memory, or a [`RemoteSigner`] in front of a key
//! management service.
//!
//! Two features make verification faster and change nothing else: `secp256k1` for the
//! first curve, `ring` for the second. Both need a C compiler.
//!
//! See the [specification](https://atproto.com/specs/cryptography).
//!
//! ```
//! use atproto_core::crypto::{Curve, PublicKey, SecretKey, Signer};
//!
//! let key = SecretKey::generate(Curve::K256);
//! let signature = key.sign(b"message")?;
//!
//! let public = PublicKey::from_did_key(&key.public_key().to_did_key())?;
//! public.verify(b"message", &signature)?;
//! assert!(public.verify(b"another message", &signature).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backend;
mod curve;
mod error;
mod number;
mod public_key;
mod remote_signer;
mod secret_key;
mod signature;
mod signer;

pub use curve::Curve;
pub use error::{KeyError, SignError, SignatureError};
pub use public_key::PublicKey;
pub use remote_signer::RemoteSigner;
pub use secret_key::SecretKey;
pub use signature::Signature;
pub use signer::Signer;
