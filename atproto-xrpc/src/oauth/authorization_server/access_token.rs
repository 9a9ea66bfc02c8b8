use std::{fmt, sync::Arc};

use atproto_core::{
    crypto::{PublicKey, SignError, Signer},
    syntax::Did,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ACCESS_TOKEN_SECONDS, store::Session};
use crate::{
    auth::jwt::{self, JwtError, Unverified},
    oauth::Jwk,
};

/// Makes and verifies the access tokens of one server: signed with its key, bound to the key of
/// the app, and naming the session that has to be there still.
#[derive(Clone)]
pub struct AccessTokens {
    signer: Arc<dyn Signer>,
    kid: String,
    issuer: String,
    audience: String,
}

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccessClaims {
    /// The authorization server.
    pub iss: String,
    /// The server that the token is for.
    pub aud: String,
    /// Whose account it is.
    pub sub: Did,
    /// The app.
    pub client_id: String,
    /// The key that it is bound to.
    pub cnf: Confirmation,
    /// The session.
    pub sid: String,
    /// The token's own id.
    pub jti: String,
    /// When it was made, in Unix seconds.
    pub iat: u64,
    /// From when on it is refused, in Unix seconds.
    pub exp: u64,
}

/// The key that a token is bound to: RFC 7800, RFC 9449 section 6.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Confirmation {
    /// Its thumbprint.
    pub jkt: String,
}

/// Why an access token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenError {
    /// It is no token of this server, or its signature does not match.
    #[error("the access token is not valid: {0}")]
    Malformed(#[from] JwtError),
    /// `typ` is not `at+jwt`.
    #[error("the access token is of another type")]
    Type,
    /// `iss` is another server.
    #[error("the access token is of another issuer")]
    Issuer,
    /// `aud` is another server.
    #[error("the access token is for another server")]
    Audience,
    /// It was good once.
    #[error("the access token has expired")]
    Expired,
}

impl AccessTokens {
    /// The tokens of the server with this issuer, for the service with this DID.
    pub fn new(signer: Arc<dyn Signer>, issuer: impl Into<String>, audience: &Did) -> Self {
        let kid = Jwk(signer.public_key()).thumbprint();
        Self { signer, kid, issuer: issuer.into(), audience: audience.as_str().to_owned() }
    }

    /// The token of a session, made at a time in Unix seconds.
    pub fn mint(&self, session: &Session, now: u64) -> Result<String, SignError> {
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: session.account.clone(),
            client_id: session.client_id.clone(),
            cnf: Confirmation { jkt: session.jkt.clone() },
            sid: session.id.clone(),
            jti: session.token_id.clone(),
            iat: now,
            exp: now.saturating_add(ACCESS_TOKEN_SECONDS),
        };
        jwt::sign(self.signer.as_ref(), TYP, Some(&self.kid), &claims)
    }

    /// Verifies a token. Whether its session is there still, and its key at hand, is the
    /// caller's to find out.
    pub fn verify(&self, token: &str, now: u64) -> Result<AccessClaims, AccessTokenError> {
        let claims = self.verify_expired(token)?;
        if now >= claims.exp { Err(AccessTokenError::Expired) } else { Ok(claims) }
    }

    /// As [`verify`](Self::verify) for a token that may have expired: for ending its session.
    pub fn verify_expired(&self, token: &str) -> Result<AccessClaims, AccessTokenError> {
        let token = Unverified::parse(token)?;
        token.verify(&self.public_key())?;
        if token.header().typ.as_deref() != Some(TYP) {
            return Err(AccessTokenError::Type);
        }
        let claims: AccessClaims = token.claims()?;
        if claims.iss != self.issuer {
            return Err(AccessTokenError::Issuer);
        }
        if claims.aud != self.audience {
            return Err(AccessTokenError::Audience);
        }
        Ok(claims)
    }

    /// The key set by which others can verify the tokens.
    pub fn jwks(&self) -> Value {
        let mut key = serde_json::to_value(Jwk(self.public_key())).unwrap_or_default();
        key["kid"] = json!(self.kid);
        key["use"] = json!("sig");
        json!({ "keys": [key] })
    }

    fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }
}

/// Without the key.
impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokens").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// RFC 9068, section 2.1.
const TYP: &str = "at+jwt";
