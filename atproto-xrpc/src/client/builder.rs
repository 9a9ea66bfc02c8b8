use std::{fmt, sync::Arc, time::Duration};

use atproto_core::identity::tls;
use http::{HeaderMap, HeaderValue};
use url::{Host, Url};

use crate::trace::{Hook, Inject};

use super::{
    Client, Inner, RetryPolicy,
    retry::RetryBudget,
    transport::{HttpTransport, Transport},
};

/// Ours: 32 MiB. Larger answers are for [`Client::download`].
const MAX_RESPONSE: usize = 32 * 1024 * 1024;

/// Options of a [`Client`].
#[derive(Clone)]
pub struct ClientBuilder {
    timeout: Duration,
    connect_timeout: Duration,
    max_response: usize,
    retry: RetryPolicy,
    user_agent: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    transport: Option<Arc<dyn Transport>>,
    propagate: Option<Inject>,
    allow_http: bool,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
    /// Clear text is for this machine; see [`ClientBuilder::allow_http`].
    #[error("{0} is not https")]
    Insecure(String),
    /// The client's name for itself is no header.
    #[error("the user agent is not the text of a header")]
    UserAgent(#[source] http::header::InvalidHeaderValue),
    /// Not the URL of a service: `https://host` without path, query or user.
    #[error("{0:?} is not the URL of a service")]
    Url(String),
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_response: MAX_RESPONSE,
            retry: RetryPolicy::default(),
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).into(),
            tls: None,
            transport: None,
            propagate: None,
            allow_http: false,
        }
    }
}

impl ClientBuilder {
    /// How long one attempt may go without anything being sent or received. Default: 30 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long connecting may take. Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The longest answer that is read whole, in bytes, after decompression. Default: 32 MiB.
    #[must_use]
    pub fn max_response(mut self, bytes: usize) -> Self {
        self.max_response = bytes;
        self
    }

    /// When calls are tried again. Default: [`RetryPolicy::default`].
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// What the client calls itself.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Another TLS configuration than Mozilla's roots.
    #[must_use]
    pub fn tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Another way to the server than the network; the connect timeout and TLS are its own
    /// affair then.
    #[must_use]
    pub fn transport(self, transport: impl Transport) -> Self {
        self.shared_transport(Arc::new(transport))
    }

    pub(super) fn shared_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// What writes the trace of a request's span into its headers, `traceparent` as a rule:
    /// the propagator of whatever collects the spans. Default: nothing is written.
    #[must_use]
    pub fn propagate(
        mut self,
        write: impl Fn(&tracing::Span, &mut HeaderMap) + Send + Sync + 'static,
    ) -> Self {
        self.propagate = Some(Hook(Arc::new(write)));
        self
    }

    /// Also clear text to other machines: inside a container network. Default: no.
    #[must_use]
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// The client, for the service at this URL.
    pub fn build(self, url: &str) -> Result<Client, BuildError> {
        let base = service_url(url).ok_or_else(|| BuildError::Url(url.to_owned()))?;
        if base.scheme() == "http" && !self.allow_http && !is_loopback(&base) {
            return Err(BuildError::Insecure(url.to_owned()));
        }
        let tls = self.tls.unwrap_or_else(|| Arc::new(tls::client_config()));
        let transport = match self.transport {
            Some(transport) => transport,
            None => {
                Arc::new(HttpTransport::new(&tls, self.connect_timeout).map_err(BuildError::Http)?)
            }
        };
        let inner = Inner {
            transport,
            tls,
            base,
            budget: RetryBudget::new(&self.retry),
            retry: self.retry,
            timeout: self.timeout,
            max_response: self.max_response,
            user_agent: HeaderValue::try_from(self.user_agent).map_err(BuildError::UserAgent)?,
            propagate: self.propagate,
        };
        Ok(Client { inner: Arc::new(inner), headers: HeaderMap::new() })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// A service lives at an origin: XRPC paths begin at the top.
pub(super) fn service_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/";
    plain.then_some(url)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xr_015_clear_text_is_for_this_machine() {
        assert!(Client::new("https://pds.example").is_ok());
        assert!(Client::new("http://127.0.0.1:2583").is_ok());
        assert!(Client::new("http://[::1]:2583/").is_ok());
        assert!(matches!(Client::new("http://pds.example"), Err(BuildError::Insecure(_))));
        assert!(Client::builder().allow_http(true).build("http://pds:2583").is_ok());
    }

    #[test]
    fn a_service_is_an_origin() {
        for bad in
            ["", "pds.example", "ftp://a.example", "https://a.example/x", "https://u@a.example"]
        {
            assert!(matches!(Client::new(bad), Err(BuildError::Url(_))), "{bad}");
        }
    }
}
