//! The tokens of an account's session with its PDS.
//!
//! Both are HS256 under a secret of the server's, told apart by `typ` (`at+jwt`,
//! `refresh+jwt`) and by `scope`. Clients treat them as opaque. Whether a refresh token has
//! been used or revoked is in the server's store, under its `jti`.
//!
//! See [legacy sessions](https://atproto.com/specs/xrpc#authentication).

use std::fmt;

use atproto_core::syntax::Did;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    clock::unix_now,
    jwt::{self, JwtError, Unverified},
};
use crate::{XrpcError, random};

/// How long an access token lives: 120 minutes, as at the reference PDS.
pub const ACCESS_LIFETIME_SECONDS: u64 = 120 * 60;

/// How long a refresh token lives: 90 days, as at the reference PDS.
pub const REFRESH_LIFETIME_SECONDS: u64 = 90 * 24 * 60 * 60;

/// The shortest secret that is taken. HS256 wants as many bits as its digest has (RFC 7518,
/// section 3.2); the reference PDS accepts 16 bytes of text, and so do we.
pub const MIN_SECRET_BYTES: usize = 16;

const ACCESS_TYP: &str = "at+jwt";
const REFRESH_TYP: &str = "refresh+jwt";

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Scope {
    /// Everything, after a login with the account's own password.
    #[serde(rename = "com.atproto.access")]
    Access,
    /// What app passwords may do: neither account settings nor private messages.
    #[serde(rename = "com.atproto.appPass")]
    AppPassword,
    /// As an app password, and private messages.
    #[serde(rename = "com.atproto.appPassPrivileged")]
    AppPasswordPrivileged,
    /// Only waiting in the queue of new accounts.
    #[serde(rename = "com.atproto.signupQueued")]
    SignupQueued,
    /// Only leaving: export and deletion by the owner of a taken-down account.
    #[serde(rename = "com.atproto.takendown")]
    Takendown,
    /// Only obtaining the next pair of tokens.
    #[serde(rename = "com.atproto.refresh")]
    Refresh,
}

impl Scope {
    /// Those of an account's usual sessions: by its own password, and by app passwords.
    pub const STANDARD: &[Self] = &[Self::Access, Self::AppPassword, Self::AppPasswordPrivileged];
}

/// What a session token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionClaims {
    /// What it is good for.
    pub scope: Scope,
    /// Whose session it is.
    pub sub: Did,
    /// The server that made it and alone accepts it.
    pub aud: String,
    /// The token's own id. The tokens of a pair share theirs.
    pub jti: String,
    /// When it was made, in Unix seconds.
    pub iat: u64,
    /// From when on it is refused, in Unix seconds.
    pub exp: u64,
}

/// An access token and the refresh token that comes with it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenPair {
    /// For every request.
    pub access_jwt: String,
    /// For the next pair.
    pub refresh_jwt: String,
    /// The `jti` of the refresh token, under which the server's store knows it.
    pub refresh_id: String,
    /// When the refresh token expires, in Unix seconds.
    pub refresh_expires: u64,
}

/// Why a session token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionTokenError {
    /// It belongs to another server.
    #[error("Token could not be verified")]
    Audience,
    /// It was good once.
    #[error("Token has expired")]
    Expired,
    /// It is no token of ours.
    #[error("Token could not be verified")]
    Malformed(#[from] JwtError),
    /// It is good, but not for this.
    #[error("Bad token scope")]
    Scope,
    /// It is of the other kind.
    #[error("Invalid token type")]
    Type,
}

/// Makes and verifies the session tokens of one server.
#[derive(Clone)]
pub struct SessionTokens {
    secret: Vec<u8>,
    audience: String,
    access_lifetime: u64,
    refresh_lifetime: u64,
}

/// A secret shorter than [`MIN_SECRET_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret of session tokens has {0} bytes, at least {MIN_SECRET_BYTES} are needed")]
pub struct ShortSecret(pub usize);

impl SessionTokens {
    /// Tokens under this secret, for the server with this DID.
    pub fn new(secret: impl Into<Vec<u8>>, server: &Did) -> Result<Self, ShortSecret> {
        let secret = secret.into();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(ShortSecret(secret.len()));
        }
        Ok(Self {
            secret,
            audience: server.as_str().to_owned(),
            access_lifetime: ACCESS_LIFETIME_SECONDS,
            refresh_lifetime: REFRESH_LIFETIME_SECONDS,
        })
    }

    /// The same tokens with other lifetimes, in seconds.
    #[must_use]
    pub fn lifetimes(mut self, access: u64, refresh: u64) -> Self {
        (self.access_lifetime, self.refresh_lifetime) = (access, refresh);
        self
    }

    /// A new pair for an account. `scope` is that of the access token.
    pub fn mint(&self, account: &Did, scope: Scope) -> TokenPair {
        self.mint_at(account, scope, random::hex_id(), unix_now())
    }

    /// As [`mint`](Self::mint), under a given id and time (in Unix seconds): for rotation
    /// that answers a repeated refresh with the same successor.
    pub fn mint_at(&self, account: &Did, scope: Scope, id: String, now: u64) -> TokenPair {
        let claims = |scope, lifetime: u64| SessionClaims {
            scope,
            sub: account.clone(),
            aud: self.audience.clone(),
            jti: id.clone(),
            iat: now,
            exp: now.saturating_add(lifetime),
        };
        let refresh = claims(Scope::Refresh, self.refresh_lifetime);
        TokenPair {
            access_jwt: self.sign(ACCESS_TYP, &claims(scope, self.access_lifetime)),
            refresh_jwt: self.sign(REFRESH_TYP, &refresh),
            refresh_expires: refresh.exp,
            refresh_id: id,
        }
    }

    /// Verifies an access token. What its scope allows is the caller's to decide.
    pub fn verify_access(&self, token: &str) -> Result<SessionClaims, SessionTokenError> {
        self.verify_access_at(token, unix_now())
    }

    /// As [`verify_access`](Self::verify_access), at another time than now.
    pub fn verify_access_at(
        &self,
        token: &str,
        now: u64,
    ) -> Result<SessionClaims, SessionTokenError> {
        let claims = self.verify(ACCESS_TYP, token)?;
        if claims.scope == Scope::Refresh {
            return Err(SessionTokenError::Scope);
        }
        unexpired(claims, now)
    }

    /// Verifies a refresh token. Whether it has been revoked is the caller's to find out.
    pub fn verify_refresh(&self, token: &str) -> Result<SessionClaims, SessionTokenError> {
        self.verify_refresh_at(token, unix_now())
    }

    /// As [`verify_refresh`](Self::verify_refresh), at another time than now.
    pub fn verify_refresh_at(
        &self,
        token: &str,
        now: u64,
    ) -> Result<SessionClaims, SessionTokenError> {
        unexpired(self.verify_expired_refresh(token)?, now)
    }

    /// Verifies a refresh token that may have expired: for ending a session.
    pub fn verify_expired_refresh(&self, token: &str) -> Result<SessionClaims, SessionTokenError> {
        let claims = self.verify(REFRESH_TYP, token)?;
        if claims.scope == Scope::Refresh { Ok(claims) } else { Err(SessionTokenError::Scope) }
    }

    fn verify(&self, typ: &str, token: &str) -> Result<SessionClaims, SessionTokenError> {
        let token = Unverified::parse(token)?;
        token.verify_hs256(&self.secret)?;
        if token.header().typ.as_deref() != Some(typ) {
            return Err(SessionTokenError::Type);
        }
        let claims: SessionClaims = token.claims()?;
        if claims.aud == self.audience { Ok(claims) } else { Err(SessionTokenError::Audience) }
    }

    fn sign(&self, typ: &str, claims: &SessionClaims) -> String {
        jwt::sign_hs256(&self.secret, typ, claims).expect("claims are text and integers")
    }
}

fn unexpired(claims: SessionClaims, now: u64) -> Result<SessionClaims, SessionTokenError> {
    if now >= claims.exp { Err(SessionTokenError::Expired) } else { Ok(claims) }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTokens").field("audience", &self.audience).finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair").field("refresh_id", &self.refresh_id).finish_non_exhaustive()
    }
}

/// `ExpiredToken` is a 400 here and not a 401: existing clients refresh their session on
/// exactly that answer of the reference PDS.
impl From<SessionTokenError> for XrpcError {
    fn from(error: SessionTokenError) -> Self {
        match error {
            SessionTokenError::Expired => {
                Self::expired_token(error.to_string()).with_status(StatusCode::BAD_REQUEST)
            }
            _ => Self::invalid_token(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> SessionTokens {
        let server = Did::new("did:web:pds.example").unwrap();
        SessionTokens::new(*b"0123456789abcdef0123456789abcdef", &server).unwrap()
    }

    fn alice() -> Did {
        Did::new("did:web:alice.example").unwrap()
    }

    #[test]
    fn ls_001_access_and_refresh_are_not_interchangeable() {
        let (tokens, pair) = (tokens(), tokens().mint(&alice(), Scope::Access));
        assert_eq!(tokens.verify_access(&pair.access_jwt).unwrap().sub, alice());
        assert_eq!(tokens.verify_refresh(&pair.refresh_jwt).unwrap().jti, pair.refresh_id);
        let type_error = Err(SessionTokenError::Type);
        assert_eq!(tokens.verify_access(&pair.refresh_jwt), type_error);
        assert_eq!(tokens.verify_refresh(&pair.access_jwt), type_error);
    }

    #[test]
    fn ls_002_tokens_expire() {
        let tokens = tokens().lifetimes(100, 1_000);
        let pair = tokens.mint_at(&alice(), Scope::AppPassword, "id".into(), 5_000);
        assert!(tokens.verify_access_at(&pair.access_jwt, 5_099).is_ok());
        let expired = tokens.verify_access_at(&pair.access_jwt, 5_100).unwrap_err();
        assert_eq!(expired, SessionTokenError::Expired);
        let wire = XrpcError::from(expired);
        assert_eq!((wire.status.as_u16(), wire.error.as_str()), (400, "ExpiredToken"));
        assert!(tokens.verify_refresh_at(&pair.refresh_jwt, 6_000).is_err());
        assert!(tokens.verify_expired_refresh(&pair.refresh_jwt).is_ok());
    }

    #[test]
    fn tokens_of_another_server_or_secret_are_refused() {
        let pair = tokens().mint(&alice(), Scope::Access);
        let other_server = Did::new("did:web:other.example").unwrap();
        let same_secret = SessionTokens::new(tokens().secret, &other_server).unwrap();
        let refusal = same_secret.verify_access(&pair.access_jwt);
        assert_eq!(refusal, Err(SessionTokenError::Audience));
        let same_server = SessionTokens::new(
            *b"another secret of 32 bytes length",
            &Did::new("did:web:pds.example").unwrap(),
        )
        .unwrap();
        let refusal = same_server.verify_access(&pair.access_jwt);
        assert_eq!(refusal, Err(SessionTokenError::Malformed(JwtError::Signature)));
        assert_eq!(SessionTokens::new(*b"short", &other_server).unwrap_err(), ShortSecret(5));
    }

    #[test]
    fn the_wire_names_of_scopes() {
        let json = serde_json::to_string(&Scope::AppPasswordPrivileged).unwrap();
        assert_eq!(json, "\"com.atproto.appPassPrivileged\"");
    }
}
