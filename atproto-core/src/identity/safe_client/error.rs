//! Why there is no answer.

use std::error::Error;
use std::time::Duration;

use super::dns::{RefusedHost, UnknownHost};

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
    /// The host has been asked too often lately; nothing was sent.
    #[error("{host} has been asked too often")]
    Busy {
        /// The host name.
        host: String,
    },
    /// The client cannot be set up.
    #[error("the client cannot be set up")]
    Build(#[source] reqwest::Error),
    /// None of the host's addresses can be connected to.
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    /// The answer was not complete in time.
    #[error("no complete answer within {0:?}")]
    Deadline(Duration),
    /// The answer is compressed, although none of it was asked for: what it unpacks to has
    /// no limit.
    #[error("the answer is encoded as {encoding:?}")]
    Encoded {
        /// The content encoding, cut to 32 bytes.
        encoding: String,
    },
    /// The headers are longer than allowed.
    #[error("the headers are longer than {limit} bytes")]
    HeadTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The port is not one to ask at.
    #[error("port {port} is not admitted")]
    Port {
        /// The port.
        port: u16,
    },
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
    /// The body came slower than a kilobyte a second.
    #[error("the answer comes too slowly")]
    TooSlow,
    /// The host does not exist, or has no address.
    #[error("{host} has no address")]
    UnknownHost {
        /// The host name.
        host: String,
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
            | Self::Encoded { .. }
            | Self::HeadTooLarge { .. }
            | Self::Port { .. }
            | Self::Scheme { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRedirects { .. }
            | Self::Url(_)
            | Self::UserInfo => true,
            Self::Build(_)
            | Self::Busy { .. }
            | Self::Connect(_)
            | Self::Deadline(_)
            | Self::Request(_)
            | Self::TooSlow
            | Self::UnknownHost { .. } => false,
        }
    }

    /// A short constant name, for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::AddressRefused { .. } => "address_refused",
            Self::Build(_) => "build",
            Self::Busy { .. } => "busy",
            Self::Connect(_) => "connect",
            Self::Deadline(_) => "deadline",
            Self::Encoded { .. } => "encoded",
            Self::HeadTooLarge { .. } => "head_too_large",
            Self::Port { .. } => "port",
            Self::Request(_) => "request",
            Self::Scheme { .. } => "scheme",
            Self::TooLarge { .. } => "too_large",
            Self::TooManyRedirects { .. } => "too_many_redirects",
            Self::TooSlow => "too_slow",
            Self::UnknownHost { .. } => "unknown_host",
            Self::Url(_) => "url",
            Self::UserInfo => "user_info",
        }
    }
}

/// Finds what name resolution said inside the client's error.
pub(super) fn request_error(error: reqwest::Error) -> FetchError {
    let said_by_dns = dns_verdict(&error);
    said_by_dns.unwrap_or(FetchError::Request(error))
}

/// As [`request_error`], for name resolution without a request.
pub(super) fn dns_error(error: Box<dyn Error + Send + Sync>) -> FetchError {
    let said_by_dns = dns_verdict(&*error);
    said_by_dns.unwrap_or_else(|| FetchError::Connect(std::io::Error::other(error)))
}

fn dns_verdict(error: &(dyn Error + 'static)) -> Option<FetchError> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(RefusedHost { host }) = current.downcast_ref() {
            return Some(FetchError::AddressRefused { host: host.clone() });
        }
        if let Some(UnknownHost { host }) = current.downcast_ref() {
            return Some(FetchError::UnknownHost { host: host.clone() });
        }
        cause = current.source();
    }
    None
}
