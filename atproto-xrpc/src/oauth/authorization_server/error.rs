use http::StatusCode;
use serde_json::{Value, json};

use super::store::StoreError;
use crate::oauth::{ClientError, DpopError, ScopeError, UnresolvedSet};

/// A refusal as OAuth writes it: a name that programs compare, and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
#[non_exhaustive]
pub struct OAuthError {
    /// What is wrong.
    pub code: OAuthErrorCode,
    /// The explanation. It is shown to whoever asked, and holds nothing secret.
    pub description: String,
}

/// The names of refusals: RFC 6749 sections 4.1.2.1 and 5.2, RFC 9126, RFC 9449.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OAuthErrorCode {
    /// The user, or the server in the user's stead, said no.
    AccessDenied,
    /// The client is unknown, its metadata is not valid, or it could not authenticate.
    InvalidClient,
    /// The proof of possession is missing or not valid.
    InvalidDpopProof,
    /// The code or refresh token is not valid, was used, or belongs to another client or key.
    InvalidGrant,
    /// A parameter is missing, is there twice, or has a value that it cannot have.
    InvalidRequest,
    /// The scope is not valid, or is more than the client has declared.
    InvalidScope,
    /// The access token is not valid any more, or never was.
    InvalidToken,
    /// Something is wrong on this side.
    ServerError,
    /// This side has too much to do.
    TemporarilyUnavailable,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// There is no such grant here.
    UnsupportedGrantType,
    /// There is no such response type here.
    UnsupportedResponseType,
    /// A new nonce has to be used; the answer carries it.
    UseDpopNonce,
}

impl OAuthErrorCode {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::InvalidClient => "invalid_client",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidToken => "invalid_token",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }
}

impl OAuthError {
    pub(crate) fn new(code: OAuthErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    pub(super) fn request(description: impl Into<String>) -> Self {
        Self::new(OAuthErrorCode::InvalidRequest, description)
    }

    pub(super) fn grant(description: impl Into<String>) -> Self {
        Self::new(OAuthErrorCode::InvalidGrant, description)
    }

    pub(super) fn client(description: impl Into<String>) -> Self {
        Self::new(OAuthErrorCode::InvalidClient, description)
    }

    pub(super) fn scope(description: impl Into<String>) -> Self {
        Self::new(OAuthErrorCode::InvalidScope, description)
    }

    /// A fault on this side: logged, and not described to anybody.
    pub(super) fn fault(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "an OAuth request failed");
        Self::new(OAuthErrorCode::ServerError, "the server could not do it")
    }

    /// The status of an answer with this refusal.
    pub fn status(&self) -> StatusCode {
        match self.code {
            OAuthErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            OAuthErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The body of an answer with this refusal.
    pub fn to_json(&self) -> Value {
        json!({ "error": self.code.as_str(), "error_description": self.description })
    }
}

impl From<DpopError> for OAuthError {
    fn from(error: DpopError) -> Self {
        let code = match error {
            DpopError::UseNonce => OAuthErrorCode::UseDpopNonce,
            DpopError::TooMany => OAuthErrorCode::TemporarilyUnavailable,
            _ => OAuthErrorCode::InvalidDpopProof,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ClientError> for OAuthError {
    fn from(error: ClientError) -> Self {
        Self::client(error.to_string())
    }
}

impl From<ScopeError> for OAuthError {
    fn from(error: ScopeError) -> Self {
        Self::scope(error.to_string())
    }
}

impl From<UnresolvedSet> for OAuthError {
    fn from(error: UnresolvedSet) -> Self {
        Self::scope(error.to_string())
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => {
                Self::new(OAuthErrorCode::TemporarilyUnavailable, "too much is going on")
            }
            error => Self::fault(error),
        }
    }
}
