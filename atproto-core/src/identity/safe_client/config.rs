//! Settings and limits.

use std::sync::Arc;
use std::time::Duration;

use super::HostLimits;
use crate::identity::DidDocument;

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
    /// Default: the system's name servers and hosts file.
    pub dns: Option<Arc<dyn reqwest::dns::Resolve>>,
    /// What one host is asked for at most; does not concern trusted origins and this machine.
    /// Default: 16 requests at once, 50 in a second.
    pub per_host: HostLimits,
    /// How many requests to such hosts are under way at most, together. Default: 256.
    pub concurrency: usize,
}

/// The limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchLimits {
    /// The longest body in bytes.
    pub max_body: usize,
    /// How many redirects to follow.
    pub max_redirects: usize,
    /// The time from the first connection to the last byte, redirects included.
    pub deadline: Duration,
    /// The time from the start of a request to the end of its headers, for each hop.
    pub head_deadline: Duration,
    /// Whether only port 443 is asked, as for handles and did:web. Otherwise every port that
    /// is not reserved for other services is. Does not concern this machine in development.
    pub https_port_only: bool,
}

impl Default for SafeClientConfig {
    fn default() -> Self {
        Self {
            allow_loopback: false,
            trusted_origins: Vec::new(),
            connect_timeout: Duration::from_secs(3),
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned(),
            dns: None,
            per_host: HostLimits::new(16, 50),
            concurrency: 256,
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

    /// Sets [`per_host`](Self::per_host).
    #[must_use]
    pub fn per_host(mut self, limits: HostLimits) -> Self {
        self.per_host = limits;
        self
    }

    /// Sets [`concurrency`](Self::concurrency).
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }
}

impl FetchLimits {
    /// For DID documents: 256 KiB, no redirects, 10 seconds, port 443.
    pub const DID_DOCUMENT: Self =
        Self::new(DidDocument::MAX_SIZE, Duration::from_secs(10)).https_port_only(true);
    /// For `/.well-known/atproto-did`: 2 KiB, 3 redirects, 5 seconds, port 443.
    pub const HANDLE: Self =
        Self::new(2 << 10, Duration::from_secs(5)).max_redirects(3).https_port_only(true);
    /// For OAuth client and server metadata: 64 KiB, no redirects, 10 seconds.
    pub const METADATA: Self = Self::new(64 << 10, Duration::from_secs(10));

    /// A body of so many bytes in so much time, without redirects. The headers have half of
    /// the time, but no more than 30 seconds.
    pub const fn new(max_body: usize, deadline: Duration) -> Self {
        let half = Duration::from_nanos(deadline.as_nanos() as u64 / 2);
        let head_deadline =
            if half.as_secs() < MAX_HEAD_DEADLINE.as_secs() { half } else { MAX_HEAD_DEADLINE };
        Self { max_body, max_redirects: 0, deadline, head_deadline, https_port_only: false }
    }

    /// Sets [`max_redirects`](Self::max_redirects).
    #[must_use]
    pub const fn max_redirects(mut self, redirects: usize) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// Sets [`head_deadline`](Self::head_deadline).
    #[must_use]
    pub const fn head_deadline(mut self, deadline: Duration) -> Self {
        self.head_deadline = deadline;
        self
    }

    /// Sets [`https_port_only`](Self::https_port_only).
    #[must_use]
    pub const fn https_port_only(mut self, only: bool) -> Self {
        self.https_port_only = only;
        self
    }
}

/// Who has not begun to answer by then is not going to. Ours.
const MAX_HEAD_DEADLINE: Duration = Duration::from_secs(30);
