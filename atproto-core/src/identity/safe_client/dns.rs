//! Name resolution that gives out public addresses only.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// Filters the addresses on their way into the connector. There is no other check before, so
/// there is no time between check and use in which an answer could change.
pub(super) struct GuardedDns {
    pub(super) inner: Arc<dyn Resolve>,
    pub(super) allow_loopback: bool,
}

/// The system's resolver.
pub(super) struct SystemDns;

/// A host none of whose addresses may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{host} has no address that may be connected to")]
pub(super) struct RefusedHost {
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
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether to connect to an address, literal or resolved.
pub(super) fn is_allowed(address: IpAddr, allow_loopback: bool) -> bool {
    is_public(address) || (allow_loopback && address.is_loopback())
}
