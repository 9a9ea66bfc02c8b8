//! The libraries that compute with points, one for each curve.
//!
//! Each gives a `Point`, parsed once, that reads and writes SEC 1 and verifies. Which
//! numbers a signature may consist of is decided before, in one place for all of them;
//! so they differ in speed alone.
//!
//! Signing is the pure libraries' on both curves, whatever the features: their secrets
//! are overwritten by type, and their signatures deterministic.

#[cfg(not(feature = "secp256k1"))]
mod k256;
#[cfg(not(feature = "ring"))]
mod p256;
#[cfg(feature = "ring")]
mod ring;
#[cfg(feature = "secp256k1")]
mod secp256k1;

#[cfg(not(feature = "secp256k1"))]
pub(super) use k256::Point as K256;
#[cfg(not(feature = "ring"))]
pub(super) use p256::Point as P256;
#[cfg(feature = "ring")]
pub(super) use ring::Point as P256;
#[cfg(feature = "secp256k1")]
pub(super) use secp256k1::Point as K256;
