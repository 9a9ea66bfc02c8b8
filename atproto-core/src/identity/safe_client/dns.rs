//! Name resolution that gives out public addresses only.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// Filters the addresses on their way into the connector. There is no other check before, so
/// there is no time between check and use in which an answer could change.
#[derive(Clone)]
pub(super) struct GuardedDns {
    pub(super) inner: Arc<dyn Resolve>,
    pub(super) allow_loopback: bool,
}

/// The system's name servers and hosts file. Asked without blocking a thread, so that a
/// question given up is over, however long a name server would have taken.
#[derive(Default)]
pub(super) struct SystemDns {
    resolver: Arc<SystemResolver>,
}

/// A connection to the system's name servers; settings are read at the first question.
#[derive(Default)]
pub(in crate::identity) struct SystemResolver {
    resolver: OnceLock<Result<TokioResolver, NetError>>,
}

/// A host none of whose addresses may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{host} has no address that may be connected to")]
pub(super) struct RefusedHost {
    pub(super) host: String,
}

/// A host that does not exist, or has no address: final, unlike a name server's silence.
#[derive(Debug, thiserror::Error)]
#[error("{host} has no address")]
pub(super) struct UnknownHost {
    pub(super) host: String,
}

impl Resolve for GuardedDns {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let allow_loopback = self.allow_loopback;
        let addresses = self.inner.resolve(name);
        Box::pin(async move {
            let allowed: Vec<SocketAddr> = addresses
                .await?
                .filter(|address| is_allowed(address.ip(), allow_loopback))
                .take(MAX_ADDRESSES)
                .collect();
            if allowed.is_empty() {
                return Err(RefusedHost { host }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Resolve for SystemDns {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = Arc::clone(&self.resolver);
        Box::pin(async move {
            let host = name.as_str();
            match resolver.get()?.lookup_ip(absolute(host)).await {
                Ok(found) => {
                    let found: Vec<_> = found.iter().map(|ip| SocketAddr::new(ip, 0)).collect();
                    Ok(Box::new(found.into_iter()) as Addrs)
                }
                Err(error) if error.is_no_records_found() => {
                    Err(UnknownHost { host: host.to_owned() }.into())
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}

impl SystemResolver {
    pub(in crate::identity) fn get(&self) -> Result<&TokioResolver, NetError> {
        self.resolver.get_or_init(build).as_ref().map_err(Clone::clone)
    }
}

/// Whether to connect to an address, literal or resolved.
pub(super) fn is_allowed(address: IpAddr, allow_loopback: bool) -> bool {
    is_public(address) || (allow_loopback && address.is_loopback())
}

/// The name with its final dot, which keeps the search domains of this machine out of it.
pub(in crate::identity) fn absolute(name: &str) -> String {
    format!("{}.", name.strip_suffix('.').unwrap_or(name))
}

fn build() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    // What is remembered, and for how long, is the caching resolver's to decide.
    options.cache_size = 0;
    builder.build()
}

/// How many addresses of one host are tried at most: a long list of silent ones costs time.
const MAX_ADDRESSES: usize = 8;

/// How long one name server is given, and how often it is asked.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;
