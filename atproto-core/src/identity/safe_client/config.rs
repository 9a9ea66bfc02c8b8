//! Settings and limits.

use std::sync::Arc;
use std::time::Duration;

/// How a [`SafeClient`](super::SafeClient) behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct SafeClientConfig {
    /// Development: also connect to this machine, and to this machine in plain `http`.
    /// Default: no.
    pub allow_loopback: bool,
    /// Origins (`scheme://host:port`) that the operator vouches for: no check applies to
    /// them. Redirects to them are refused. Default: none.
    pub trusted_origins: Vec<String>,
    /// The limit for establishing a connection. Default: 3 seconds.
    pub connect_timeout: Duration,
    /// What the client calls itself. Default: the name and version of this crate.
    pub user_agent: String,
    /// Where addresses of host names come from; what it answers is filtered all the same.
    /// Default: the system.
    pub dns: Option<Arc<dyn reqwest::dns::Resolve>>,
}

/// The limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// The longest body in bytes.
    pub max_body: usize,
    /// How many redirects to follow.
    pub max_redirects: usize,
    /// The time from the first connection to the last byte, redirects included.
    pub deadline: Duration,
}

impl Default for SafeClientConfig {
    fn default() -> Self {
        Self {
            allow_loopback: false,
            trusted_origins: Vec::new(),
            connect_timeout: Duration::from_secs(3),
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned(),
            dns: None,
        }
    }
}

impl SafeClientConfig {
    /// Sets [`allow_loopback`](Self::allow_loopback).
    #[must_use]
    pub fn allow_loopback(mut self, allow: bool) -> Self {
        self.allow_loopback = allow;
        self
    }

    /// Adds to [`trusted_origins`](Self::trusted_origins).
    #[must_use]
    pub fn trust_origin(mut self, origin: impl Into<String>) -> Self {
        self.trusted_origins.push(origin.into());
        self
    }

    /// Sets [`user_agent`](Self::user_agent).
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Sets [`dns`](Self::dns).
    #[must_use]
    pub fn dns(mut self, dns: Arc<dyn reqwest::dns::Resolve>) -> Self {
        self.dns = Some(dns);
        self
    }
}

impl FetchLimits {
    /// For DID documents: 256 KiB, no redirects, 10 seconds.
    pub const DID_DOCUMENT: Self =
        Self { max_body: 256 << 10, max_redirects: 0, deadline: Duration::from_secs(10) };
    /// For `/.well-known/atproto-did`: 2 KiB, 3 redirects, 5 seconds.
    pub const HANDLE: Self =
        Self { max_body: 2 << 10, max_redirects: 3, deadline: Duration::from_secs(5) };
    /// For OAuth client and server metadata: 64 KiB, no redirects, 10 seconds.
    pub const METADATA: Self =
        Self { max_body: 64 << 10, max_redirects: 0, deadline: Duration::from_secs(10) };
}
