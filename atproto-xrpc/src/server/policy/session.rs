use std::sync::Arc;

use http::request::Parts;

use super::{Credentials, Policy};
use crate::{
    XrpcError,
    auth::session::{Scope, SessionClaims, SessionTokens},
};

/// An account, by the access token of its session.
///
/// Whether the session has been ended meanwhile is in the server's store: one that ends
/// sessions at once puts that into an [`AccountVerifier`](super::AccountVerifier) of its own.
#[derive(Debug, Clone)]
pub struct AccessToken {
    tokens: Arc<SessionTokens>,
    scopes: &'static [Scope],
}

impl AccessToken {
    /// Admits sessions of the account's own password and of app passwords.
    pub fn new(tokens: Arc<SessionTokens>) -> Self {
        Self { tokens, scopes: Scope::STANDARD }
    }

    /// Admits these scopes instead: `&[Scope::Access]` for what app passwords may not do.
    #[must_use]
    pub fn only(mut self, scopes: &'static [Scope]) -> Self {
        self.scopes = scopes;
        self
    }
}

impl Policy for AccessToken {
    type Proof = SessionClaims;

    async fn authorize(&self, request: &Parts, _nsid: &str) -> Result<SessionClaims, XrpcError> {
        let claims = self.tokens.verify_access(Credentials::of(request)?.bearer()?)?;
        if self.scopes.contains(&claims.scope) {
            return Ok(claims);
        }
        // Not 401, upon which clients refresh: the next token would be no better.
        Err(XrpcError::bad_request("InvalidToken", "Bad token scope"))
    }
}

/// An account, by the refresh token of its session. Whether that has been used or revoked is
/// for the route to find out, under the `jti` of the proof.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    tokens: Arc<SessionTokens>,
    or_expired: bool,
}

impl RefreshToken {
    /// Admits tokens that have not expired.
    pub fn new(tokens: Arc<SessionTokens>) -> Self {
        Self { tokens, or_expired: false }
    }

    /// Admits expired tokens as well: for ending a session.
    #[must_use]
    pub fn or_expired(mut self) -> Self {
        self.or_expired = true;
        self
    }
}

impl Policy for RefreshToken {
    type Proof = SessionClaims;

    async fn authorize(&self, request: &Parts, _nsid: &str) -> Result<SessionClaims, XrpcError> {
        let token = Credentials::of(request)?.bearer()?;
        Ok(match self.or_expired {
            true => self.tokens.verify_expired_refresh(token)?,
            false => self.tokens.verify_refresh(token)?,
        })
    }
}
