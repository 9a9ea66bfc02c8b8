//! An HTTP client for addresses that strangers choose.
//!
//! Whoever publishes a DID document or a handle decides where this program connects to. The
//! client therefore
//! - connects to public addresses only; the check sits inside name resolution, so that what
//!   is checked is what is used, and literal addresses are checked in the URL;
//! - asks by `https` only, and at no port that is reserved for another service;
//! - follows redirects by itself, few or none, each checked like the first request, and takes
//!   nothing along to where they lead;
//! - reads at most so many bytes, at no less than some speed, in at most so much time;
//! - asks for no compression and refuses what comes compressed nevertheless;
//! - asks no host more often than so many times a second, nor too many at once;
//! - has no cookies, no credentials, and no proxy from the environment.
//!
//! For development, [`SafeClientConfig::allow_loopback`] also lets it talk to this machine,
//! and in plain `http`. An operator's own services on a private network go into
//! [`SafeClientConfig::trusted_origins`].

mod address;
mod body;
mod config;
mod connect;
pub(super) mod dns;
mod error;
pub(super) mod hosts;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION,
};
use reqwest::{Client, ClientBuilder, Method, Request, Response, StatusCode, redirect};
use url::{Host, Url};

pub use address::is_public;
pub use config::{FetchLimits, SafeClientConfig};
pub use error::FetchError;
pub use hosts::HostLimits;

use dns::{GuardedDns, SystemDns, is_allowed};
use error::request_error;
use hosts::{Hosts, Turn};

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
    guard: GuardedDns,
    guarded: Client,
    trusted: Client,
    trusted_origins: Vec<url::Origin>,
    allow_loopback: bool,
    hosts: Hosts,
}

/// Where a URL leads, if it may be asked at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Somewhere on the internet.
    Public,
    /// This machine, in development.
    Local,
    /// Where the operator said.
    Trusted,
}

impl SafeClient {
    /// Sets up a client.
    pub fn new(mut config: SafeClientConfig) -> Result<Self, FetchError> {
        let guard = GuardedDns {
            inner: config.dns.take().unwrap_or_else(|| Arc::new(SystemDns::default())),
            allow_loopback: config.allow_loopback,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                guard: guard.clone(),
                guarded: build(&config, |builder| builder.dns_resolver(guard))?,
                trusted: build(&config, |builder| builder)?,
                trusted_origins: config
                    .trusted_origins
                    .iter()
                    .map(|origin| Ok(Url::parse(origin)?.origin()))
                    .collect::<Result<_, FetchError>>()?,
                allow_loopback: config.allow_loopback,
                hosts: Hosts::new(config.per_host, config.concurrency),
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
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        *request.body_mut() = Some(json.into());
        within(limits.deadline, async {
            let (response, _turn) = self.send(request, limits).await?;
            read(response, limits.max_body).await
        })
        .await
    }

    /// Makes one request of any kind, checked, without following redirects. Time and size of
    /// the answer are the caller's to limit, and so is how often a host is asked.
    pub async fn execute(&self, request: Request) -> Result<Response, FetchError> {
        let client = match self.place(request.url())? {
            Place::Trusted => &self.inner.trusted,
            Place::Public | Place::Local => &self.inner.guarded,
        };
        let response = client.execute(request).await.map_err(request_error)?;
        let length =
            |(name, value): (&_, &HeaderValue)| AsRef::<str>::as_ref(name).len() + value.len();
        if response.headers().iter().map(length).sum::<usize>() > MAX_HEAD {
            return Err(FetchError::HeadTooLarge { limit: MAX_HEAD });
        }
        Ok(response)
    }

    /// Whether the client would make a request to this URL, as far as the URL alone can tell.
    pub fn check(&self, url: &Url) -> Result<(), FetchError> {
        self.place(url).map(drop)
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
                let (response, _turn) = self.send(request, limits).await?;
                let Some(target) = redirect_target(&response)? else {
                    return read(response, limits.max_body).await;
                };
                // Trust is for what the operator configured, not for where a server points.
                if self.is_trusted(&target) {
                    return Err(FetchError::AddressRefused { host: host(&target).to_owned() });
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

    /// Sends a request when it is its host's turn; the answer's headers are there.
    async fn send(
        &self,
        request: Request,
        limits: &FetchLimits,
    ) -> Result<(Response, Option<Turn>), FetchError> {
        let url = request.url();
        let turn = if self.place(url)? == Place::Public {
            let port = url.port_or_known_default().unwrap_or_default();
            if limits.https_port_only && port != HTTPS_PORT {
                return Err(FetchError::Port { port });
            }
            let turn = self.inner.hosts.turn(host(url)).await;
            Some(turn.ok_or_else(|| FetchError::Busy { host: host(url).to_owned() })?)
        } else {
            None
        };
        Ok((within(limits.head_deadline, self.execute(request)).await?, turn))
    }

    fn place(&self, url: &Url) -> Result<Place, FetchError> {
        if self.is_trusted(url) {
            return Ok(Place::Trusted);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::UserInfo);
        }
        let allow_loopback = self.inner.allow_loopback;
        let literal = |ip: IpAddr| (is_allowed(ip, allow_loopback), ip.is_loopback());
        let (allowed, local) = match url.host() {
            Some(Host::Ipv4(ip)) => literal(ip.into()),
            Some(Host::Ipv6(ip)) => literal(ip.into()),
            Some(Host::Domain(name)) if is_localhost(name) => (allow_loopback, true),
            // A name without a dot is one of the network that this machine is in.
            Some(Host::Domain(name)) => (name.trim_end_matches('.').contains('.'), false),
            None => (false, false),
        };
        let local = local && allow_loopback;
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(FetchError::Scheme { scheme: url.scheme().to_owned() });
        }
        if !allowed {
            return Err(FetchError::AddressRefused { host: host(url).to_owned() });
        }
        if local {
            return Ok(Place::Local);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if port != HTTPS_PORT && port < FIRST_FREE_PORT {
            return Err(FetchError::Port { port });
        }
        Ok(Place::Public)
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
        .http2_max_header_list_size(MAX_HEAD as u32)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
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
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    if let Some(encoding) = headers.get_all(CONTENT_ENCODING).iter().find(|one| is_encoded(one)) {
        let encoding = String::from_utf8_lossy(encoding.as_bytes());
        return Err(FetchError::Encoded { encoding: encoding.chars().take(32).collect() });
    }
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(FetchError::TooLarge { limit });
    }
    let chunks = response.bytes_stream().map(|chunk| chunk.map_err(request_error));
    Ok(Fetched { status, headers, body: body::collect(chunks, limit).await? })
}

fn is_encoded(encoding: &HeaderValue) -> bool {
    !encoding.is_empty() && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
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

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

const HTTPS_PORT: u16 = 443;

/// Ports below are those of other services, where a request does nothing good.
const FIRST_FREE_PORT: u16 = 1024;

/// All headers of an answer, in bytes. Ours: four times what common servers send at most. HTTP/1
/// is cut at 100 headers and some 400 KiB by the parser before this is looked at.
const MAX_HEAD: usize = 32 << 10;

/// Connections kept for later requests. Ours: most strangers are asked once.
const IDLE_PER_HOST: usize = 8;
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
