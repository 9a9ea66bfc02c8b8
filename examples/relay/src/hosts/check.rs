//! Whether a name is that of a host: it must describe itself as one.

use std::time::Duration;

use atproto_core::endpoint::Query;
use atproto_core::identity::safe_client::FetchLimits;
use atproto_core::identity::{FetchError, SafeClient, SafeClientConfig};
use atproto_lexicons::com::atproto::server::{DescribeServer, DescribeServerOutput};

use crate::hostname::{HostPolicy, Hostname};

/// A description is short, and a host that wants to be crawled is awake.
const LIMITS: FetchLimits = FetchLimits::new(64 << 10, Duration::from_secs(5));

/// Why a name is not taken for that of a host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The answer is not a description of a host.
    #[error("{host} does not describe itself as a host")]
    Description {
        /// The host.
        host: Hostname,
    },
    /// There was no answer, or none may be asked for.
    #[error("{host} cannot be reached: {source}")]
    Fetch {
        /// The host.
        host: Hostname,
        /// Why not.
        source: FetchError,
    },
}

/// Asks a host to describe itself.
pub async fn check(host: &Hostname, policy: HostPolicy) -> Result<(), CheckError> {
    let config = match policy {
        HostPolicy::Public => SafeClientConfig::default(),
        // Development: the operator vouches for whatever is asked for.
        HostPolicy::Insecure => SafeClientConfig::default().trust_origin(host.url()),
    };
    let unreachable = |source| CheckError::Fetch { host: host.clone(), source };
    let client = SafeClient::new(config).map_err(unreachable)?;
    let url = format!("{}/xrpc/{}", host.url(), DescribeServer::NSID);
    let answer = client.get(&url, &LIMITS).await.map_err(unreachable)?;
    let description = serde_json::from_slice::<DescribeServerOutput>(&answer.body);
    if answer.status.is_success() && description.is_ok() {
        Ok(())
    } else {
        Err(CheckError::Description { host: host.clone() })
    }
}
