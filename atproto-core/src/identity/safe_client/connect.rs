//! Bare connections under the client's policy.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Name, Resolve};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::{FetchError, Place, SafeClient, SystemDns, within};
use crate::identity::safe_client::error::dns_error;

impl SafeClient {
    /// Connects to the host of a URL under the policy of requests, for protocols that begin
    /// as HTTP and go on otherwise: `wss` is held to be `https`, and `ws` to be `http`. The
    /// address that was checked is the one connected to. TLS is the caller's.
    pub async fn connect(&self, url: &Url) -> Result<TcpStream, FetchError> {
        let mut origin = url.clone();
        let scheme = match url.scheme() {
            "wss" => "https",
            "ws" => "http",
            other => other,
        };
        origin
            .set_scheme(scheme)
            .map_err(|()| FetchError::Scheme { scheme: url.scheme().to_owned() })?;
        let place = self.place(&origin)?;
        let port = origin.port_or_known_default().unwrap_or_default();
        within(DEADLINE, async {
            let addresses = match origin.host() {
                Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
                Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
                Some(Host::Domain(name)) => self.addresses(place, name, port).await?,
                None => Vec::new(),
            };
            connect_to_first(&addresses).await.map_err(FetchError::Connect)
        })
        .await
    }

    async fn addresses(
        &self,
        place: Place,
        name: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, FetchError> {
        let name: Name = name.parse().map_err(|_| url::ParseError::IdnaError)?;
        let found = match place {
            Place::Trusted => SystemDns::default().resolve(name).await,
            Place::Public | Place::Local => self.inner.guard.resolve(name).await,
        };
        let found = found.map_err(dns_error)?;
        Ok(found.map(|address| SocketAddr::new(address.ip(), port)).collect())
    }
}

async fn connect_to_first(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Name resolution and all attempts together. Ours.
const DEADLINE: Duration = Duration::from_secs(10);
