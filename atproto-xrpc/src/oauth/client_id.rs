use std::fmt;

use url::{Host, Url};

use super::{ClientError, Scopes};

/// What identifies an app: the address of a document that describes it, its *client
/// metadata*. An app under development may be `http://localhost`, which describes itself by
/// its query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// An address from which the metadata is fetched.
    Web(Url),
    /// An app on the developer's own machine.
    Localhost(Url),
}

impl ClientId {
    /// Reads a client id; it has to be written as a URL's canonical form is, so that one app
    /// has one.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let url = Url::parse(text).map_err(|_| ClientError::ClientId("not a URL"))?;
        let is_canonical = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
        if !is_canonical && !is_localhost(&url) {
            return Err(ClientError::ClientId("not in its canonical form"));
        }
        match url.scheme() {
            "https" => check_web(&url).map(|()| Self::Web(url)),
            "http" if is_localhost(&url) => check_localhost(&url).map(|()| Self::Localhost(url)),
            _ => Err(ClientError::ClientId("neither `https:` nor `http://localhost`")),
        }
    }

    /// The address.
    pub fn url(&self) -> &Url {
        match self {
            Self::Web(url) | Self::Localhost(url) => url,
        }
    }

    /// The host's name.
    pub(super) fn host(&self) -> &str {
        self.url().host_str().unwrap_or_default()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url().as_str())
    }
}

/// What the query of a localhost client says of itself.
pub(super) struct LocalhostQuery {
    pub(super) scopes: Scopes,
    pub(super) redirect_uris: Vec<Url>,
}

impl LocalhostQuery {
    pub(super) fn read(url: &Url) -> Result<Self, ClientError> {
        let (mut scopes, mut redirect_uris) = (None, Vec::new());
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "scope" if scopes.is_none() => {
                    scopes = Some(value.parse().map_err(ClientError::Scope)?);
                }
                "redirect_uri" => {
                    let wrong = || ClientError::RedirectUri(value.to_string());
                    let redirect = Url::parse(&value).map_err(|_| wrong())?;
                    redirect_uris.push(Some(redirect).filter(is_loopback).ok_or_else(wrong)?);
                }
                _ => return Err(ClientError::ClientId("an unknown or doubled query parameter")),
            }
        }
        if redirect_uris.is_empty() {
            redirect_uris =
                DEFAULT_REDIRECTS.iter().filter_map(|url| Url::parse(url).ok()).collect();
        }
        let scopes = match scopes {
            Some(scopes) => scopes,
            None => "atproto".parse().map_err(ClientError::Scope)?,
        };
        Ok(Self { scopes, redirect_uris })
    }
}

/// Whether it is `http:` and an address of this machine. `localhost` is none: it may be
/// resolved to another machine (RFC 8252, section 8.3).
pub(super) fn is_loopback(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.octets() == [127, 0, 0, 1],
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    url.scheme() == "http" && is_loopback && has_no_extras(url)
}

pub(super) fn has_no_extras(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

fn is_localhost(url: &Url) -> bool {
    url.scheme() == "http" && url.host_str() == Some("localhost")
}

fn check_web(url: &Url) -> Result<(), ClientError> {
    let wrong = match url.host() {
        Some(Host::Domain(name)) if !name.contains('.') => Some("no name of a public host"),
        Some(Host::Domain(_)) if url.port().is_some() => Some("a port"),
        Some(Host::Domain(_)) if !has_no_extras(url) => Some("credentials or a fragment"),
        Some(Host::Domain(_)) if url.path().ends_with('/') => Some("no path to a document"),
        Some(Host::Domain(_)) => None,
        _ => Some("an IP address"),
    };
    wrong.map_or(Ok(()), |what| Err(ClientError::ClientId(what)))
}

fn check_localhost(url: &Url) -> Result<(), ClientError> {
    if url.port().is_some() || url.path() != "/" || !has_no_extras(url) {
        return Err(ClientError::ClientId("more than `http://localhost` and a query"));
    }
    LocalhostQuery::read(url).map(drop)
}

const DEFAULT_REDIRECTS: [&str; 2] = ["http://127.0.0.1/", "http://[::1]/"];
