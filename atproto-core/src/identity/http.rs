//! Resolution over the network: did:plc at a directory, did:web and handles at their hosts.

mod answer;
mod config;
mod txt;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use futures::pin_mut;
use tracing::{Instrument, Span, debug_span, field};

use super::plc::{PlcClient, PlcClientError, verify_log};
use super::safe_client::hosts::{Hosts, Turn};
use super::safe_client::{FetchError, FetchLimits, Fetched, SafeClient};
use super::{DidDocument, ResolveError, Resolver};
use crate::syntax::{Did, DidMethod, Handle, Nsid, UnsupportedDid};

pub use config::{HandleOrder, HttpResolverConfig};
pub use txt::{SystemTxt, TxtLookup};

/// A [`Resolver`] that asks the network each time. Put a
/// [`CachingResolver`](super::CachingResolver) in front of it.
///
/// - did:plc: the directory's document. The directory is trusted to tell the truth, unless
///   [`verify_logs`](HttpResolverConfig::verify_logs) is set.
/// - did:web: `https://host/.well-known/did.json`, for bare host names only.
/// - Handles: the TXT records of `_atproto.<handle>` and
///   `https://<handle>/.well-known/atproto-did`, asked at the same time; DNS wins. Several
///   different DIDs in DNS fail, whatever the host says.
///
/// Names below one domain are resolved at a limited pace; what would have to wait longer
/// than a moment fails as [`ResolveError::Unavailable`]. Each resolution is a span
/// `resolve_identity` with `method` (`plc`, `web`, `handle`, `lexicon`), `source` (`dns`,
/// `https`, for handles) and `outcome` (`ok` or [`ResolveError::label`]).
///
/// See [handle resolution](https://atproto.com/specs/handle#handle-resolution).
#[derive(Clone)]
pub struct HttpResolver {
    client: SafeClient,
    plc: PlcClient,
    txt: Arc<dyn TxtLookup>,
    asks_dns_in_development: bool,
    dev_handle_hosts: Vec<(String, String)>,
    handle_order: HandleOrder,
    domains: Arc<Hosts>,
    verify_logs: bool,
}

impl HttpResolver {
    /// Sets up a resolver. Nothing is asked yet.
    pub fn new(config: HttpResolverConfig) -> Result<Self, FetchError> {
        let client_config = config.client.trust_origin(&config.plc_url);
        let allow_loopback = config.allow_loopback || client_config.allow_loopback;
        let client = SafeClient::new(client_config.allow_loopback(allow_loopback))?;
        Ok(Self {
            plc: PlcClient::new(config.plc_url, client.clone()),
            client,
            asks_dns_in_development: config.txt.is_some(),
            txt: config.txt.unwrap_or_else(|| Arc::new(SystemTxt::default())),
            dev_handle_hosts: if allow_loopback { config.dev_handle_hosts } else { Vec::new() },
            handle_order: config.handle_order,
            domains: Arc::new(Hosts::new(config.per_domain, usize::MAX)),
            verify_logs: config.verify_logs,
        })
    }

    /// The client, for requests to other addresses that strangers choose.
    pub fn client(&self) -> &SafeClient {
        &self.client
    }

    /// The directory.
    pub fn plc(&self) -> &PlcClient {
        &self.plc
    }

    /// The DID whose repository publishes the lexicons of an NSID's authority: the TXT record
    /// of `_lexicon.` and the authority's domain, without a walk up or down the DNS tree.
    ///
    /// Nothing is remembered. Keep the answer no longer than [`LEXICON_AUTHORITY_MAX_AGE`]:
    /// a domain that changes hands must not publish through its former owner.
    ///
    /// See [lexicon resolution](https://atproto.com/specs/lexicon#lexicon-publication-and-resolution).
    pub async fn lexicon_authority(&self, nsid: &Nsid) -> Result<Did, ResolveError> {
        let domain = nsid.authority_domain();
        let work = async {
            let _turn = self.turn(&domain).await?;
            self.did_from_dns(&format!("_lexicon.{domain}")).await
        };
        observed("lexicon", work).await
    }

    async fn resolve_did(&self, did: &Did) -> Result<Arc<DidDocument>, ResolveError> {
        let document = match did.supported() {
            Ok(DidMethod::Plc { .. }) if self.verify_logs => self.verified_document(did).await?,
            Ok(DidMethod::Plc { .. }) => {
                self.plc.document(did).await.map_err(|error| plc_error(did, error))?
            }
            Ok(DidMethod::Web { host, port }) => self.web_document(did, host, port).await?,
            Err(UnsupportedDid::Method) => {
                return Err(ResolveError::UnsupportedMethod(did.clone()));
            }
            Err(source) => return Err(ResolveError::InvalidDid { did: did.clone(), source }),
        };
        if document.id != *did {
            return Err(ResolveError::IdMismatch { expected: did.clone(), found: document.id });
        }
        Ok(Arc::new(document))
    }

    async fn verified_document(&self, did: &Did) -> Result<DidDocument, ResolveError> {
        let log = self.plc.audit_log(did).await.map_err(|error| plc_error(did, error))?;
        let verified = verify_log(did, &log)
            .map_err(|source| ResolveError::Log { did: did.clone(), source })?;
        let state = verified.state.ok_or_else(|| ResolveError::Tombstoned(did.clone()))?;
        Ok(state.to_document())
    }

    async fn web_document(
        &self,
        did: &Did,
        host: &str,
        port: Option<u16>,
    ) -> Result<DidDocument, ResolveError> {
        let invalid = |source| ResolveError::InvalidDid { did: did.clone(), source };
        let path = "/.well-known/did.json";
        let limits = FetchLimits::DID_DOCUMENT;
        let fetched = if let Some(base) = self.dev_host(host) {
            self.client.get_as_host(&format!("{base}{path}"), host, &limits).await
        } else if host == "localhost" {
            if !self.client.allows_loopback() {
                return Err(invalid(UnsupportedDid::WebHost));
            }
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            self.client.get(&format!("http://localhost{port}{path}"), &limits).await
        } else if Handle::new(host).is_ok_and(|host| host.is_test()) {
            return Err(invalid(UnsupportedDid::WebHost));
        } else {
            let _turn = self.turn(host).await?;
            self.client.get(&format!("https://{host}{path}"), &limits).await
        };
        let body = successful(did.as_str(), fetched)?.body;
        DidDocument::from_json(&body)
            .map_err(|source| ResolveError::Document { did: did.clone(), source })
    }

    async fn resolve_handle(&self, handle: &Handle) -> Result<Did, ResolveError> {
        if handle.has_disallowed_tld() || handle.is_invalid_handle() {
            return Err(ResolveError::ReservedDomain(handle.clone()));
        }
        match self.dev_host(handle.as_str()) {
            Some(base) if self.asks_dns_in_development => {
                self.dns_or_https(handle, self.did_from_dev_host(handle, base)).await
            }
            Some(base) => self.did_from_dev_host(handle, base).await,
            None if handle.is_test() => Err(ResolveError::ReservedDomain(handle.clone())),
            None => {
                let _turn = self.turn(handle.as_str()).await?;
                self.dns_or_https(handle, self.did_from_https(handle)).await
            }
        }
    }

    /// Asks both ways and prefers what DNS says.
    async fn dns_or_https(
        &self,
        handle: &Handle,
        https: impl Future<Output = Result<Did, ResolveError>>,
    ) -> Result<Did, ResolveError> {
        let name = format!("_atproto.{handle}");
        let dns = self.did_from_dns(&name);
        pin_mut!(dns, https);
        let (dns, https) = match self.handle_order {
            HandleOrder::DnsFirst => (dns.await, Either::Left(https)),
            HandleOrder::Parallel => match select(dns, https).await {
                Either::Left((dns, https)) => (dns, Either::Left(https)),
                Either::Right((https, dns)) => (dns.await, Either::Right(https)),
            },
        };
        let silence = match dns {
            Err(error) if says_nothing(&error) => error,
            decided => {
                Span::current().record("source", "dns");
                return decided;
            }
        };
        Span::current().record("source", "https");
        let https = match https {
            Either::Left(pending) => pending.await,
            Either::Right(answer) => answer,
        };
        match (silence, https) {
            // Without an answer from DNS the host's silence proves nothing.
            (unknown @ ResolveError::Unavailable(_), Err(ResolveError::NotFound(_))) => {
                Err(unknown)
            }
            (_, https) => https,
        }
    }

    async fn did_from_https(&self, handle: &Handle) -> Result<Did, ResolveError> {
        let url = format!("https://{handle}{WELL_KNOWN}");
        well_known_did(handle, self.client.get(&url, &FetchLimits::HANDLE).await)
    }

    async fn did_from_dev_host(&self, handle: &Handle, base: &str) -> Result<Did, ResolveError> {
        let url = format!("{base}{WELL_KNOWN}");
        let limits = FetchLimits::HANDLE;
        well_known_did(handle, self.client.get_as_host(&url, handle.as_str(), &limits).await)
    }

    /// Waits for the turn of a name's domain, if it comes soon.
    async fn turn(&self, name: &str) -> Result<Turn, ResolveError> {
        let turn = self.domains.turn(domain(name)).await;
        let busy = || FetchError::Busy { host: domain(name).to_owned() };
        turn.ok_or_else(|| ResolveError::Unavailable(Arc::new(busy())))
    }

    async fn did_from_dns(&self, name: &str) -> Result<Did, ResolveError> {
        // Names longer than DNS admits have no records; such a handle can still use HTTPS.
        if name.len() > MAX_DNS_NAME {
            return Err(ResolveError::NotFound(name.to_owned()));
        }
        let records = self.txt.txt(name).await?;
        answer::did_from_txt(name, &records)
    }

    /// The development server for a name, if one is configured.
    fn dev_host(&self, name: &str) -> Option<&str> {
        let serves = |suffix: &str| {
            name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || suffix.starts_with('.'))
        };
        self.dev_handle_hosts
            .iter()
            .find(|(suffix, _)| serves(suffix))
            .map(|(_, base)| base.trim_end_matches('/'))
    }
}

impl Resolver for HttpResolver {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        let method = match did.method() {
            "plc" => "plc",
            "web" => "web",
            _ => "other",
        };
        Box::pin(observed(method, self.resolve_did(did)))
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        Box::pin(observed("handle", self.resolve_handle(handle)))
    }

    fn purge(&self, _did: &Did) {}
}

/// How long the DID of a lexicon authority may be remembered. The specification asks for a
/// short time only: [lexicon resolution](https://atproto.com/specs/lexicon#lexicon-publication-and-resolution).
pub const LEXICON_AUTHORITY_MAX_AGE: Duration = Duration::from_secs(5 * 60);

const WELL_KNOWN: &str = "/.well-known/atproto-did";

/// The longest name in DNS as text. Source: RFC 1035, section 2.3.4.
const MAX_DNS_NAME: usize = 253;

/// Runs a resolution in its span. No field tells one identity from another.
async fn observed<T>(
    method: &'static str,
    work: impl Future<Output = Result<T, ResolveError>>,
) -> Result<T, ResolveError> {
    let span =
        debug_span!("resolve_identity", method, source = field::Empty, outcome = field::Empty);
    let outcome = work.instrument(span.clone()).await;
    span.record("outcome", outcome.as_ref().map_or_else(ResolveError::label, |_| "ok"));
    outcome
}

/// The last two labels of a name.
fn domain(name: &str) -> &str {
    name.rmatch_indices('.').nth(1).map_or(name, |(dot, _)| &name[dot + 1..])
}

/// Whether a failure of DNS leaves the question to the host: no record, or no answer.
fn says_nothing(error: &ResolveError) -> bool {
    matches!(error, ResolveError::NotFound(_) | ResolveError::Unavailable(_))
}

fn well_known_did(
    handle: &Handle,
    fetched: Result<Fetched, FetchError>,
) -> Result<Did, ResolveError> {
    let body = successful(handle.as_str(), fetched)?.body;
    answer::did_from_well_known(handle.as_str(), &body)
}

/// Sorts outcomes into answers, final refusals, and failures that say nothing.
fn successful(name: &str, fetched: Result<Fetched, FetchError>) -> Result<Fetched, ResolveError> {
    let fetched = fetched.map_err(|error| match error {
        FetchError::UnknownHost { .. } => ResolveError::NotFound(name.to_owned()),
        error => fetch_error(error),
    })?;
    if fetched.status.is_success() {
        Ok(fetched)
    } else if fetched.status.is_server_error() || fetched.status.as_u16() == 429 {
        Err(ResolveError::Unavailable(Arc::new(HttpStatus(fetched.status.as_u16()))))
    } else {
        Err(ResolveError::NotFound(name.to_owned()))
    }
}

fn fetch_error(error: FetchError) -> ResolveError {
    if error.is_refusal() {
        ResolveError::Refused(Arc::new(error))
    } else {
        ResolveError::Unavailable(Arc::new(error))
    }
}

fn plc_error(did: &Did, error: PlcClientError) -> ResolveError {
    if error.is_tombstoned() {
        return ResolveError::Tombstoned(did.clone());
    }
    match error {
        PlcClientError::Status { status: 400 | 404 | 410, .. } => {
            ResolveError::NotFound(did.as_str().to_owned())
        }
        PlcClientError::Document(source) => ResolveError::Document { did: did.clone(), source },
        PlcClientError::Fetch(error) => fetch_error(error),
        error => ResolveError::Unavailable(Arc::new(error)),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the server answered with status {0}")]
struct HttpStatus(u16);
