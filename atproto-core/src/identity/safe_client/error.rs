//! Why there is no answer.

use std::error::Error;
use std::time::Duration;

use super::dns::RefusedHost;

/// Why a request failed or was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The host has no address that may be connected to.
    #[error("{host} has no address that may be connected to")]
    AddressRefused {
        /// The host name or address.
        host: String,
    },
    /// The client cannot be set up.
    #[error("the client cannot be set up")]
    Build(#[source] reqwest::Error),
    /// The answer was not complete in time.
    #[error("no complete answer within {0:?}")]
    Deadline(Duration),
    /// The connection or the request failed.
    #[error("the request failed")]
    Request(#[source] reqwest::Error),
    /// The URL is not `https`.
    #[error("{scheme} is not admitted, only https")]
    Scheme {
        /// The URL's scheme.
        scheme: String,
    },
    /// The body is longer than allowed.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// There were more redirects than allowed.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// The limit.
        limit: usize,
    },
    /// Not a URL.
    #[error("not a URL")]
    Url(#[from] url::ParseError),
    /// The URL contains a user name or a password.
    #[error("a URL with credentials is not admitted")]
    UserInfo,
}

impl FetchError {
    /// Whether policy forbade the request, so that trying again is of no use.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::AddressRefused { .. }
            | Self::Scheme { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRedirects { .. }
            | Self::Url(_)
            | Self::UserInfo => true,
            Self::Build(_) | Self::Deadline(_) | Self::Request(_) => false,
        }
    }
}

/// Finds the guard's refusal inside the client's error.
pub(super) fn request_error(error: reqwest::Error) -> FetchError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(RefusedHost { host }) = current.downcast_ref() {
            return FetchError::AddressRefused { host: host.clone() };
        }
        cause = current.source();
    }
    FetchError::Request(error)
}
