use url::Url;

use super::{Claims, DpopNonces, DpopRequest, Jwk, TYP, covered, hash};
use crate::auth::{
    jwt::{JwtError, Unverified},
    replay::{ReplayTable, Use},
};

/// How old a proof may be, and how far ahead of our clock, in seconds. Ours: nonces bound
/// its age already, this is about proofs whose nonce was asked for and kept.
pub const MAX_AGE_SECONDS: u64 = 180;

/// The longest `jti` in bytes. Ours; a UUID has 36.
pub const MAX_JTI_BYTES: usize = 128;

/// How many proofs are remembered against replay, unless something else is said. Ours.
pub const REPLAY_CAPACITY: usize = 1 << 20;

/// Why a proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DpopError {
    /// It is not a token, its claims are missing, or its signature does not match.
    #[error("the proof is not valid: {0}")]
    Malformed(#[from] JwtError),
    /// `typ` is not `dpop+jwt`.
    #[error("the proof is a token of another type")]
    Type,
    /// `jwk` is missing, private, or of a kind that is not used here.
    #[error("the proof has no usable public key")]
    Key,
    /// `jti` is empty or too long.
    #[error("the proof has no usable id")]
    Id,
    /// `htm` is another method.
    #[error("the proof is for another method")]
    Method,
    /// `htu` is another address.
    #[error("the proof is for another address")]
    Address,
    /// `iat` is too old, or lies ahead.
    #[error("the proof is not of now")]
    Time,
    /// `ath` is not the hash of the access token.
    #[error("the proof is for another access token")]
    AccessToken,
    /// The nonce is missing or too old. The answer has to carry a new one.
    #[error("a new nonce is to be used")]
    UseNonce,
    /// It was used before.
    #[error("the proof was used before")]
    Replayed,
    /// So many proofs are in use that this one could not be remembered.
    #[error("too many proofs are in use")]
    TooMany,
}

impl DpopError {
    /// The error's name in an answer: RFC 9449, sections 5 and 8.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UseNonce => "use_dpop_nonce",
            _ => "invalid_dpop_proof",
        }
    }
}

/// What a proof has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DpopProof {
    /// The thumbprint of the app's key: has to be what its tokens are bound to.
    pub jkt: String,
}

/// Verifies proofs, each of which passes once.
#[derive(Debug)]
pub struct DpopVerifier {
    nonces: DpopNonces,
    replay: ReplayTable,
}

impl DpopVerifier {
    /// A verifier that asks for these nonces.
    pub fn new(nonces: DpopNonces) -> Self {
        Self { nonces, replay: ReplayTable::new(REPLAY_CAPACITY) }
    }

    /// The same verifier, remembering so many proofs against replay. One key may have a
    /// sixteenth of them in use at a time.
    #[must_use]
    pub fn replay_capacity(mut self, proofs: usize) -> Self {
        self.replay = ReplayTable::new(proofs);
        self
    }

    /// The nonces: every answer carries the current one.
    pub fn nonces(&self) -> &DpopNonces {
        &self.nonces
    }

    /// Verifies a proof for a request, at a time in Unix seconds.
    pub fn verify(
        &self,
        proof: &str,
        request: &DpopRequest<'_>,
        now: u64,
    ) -> Result<DpopProof, DpopError> {
        let token = Unverified::parse(proof)?;
        if token.header().typ.as_deref() != Some(TYP) {
            return Err(DpopError::Type);
        }
        let key: Jwk = token.key().ok_or(DpopError::Key)?;
        token.verify_any_s(&key.0)?;
        let claims: Claims = token.claims()?;
        check(&claims, request, now)?;
        if !claims.nonce.as_deref().is_some_and(|nonce| self.nonces.admits(nonce, now)) {
            return Err(DpopError::UseNonce);
        }
        // Last, so that only whoever has the key can use a proof up.
        let jkt = key.thumbprint();
        match self.replay.note(&jkt, &claims.jti, claims.iat + MAX_AGE_SECONDS, now) {
            Use::First => Ok(DpopProof { jkt }),
            Use::Repeated => Err(DpopError::Replayed),
            Use::Full => Err(DpopError::TooMany),
        }
    }
}

fn check(claims: &Claims, request: &DpopRequest<'_>, now: u64) -> Result<(), DpopError> {
    if !(1..=MAX_JTI_BYTES).contains(&claims.jti.len()) {
        return Err(DpopError::Id);
    }
    if claims.htm != request.method {
        return Err(DpopError::Method);
    }
    let address = Url::parse(&claims.htu).map_err(|_| DpopError::Address)?;
    if covered(&address) != covered(request.url) {
        return Err(DpopError::Address);
    }
    if claims.iat.abs_diff(now) > MAX_AGE_SECONDS {
        return Err(DpopError::Time);
    }
    if claims.ath != request.access_token.map(hash) {
        return Err(DpopError::AccessToken);
    }
    Ok(())
}
