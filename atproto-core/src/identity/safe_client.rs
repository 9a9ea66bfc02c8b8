//! An HTTP client for addresses that strangers choose.
//!
//! Whoever publishes a DID document or a handle decides where this program connects to. The
//! client therefore
//! - connects to public addresses only; the check sits inside name resolution, so that what
//!   is checked is what is used, and literal addresses are checked in the URL;
//! - asks by `https` only;
//! - follows redirects by itself, few or none, each checked like the first request;
//! - reads at most so many bytes, in at most so much time, and asks for no compression.
//!
//! For development, [`SafeClientConfig::allow_loopback`] also lets it talk to this machine,
//! and in plain `http`. An operator's own services on a private network go into
//! [`SafeClientConfig::trusted_origins`].

mod address;
mod config;
mod dns;
mod error;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, Method, Request, Response, StatusCode, redirect};
use url::{Host, Url};

pub use address::is_public;
pub use config::{FetchLimits, SafeClientConfig};
pub use error::FetchError;

use dns::{GuardedDns, SystemDns, is_allowed};
use error::request_error;

/// An HTTP client that refuses what is not public. Cloning shares its connections.
#[derive(Clone)]
pub struct SafeClient {
    inner: Arc<Inner>,
}

/// An answer, complete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fetched {
    /// The status; nothing is an error here.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

struct Inner {
    guarded: Client,
    trusted: Client,
    trusted_origins: Vec<url::Origin>,
    allow_loopback: bool,
}

impl SafeClient {
    /// Sets up a client.
    pub fn new(mut config: SafeClientConfig) -> Result<Self, FetchError> {
        let guard = GuardedDns {
            inner: config.dns.take().unwrap_or_else(|| Arc::new(SystemDns)),
            allow_loopback: config.allow_loopback,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                guarded: build(&config, |builder| builder.dns_resolver(guard))?,
                trusted: build(&config, |builder| builder)?,
                trusted_origins: config
                    .trusted_origins
                    .iter()
                    .map(|origin| Ok(Url::parse(origin)?.origin()))
                    .collect::<Result<_, FetchError>>()?,
                allow_loopback: config.allow_loopback,
            }),
        })
    }

    /// Gets a resource whole, following redirects within the limits.
    pub async fn get(&self, url: &str, limits: &FetchLimits) -> Result<Fetched, FetchError> {
        self.get_with_headers(url, HeaderMap::new(), limits).await
    }

    /// As [`get`](Self::get), under another host name than that of the URL: how a development
    /// server is asked for one of the many names that it serves.
    pub async fn get_as_host(
        &self,
        url: &str,
        host: &str,
        limits: &FetchLimits,
    ) -> Result<Fetched, FetchError> {
        let host = HeaderValue::from_str(host).map_err(|_| url::ParseError::IdnaError)?;
        self.get_with_headers(url, HeaderMap::from_iter([(HOST, host)]), limits).await
    }

    /// Posts JSON. Redirects are not followed.
    pub async fn post_json(
        &self,
        url: &str,
        json: Vec<u8>,
        limits: &FetchLimits,
    ) -> Result<Fetched, FetchError> {
        let mut request = Request::new(Method::POST, Url::parse(url)?);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(json.into());
        within(limits.deadline, async { read(self.execute(request).await?, limits.max_body).await })
            .await
    }

    /// Makes one request of any kind, checked, without following redirects. Time and size of
    /// the answer are the caller's to limit.
    pub async fn execute(&self, request: Request) -> Result<Response, FetchError> {
        self.check(request.url())?;
        self.client_for(request.url()).execute(request).await.map_err(request_error)
    }

    /// Whether the client would make a request to this URL, as far as the URL alone can tell.
    pub fn check(&self, url: &Url) -> Result<(), FetchError> {
        if self.is_trusted(url) {
            return Ok(());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::UserInfo);
        }
        let allow_loopback = self.inner.allow_loopback;
        let (allowed, loopback) = match url.host() {
            Some(Host::Ipv4(address)) => {
                (is_allowed(address.into(), allow_loopback), address.is_loopback())
            }
            Some(Host::Ipv6(address)) => {
                (is_allowed(address.into(), allow_loopback), address.is_loopback())
            }
            Some(Host::Domain(name)) => {
                let local = is_localhost(name);
                (!local || allow_loopback, local)
            }
            None => (false, false),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback && allow_loopback) {
            return Err(FetchError::Scheme { scheme: url.scheme().to_owned() });
        }
        if !allowed {
            let host = url.host_str().unwrap_or_default().to_owned();
            return Err(FetchError::AddressRefused { host });
        }
        Ok(())
    }

    /// Whether development addresses are admitted.
    pub fn allows_loopback(&self) -> bool {
        self.inner.allow_loopback
    }

    async fn get_with_headers(
        &self,
        url: &str,
        mut headers: HeaderMap,
        limits: &FetchLimits,
    ) -> Result<Fetched, FetchError> {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut url = Url::parse(url)?;
        within(limits.deadline, async {
            for _ in 0..=limits.max_redirects {
                let mut request = Request::new(Method::GET, url.clone());
                request.headers_mut().clone_from(&headers);
                let response = self.execute(request).await?;
                let Some(target) = redirect_target(&response)? else {
                    return read(response, limits.max_body).await;
                };
                // Trust is for what the operator configured, not for where a server points.
                if self.is_trusted(&target) {
                    let host = target.host_str().unwrap_or_default().to_owned();
                    return Err(FetchError::AddressRefused { host });
                }
                if url.scheme() == "https" && target.scheme() != "https" {
                    return Err(FetchError::Scheme { scheme: target.scheme().to_owned() });
                }
                headers.remove(HOST);
                url = target;
            }
            Err(FetchError::TooManyRedirects { limit: limits.max_redirects })
        })
        .await
    }

    fn client_for(&self, url: &Url) -> &Client {
        if self.is_trusted(url) { &self.inner.trusted } else { &self.inner.guarded }
    }

    fn is_trusted(&self, url: &Url) -> bool {
        !self.inner.trusted_origins.is_empty() && self.inner.trusted_origins.contains(&url.origin())
    }
}

impl std::fmt::Debug for SafeClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SafeClient")
            .field("allow_loopback", &self.inner.allow_loopback)
            .finish_non_exhaustive()
    }
}

fn build(
    config: &SafeClientConfig,
    finish: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, FetchError> {
    let mut tls = super::tls::client_config();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(&config.user_agent)
        .connect_timeout(config.connect_timeout)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_gzip()
        // A proxy from the environment would connect in our place, past the guard.
        .no_proxy();
    finish(builder).build().map_err(FetchError::Build)
}

fn redirect_target(response: &Response) -> Result<Option<Url>, FetchError> {
    let status = response.status();
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    location.map(|location| Ok(response.url().join(location)?)).transpose()
}

/// Reads the body up to the limit, whatever length the server announces.
async fn read(mut response: Response, limit: usize) -> Result<Fetched, FetchError> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(FetchError::TooLarge { limit });
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(request_error)? {
        if chunk.len() > limit - body.len() {
            return Err(FetchError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(Fetched { status: response.status(), headers, body: body.freeze() })
}

async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    tokio::time::timeout(deadline, work).await.map_err(|_| FetchError::Deadline(deadline))?
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}
