use serde::Deserialize;

use super::{ASSERTION_SECONDS, ASSERTION_SKEW_SECONDS, client_keys::ClientKeys, store::ClientKey};
use crate::{
    auth::jwt::{JwtError, Unverified},
    oauth::MAX_JTI_BYTES,
};

/// What a client authenticates itself by, as `client_assertion_type` names it: RFC 7523.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client's assertion that was verified. Whether its `jti` is new is the store's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientAssertion {
    /// The key that has signed it.
    pub key: ClientKey,
    /// Its id.
    pub jti: String,
    /// From when on it is refused for its age: so long its id has to be remembered.
    pub expires: u64,
}

/// Why a client assertion is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionError {
    /// It is no token, its claims are missing, or its signature does not match.
    #[error("the client assertion is not valid: {0}")]
    Malformed(#[from] JwtError),
    /// The header names no key, or one that the client does not have.
    #[error("the client assertion is by a key that the client does not have")]
    Key,
    /// `iss` or `sub` is another client.
    #[error("the client assertion is another client's")]
    Client,
    /// `aud` is another server.
    #[error("the client assertion is for another server")]
    Audience,
    /// `jti` is empty or too long.
    #[error("the client assertion has no usable id")]
    Id,
    /// It is too old, has expired, or lies ahead.
    #[error("the client assertion is not of now")]
    Time,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMany,
    jti: String,
    iat: u64,
    /// RFC 7523 asks for it, the profile does not, and clients in use go without: `iat` bounds
    /// the life of an assertion in any case.
    exp: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl ClientAssertion {
    /// Verifies an assertion of a client, for the server with this issuer, at a time in Unix
    /// seconds.
    pub fn verify(
        assertion: &str,
        client_id: &str,
        keys: &ClientKeys,
        issuer: &str,
        now: u64,
    ) -> Result<Self, AssertionError> {
        let token = Unverified::parse(assertion)?;
        let kid = token.header().kid.clone().ok_or(AssertionError::Key)?;
        let key = keys.find(&kid).ok_or(AssertionError::Key)?;
        token.verify_any_s(&key.0)?;
        let alg = token.header().alg.clone();
        let claims: Claims = token.claims()?;
        if claims.iss != client_id || claims.sub != client_id {
            return Err(AssertionError::Client);
        }
        if !claims.aud.contains(issuer) {
            return Err(AssertionError::Audience);
        }
        if !(1..=MAX_JTI_BYTES).contains(&claims.jti.len()) {
            return Err(AssertionError::Id);
        }
        let oldest = claims.iat.saturating_add(ASSERTION_SECONDS);
        let expires = claims.exp.map_or(oldest, |exp| exp.min(oldest));
        if expires <= now || claims.iat > now.saturating_add(ASSERTION_SKEW_SECONDS) {
            return Err(AssertionError::Time);
        }
        let key = ClientKey { kid, alg, jkt: key.thumbprint() };
        Ok(Self { key, jti: claims.jti, expires })
    }
}

impl OneOrMany {
    fn contains(&self, issuer: &str) -> bool {
        match self {
            Self::One(one) => one == issuer,
            Self::Many(many) => many.iter().any(|one| one == issuer),
        }
    }
}
