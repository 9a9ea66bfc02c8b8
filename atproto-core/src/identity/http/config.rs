//! Settings.

use std::sync::Arc;

use super::TxtLookup;
use crate::identity::SafeClientConfig;

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
    /// Where TXT records come from. Default: the system's name servers.
    pub txt: Option<Arc<dyn TxtLookup>>,
    /// Derive did:plc documents from the whole audit log, verified, in place of the
    /// directory's own document: larger answers and more work, for less trust. Default: no.
    pub verify_logs: bool,
}

impl Default for HttpResolverConfig {
    fn default() -> Self {
        Self {
            plc_url: "https://plc.directory".to_owned(),
            allow_loopback: false,
            dev_handle_hosts: Vec::new(),
            client: SafeClientConfig::default(),
            txt: None,
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

    /// Sets [`verify_logs`](Self::verify_logs).
    #[must_use]
    pub fn verify_logs(mut self, verify: bool) -> Self {
        self.verify_logs = verify;
        self
    }
}
