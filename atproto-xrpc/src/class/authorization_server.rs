use atproto_core::{Class, Classify, classify};

use crate::oauth::authorization_server::{
    AccessTokenError, AssertionError, FetchFailure, NoOrigin, OAuthError, OAuthErrorCode,
    UnknownClient, store::StoreError,
};

classify!(Auth: AccessTokenError, AssertionError);
classify!(Client: NoOrigin);
classify!(UpstreamUnavailable: FetchFailure);

impl Classify for StoreError {
    fn class(&self) -> Class {
        match self {
            Self::Corrupt(_) => Class::StoreCorrupt,
            Self::Database(_) | Self::Full => Class::StoreTransient,
        }
    }
}

impl Classify for UnknownClient {
    fn class(&self) -> Class {
        match self {
            Self::Fetch { reason, .. } => reason.class(),
            Self::Status { status, .. } => match Class::of_status(*status, None) {
                class if class.is_transient() => class,
                _ => Class::UpstreamInvalid,
            },
            Self::KeySet(_) | Self::MediaType(_) | Self::Metadata(_) => Class::UpstreamInvalid,
        }
    }
}

impl Classify for OAuthError {
    fn class(&self) -> Class {
        match self.code {
            OAuthErrorCode::AccessDenied
            | OAuthErrorCode::InvalidClient
            | OAuthErrorCode::InvalidDpopProof
            | OAuthErrorCode::InvalidGrant
            | OAuthErrorCode::InvalidToken
            | OAuthErrorCode::UnauthorizedClient
            | OAuthErrorCode::UseDpopNonce => Class::Auth,
            OAuthErrorCode::InvalidRequest
            | OAuthErrorCode::InvalidScope
            | OAuthErrorCode::UnsupportedGrantType
            | OAuthErrorCode::UnsupportedResponseType => Class::Client,
            OAuthErrorCode::ServerError => Class::StoreTransient,
            OAuthErrorCode::TemporarilyUnavailable => Class::RateLimited { retry_after: None },
        }
    }
}
