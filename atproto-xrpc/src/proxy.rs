//! Passing a request on to another service in an account's name.
//!
//! An account asks its PDS, by the header `atproto-proxy: did:web:api.example#bsky_appview`,
//! to call another service for it. The PDS finds the service in that DID's document, replaces
//! the account's own credentials with a service token, and streams both bodies through.
//!
//! Where the request goes is decided by whoever wrote the DID document, so it goes through a
//! [`SafeClient`], to the path of the method and nowhere else, with no header but those on a
//! list.
//!
//! See [Service proxying](https://atproto.com/specs/xrpc#service-proxying).

use std::{sync::Arc, time::Duration};

use atproto_core::{
    identity::{Resolver, SafeClient},
    syntax::{Did, Nsid},
};
use axum::{extract::Request, response::Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING,
        CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED, RETRY_AFTER, VIA,
    },
};
use tokio::time::timeout;
use url::Url;

use crate::{
    XrpcError,
    trace::{Hook, Inject},
};

mod response;

/// The header by which an account names the service.
const PROXY: HeaderName = HeaderName::from_static("atproto-proxy");

/// What a proxy calls itself in `Via`, so that a request that comes round is noticed.
const VIA_NAME: &str = "1.1 atproto-proxy";

/// What is passed on of a request, beside everything that begins with [`EXTENSION`].
/// Credentials and cookies are not among it.
const REQUEST_HEADERS: [HeaderName; 10] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HeaderName::from_static("atproto-accept-labelers"),
    HeaderName::from_static("x-bsky-topics"),
    HeaderName::from_static("x-request-id"),
];

/// How headers begin that services and their clients agree on among themselves.
const EXTENSION: &str = "x-atproto-";

/// What is passed on of an answer.
const RESPONSE_HEADERS: [HeaderName; 14] = [
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    ETAG,
    LAST_MODIFIED,
    RETRY_AFTER,
    HeaderName::from_static("atproto-content-labelers"),
    HeaderName::from_static("atproto-repo-rev"),
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// The service that a request is for: a DID and the id of a service in its document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProxyTarget {
    did: Did,
    service_id: String,
}

impl ProxyTarget {
    /// A target; the service id is without `#`.
    pub fn new(did: Did, service_id: impl Into<String>) -> Self {
        Self { did, service_id: service_id.into() }
    }

    /// The target that a request names, if it names one.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, XrpcError> {
        let Some(value) = headers.get(PROXY) else { return Ok(None) };
        Self::parse(value.to_str().unwrap_or_default()).map(Some)
    }

    /// Reads `did#service`: exactly one `#`, and something on either side.
    pub fn parse(text: &str) -> Result<Self, XrpcError> {
        let invalid = || XrpcError::invalid_request("invalid atproto-proxy header");
        let (did, service_id) = text.trim().split_once('#').ok_or_else(invalid)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if service_id.is_empty() || !service_id.bytes().all(is_plain) {
            return Err(invalid());
        }
        let did = Did::new(did).map_err(|_| invalid())?;
        Ok(Self { did, service_id: service_id.to_owned() })
    }

    /// The DID.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The id of the service, without `#`.
    pub fn service_id(&self) -> &str {
        &self.service_id
    }

    /// What service tokens for the target have as `aud`: the DID with the service id.
    pub fn audience(&self) -> String {
        format!("{}#{}", self.did, self.service_id)
    }

    /// Where the service is, by its DID document: an origin.
    pub async fn resolve(&self, resolver: &dyn Resolver) -> Result<String, XrpcError> {
        let document = resolver.did(&self.did).await.map_err(|error| {
            if error.is_transient() {
                XrpcError::upstream_failure("could not resolve proxy did")
            } else {
                XrpcError::invalid_request("could not resolve proxy did")
            }
        })?;
        let (short, long) = (format!("#{}", self.service_id), self.audience());
        let entry = document.services.iter().find(|it| it.id == short || it.id == long);
        let endpoint = entry.and_then(|entry| document.service(&self.service_id, &entry.kind));
        let missing = || XrpcError::invalid_request("could not resolve proxy did service url");
        endpoint.map(ToOwned::to_owned).ok_or_else(missing)
    }
}

/// Limits of proxying, and what is added to a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProxyOptions {
    /// Hosts that are this server itself, to which nothing is forwarded.
    pub own_hosts: Vec<String>,
    /// Ports that are connected to. Default: 443; on this machine, in development, any.
    pub ports: Vec<u16>,
    /// How long the service may take until its answer begins. Default: 10 s, as at the
    /// reference PDS.
    pub head_timeout: Duration,
    /// How long the answer's body may take. Default: 30 s, as at the reference PDS.
    pub body_timeout: Duration,
    /// The longest answer in bytes. Default: 10 MB, as at the reference PDS.
    pub max_response: usize,
    propagate: Option<Inject>,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            own_hosts: Vec::new(),
            ports: vec![443],
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            max_response: 10_000_000,
            propagate: None,
        }
    }
}

impl ProxyOptions {
    /// Adds one of this server's own host names.
    #[must_use]
    pub fn own_host(mut self, host: impl Into<String>) -> Self {
        self.own_hosts.push(host.into());
        self
    }

    /// Adds a port that may be connected to.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// What writes the trace of the request's span into the headers that go out. The caller's
    /// own `traceparent` is never passed on. Default: nothing is written.
    #[must_use]
    pub fn propagate(
        mut self,
        write: impl Fn(&tracing::Span, &mut HeaderMap) + Send + Sync + 'static,
    ) -> Self {
        self.propagate = Some(Hook(Arc::new(write)));
        self
    }
}

/// Sends a request on to the service at `origin` and hands its answer back.
///
/// `token` is a service token for the service and this very method; without one the request
/// goes out unauthenticated. The answer is streamed; one that exceeds the limits breaks off.
pub async fn forward(
    client: &SafeClient,
    origin: &str,
    token: Option<&str>,
    nsid: &Nsid,
    request: Request,
    options: &ProxyOptions,
) -> Result<Response, XrpcError> {
    let (parts, body) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD | Method::POST) {
        return Err(XrpcError::wrong_verb(&parts.method, "GET or POST"));
    }
    if came_round(&parts.headers) {
        return Err(XrpcError::invalid_request("the request has been proxied before"));
    }
    let url = target_url(origin, nsid, parts.uri.query(), options)?;
    let mut outgoing = reqwest::Request::new(parts.method.clone(), url);
    *outgoing.headers_mut() = request_headers(&parts.headers, token, options)?;
    if parts.method == Method::POST {
        *outgoing.body_mut() = Some(reqwest::Body::wrap_stream(body.into_data_stream()));
    }
    tracing::Span::current().record("xrpc.proxied", true);
    let answer = timeout(options.head_timeout, client.execute(outgoing)).await;
    let answer = answer.map_err(|_| XrpcError::timeout())?.map_err(|error| {
        tracing::debug!(%error, "the proxied service could not be called");
        if error.is_refusal() {
            XrpcError::invalid_request("the service's address is not admitted")
        } else {
            XrpcError::upstream_failure("the service could not be reached")
        }
    })?;
    response::of(answer, options)
}

/// The method's own path at the service; what else its URL may hold is left out.
fn target_url(
    origin: &str,
    nsid: &Nsid,
    query: Option<&str>,
    options: &ProxyOptions,
) -> Result<Url, XrpcError> {
    let refused = || XrpcError::invalid_request("the service's address is not admitted");
    let mut url = Url::parse(origin).map_err(|_| refused())?;
    let host = url.host_str().ok_or_else(refused)?;
    let is_own = options.own_hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
    let port = url.port_or_known_default().ok_or_else(refused)?;
    let is_here = crate::client::is_loopback(&url);
    let has_user = !url.username().is_empty() || url.password().is_some();
    if is_own || has_user || !(is_here || options.ports.contains(&port)) {
        return Err(refused());
    }
    url.set_path(&format!("/xrpc/{nsid}"));
    url.set_query(query);
    url.set_fragment(None);
    Ok(url)
}

fn request_headers(
    from: &HeaderMap,
    token: Option<&str>,
    options: &ProxyOptions,
) -> Result<HeaderMap, XrpcError> {
    let mut headers = HeaderMap::new();
    // A list may be spread over several lines, of which each counts.
    let passed = from
        .iter()
        .filter(|(name, _)| REQUEST_HEADERS.contains(name) || name.as_str().starts_with(EXTENSION));
    for (name, value) in passed {
        headers.append(name, value.clone());
    }
    if let Some(propagate) = &options.propagate {
        (propagate.0)(&tracing::Span::current(), &mut headers);
    }
    // A client library would otherwise add what it can decode; we pass on what comes.
    headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    headers.insert(VIA, HeaderValue::from_static(VIA_NAME));
    if let Some(token) = token {
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let mut value = value.map_err(XrpcError::internal)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Whether one like us has forwarded the request already. Other proxies, of which there may
/// be one before every server, do not count.
fn came_round(headers: &HeaderMap) -> bool {
    let hops = headers.get_all(VIA).iter().filter_map(|line| line.to_str().ok());
    hops.flat_map(|line| line.split(',')).any(|hop| hop.trim().starts_with(VIA_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn px_001_the_header_is_a_did_and_a_service() {
        let target = ProxyTarget::parse("did:web:api.example#bsky_appview").unwrap();
        assert_eq!(
            (target.did().as_str(), target.service_id()),
            ("did:web:api.example", "bsky_appview")
        );
        assert_eq!(target.audience(), "did:web:api.example#bsky_appview");
        for bad in [
            "",
            "#",
            "did:web:a.example",
            "did:web:a.example#",
            "#x",
            "did:web:a.example#a#b",
            "a.example#x",
            "did:web:a.example#a b",
        ] {
            assert!(ProxyTarget::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn t08_where_a_request_is_sent() {
        let (nsid, options) = (Nsid::new("a.b.c").unwrap(), ProxyOptions::default());
        let options = options.own_host("pds.example");
        let url = |origin: &str| target_url(origin, &nsid, Some("x=1"), &options);
        assert_eq!(
            url("https://api.example").unwrap().as_str(),
            "https://api.example/xrpc/a.b.c?x=1"
        );
        assert_eq!(url("https://api.example/admin?y#z").unwrap().path(), "/xrpc/a.b.c");
        for bad in [
            "https://api.example:22",
            "http://api.example",
            "https://u:p@api.example",
            "https://PDS.example",
            "nonsense",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
