//! Tokens between services.
//!
//! An account's PDS, or a service itself, signs who calls (`iss`), whom (`aud`) and which
//! method (`lxm`), for about a minute and for one use (`jti`). The receiver finds the key in
//! the issuer's DID document.
//!
//! See [Inter-service authentication](https://atproto.com/specs/xrpc#inter-service-authentication-jwt).

use atproto_core::{
    crypto::{SignError, Signer},
    syntax::Did,
};
use serde::{Deserialize, Serialize};

use super::{clock::unix_now, jwt};
use crate::random;

mod verifier;

pub use verifier::{ServiceAuthError, ServiceProof, ServiceVerifier};

/// How long a token lives if nobody says otherwise: 60 s, as the specification recommends.
pub const DEFAULT_LIFETIME_SECONDS: u64 = 60;

/// The longest life that a verifier accepts: one hour, the most that `getServiceAuth` gives.
pub const MAX_LIFETIME_SECONDS: u64 = 60 * 60;

/// The `typ` of service tokens.
const TYP: &str = "JWT";

/// What a service token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceClaims {
    /// Who calls.
    pub iss: Did,
    /// Who is called: a DID, or a DID with a service id (`did:web:api.example#bsky_appview`).
    pub aud: String,
    /// From when on the token is refused, in Unix seconds.
    pub exp: u64,
    /// When the token was made, in Unix seconds.
    pub iat: u64,
    /// The only method that the token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lxm: Option<String>,
    /// A nonce of the issuer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    #[serde(default, skip_serializing)]
    nbf: Option<u64>,
}

impl ServiceClaims {
    /// Claims for one call, made now and good for a minute.
    pub fn new(iss: Did, aud: impl Into<String>, lxm: impl Into<String>) -> Self {
        let iat = unix_now();
        Self {
            iss,
            aud: aud.into(),
            exp: iat + DEFAULT_LIFETIME_SECONDS,
            iat,
            lxm: Some(lxm.into()),
            jti: Some(random::hex_id()),
            nbf: None,
        }
    }

    /// The same claims for so many seconds from `iat` on.
    #[must_use]
    pub fn with_lifetime(mut self, seconds: u64) -> Self {
        self.exp = self.iat.saturating_add(seconds);
        self
    }

    /// The same claims for any method. Receivers that follow the specification refuse such
    /// a token for XRPC; some older ones take it.
    #[must_use]
    pub fn for_any_method(mut self) -> Self {
        self.lxm = None;
        self
    }
}

/// Signs a token with the issuer's key `#atproto`.
pub fn mint(signer: &dyn Signer, claims: &ServiceClaims) -> Result<String, SignError> {
    jwt::sign(signer, TYP, None, claims)
}

/// Signs a token with another key of the issuer's document; `key_id` begins with `#`.
pub fn mint_with_key_id(
    signer: &dyn Signer,
    key_id: &str,
    claims: &ServiceClaims,
) -> Result<String, SignError> {
    jwt::sign(signer, TYP, Some(key_id), claims)
}
