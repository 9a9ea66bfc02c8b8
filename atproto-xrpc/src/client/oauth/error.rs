use std::fmt;

use atproto_core::{
    Classify,
    crypto::SignError,
    identity::ResolveError,
    syntax::{Did, Handle},
};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    client::{BuildError, store::StoreError, transport::SendError},
    oauth::{ClientError, ScopeError, ServerError},
};

/// Why an OAuth flow does not go on, or tokens are not renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OAuthError {
    /// What the app says of itself is not valid.
    #[error("the app's description is not valid")]
    App(#[from] ClientError),
    /// The HTTP client cannot be set up, or the host cannot be spoken to.
    #[error("there is no client for the account's host")]
    Build(#[from] BuildError),
    /// The user, or the server in the user's name, has refused.
    #[error("the request was not granted: {0}")]
    Denied(Refusal),
    /// A document that is fetched is not there, or not what it should be.
    #[error("{url} is not usable: {reason}")]
    Document {
        /// Where it was looked for.
        url: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The account's document does not claim the handle that points to it.
    #[error("{did} does not claim to be {handle}")]
    Handle {
        /// The handle that the flow was begun with.
        handle: Handle,
        /// The DID that it points to.
        did: Did,
    },
    /// Neither a handle, nor a DID, nor the origin of a server.
    #[error("{0:?} is neither an account nor a server")]
    Input(String),
    /// The account's identity cannot be resolved.
    #[error("the account's identity cannot be resolved")]
    Identity(#[from] ResolveError),
    /// The callback's `iss` is missing, or that of another server than the user was sent to.
    #[error("the callback comes from {got:?} instead of {expected}")]
    Issuer {
        /// The server that the user was sent to.
        expected: String,
        /// What the callback says.
        got: Option<String>,
    },
    /// A parameter of the callback is missing, or there twice.
    #[error("the callback has no single `{0}`")]
    Callback(&'static str),
    /// The account's document names no host.
    #[error("{0} names no host")]
    NoHost(Did),
    /// The server that gave the tokens is not the one that may give them for this account.
    #[error("{issuer} is not the authorization server of {did}")]
    NotAuthoritative {
        /// The account that the tokens are said to be of.
        did: Did,
        /// The server that gave them.
        issuer: String,
    },
    /// The tokens are of another account than the flow was begun for.
    #[error("the tokens are of {got} instead of {expected}")]
    OtherAccount {
        /// The account that the flow was begun for.
        expected: Did,
        /// The account that the tokens are of.
        got: Did,
    },
    /// The authorization server refuses a request of the app's.
    #[error("the authorization server refuses: {0}")]
    Refused(Refusal),
    /// The scope is none.
    #[error("the scope is not valid")]
    Scope(#[from] ScopeError),
    /// The network.
    #[error("{url} does not answer")]
    Send {
        /// What was asked.
        url: String,
        /// Why there is no answer.
        #[source]
        source: SendError,
    },
    /// The server's description of itself is not valid.
    #[error("the authorization server's description is not valid")]
    Server(#[from] ServerError),
    /// A key does not sign.
    #[error("a key does not sign")]
    Sign(#[from] SignError),
    /// No flow has this `state`: it was forged, has been used, or is too old.
    #[error("no flow is waiting for this callback")]
    State,
    /// The store of sessions fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer of the token endpoint is not usable.
    #[error("the answer of the token endpoint is not usable: {0}")]
    Token(&'static str),
}

/// An error of OAuth, as servers word it: RFC 6749, section 5.2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The name that programs compare.
    pub error: String,
    /// The explanation for people.
    #[serde(rename = "error_description", default)]
    pub description: Option<String>,
    /// The HTTP status; 200 for an error that came by the callback.
    #[serde(skip)]
    pub status: StatusCode,
}

impl OAuthError {
    /// The name of the error that a server gave.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Denied(refusal) | Self::Refused(refusal) => Some(&refusal.error),
            _ => None,
        }
    }

    /// Whether another attempt later may succeed without anything having changed.
    pub fn is_transient(&self) -> bool {
        self.class().is_transient()
    }

    /// Whether a session whose renewal failed so is over.
    pub fn ends_session(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(
                    refusal.error.as_str(),
                    "invalid_grant" | "unauthorized_client" | "access_denied"
                )
            }
            Self::NotAuthoritative { .. } | Self::OtherAccount { .. } => true,
            _ => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{}: {description}", self.error),
            None => f.write_str(&self.error),
        }
    }
}
