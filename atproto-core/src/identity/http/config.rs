//! Settings.

use std::sync::Arc;

use super::TxtLookup;
use crate::identity::SafeClientConfig;
use crate::identity::safe_client::HostLimits;

/// How an [`HttpResolver`](super::HttpResolver) behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpResolverConfig {
    /// The did:plc directory, chosen by the operator and therefore exempt from the address
    /// check. Default: `https://plc.directory`.
    pub plc_url: String,
    /// Development: admit addresses of this machine, did:web of `localhost`, and handles
    /// under `.test`. Default: no.
    pub allow_loopback: bool,
    /// Development: hosts that answer for all handles and did:web names under a suffix, for
    /// example `(".test", "http://127.0.0.1:2583")`. Needs `allow_loopback`. Default: none.
    pub dev_handle_hosts: Vec<(String, String)>,
    /// The client's settings; `allow_loopback` and the directory are added to it.
    pub client: SafeClientConfig,
    /// Where TXT records come from. Default: the system's name servers, which are not asked
    /// for names of [`dev_handle_hosts`](Self::dev_handle_hosts).
    pub txt: Option<Arc<dyn TxtLookup>>,
    /// In which order the two ways from a handle to a DID are gone. Default: both at once.
    pub handle_order: HandleOrder,
    /// How many names below one domain are resolved at most, at once and in a second, be it
    /// by DNS or at hosts. A domain is the last two labels of a name: whoever has one can
    /// invent names below it without end. Default: 64 at once, 50 in a second.
    pub per_domain: HostLimits,
    /// Derive did:plc documents from the whole audit log, verified, in place of the
    /// directory's own document: larger answers and more work, for less trust. Default: no.
    pub verify_logs: bool,
}

/// The order of DNS and HTTPS in the resolution of a handle. What DNS says counts in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandleOrder {
    /// Both at the same time: the quickest answer for handles that have no DNS record.
    #[default]
    Parallel,
    /// HTTPS only if DNS says nothing: fewer requests to strangers.
    DnsFirst,
}

impl Default for HttpResolverConfig {
    fn default() -> Self {
        Self {
            plc_url: "https://plc.directory".to_owned(),
            allow_loopback: false,
            dev_handle_hosts: Vec::new(),
            client: SafeClientConfig::default(),
            txt: None,
            handle_order: HandleOrder::default(),
            per_domain: HostLimits::new(64, 50),
            verify_logs: false,
        }
    }
}

impl HttpResolverConfig {
    /// Sets [`plc_url`](Self::plc_url).
    #[must_use]
    pub fn plc_url(mut self, url: impl Into<String>) -> Self {
        self.plc_url = url.into();
        self
    }

    /// Sets [`allow_loopback`](Self::allow_loopback).
    #[must_use]
    pub fn allow_loopback(mut self, allow: bool) -> Self {
        self.allow_loopback = allow;
        self
    }

    /// Adds to [`dev_handle_hosts`](Self::dev_handle_hosts).
    #[must_use]
    pub fn dev_handle_host(mut self, suffix: impl Into<String>, url: impl Into<String>) -> Self {
        self.dev_handle_hosts.push((suffix.into(), url.into()));
        self
    }

    /// Sets [`client`](Self::client).
    #[must_use]
    pub fn client(mut self, client: SafeClientConfig) -> Self {
        self.client = client;
        self
    }

    /// Sets [`txt`](Self::txt).
    #[must_use]
    pub fn txt(mut self, txt: Arc<dyn TxtLookup>) -> Self {
        self.txt = Some(txt);
        self
    }

    /// Sets [`handle_order`](Self::handle_order).
    #[must_use]
    pub fn handle_order(mut self, order: HandleOrder) -> Self {
        self.handle_order = order;
        self
    }

    /// Sets [`per_domain`](Self::per_domain).
    #[must_use]
    pub fn per_domain(mut self, limits: HostLimits) -> Self {
        self.per_domain = limits;
        self
    }

    /// Sets [`verify_logs`](Self::verify_logs).
    #[must_use]
    pub fn verify_logs(mut self, verify: bool) -> Self {
        self.verify_logs = verify;
        self
    }
}
