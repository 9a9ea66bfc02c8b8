use std::{io, net::SocketAddr};

use atproto_core::identity::safe_client::is_public;
use futures::future::{BoxFuture, FutureExt};
use tokio::net::{TcpStream, lookup_host};

/// Makes the TCP connections of subscriptions.
pub trait Dial: Send + Sync {
    /// Connects to a host name or address.
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<TcpStream>>;
}

/// Connects to wherever the system resolves a name to: for servers that the operator chose.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDial;

impl Dial for SystemDial {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<TcpStream>> {
        TcpStream::connect((host, port)).boxed()
    }
}

/// Connects to public addresses only: for servers that strangers chose, as a relay's hosts
/// are. What is checked is the address that is connected to.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublicDial {
    allow_loopback: bool,
}

impl PublicDial {
    /// Development: also connect to this machine.
    #[must_use]
    pub fn allow_loopback(mut self, allow: bool) -> Self {
        self.allow_loopback = allow;
        self
    }

    fn admits(self, address: &SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        is_public(ip) || (self.allow_loopback && ip.is_loopback())
    }
}

impl Dial for PublicDial {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<TcpStream>> {
        async move {
            let refused = || io::Error::new(io::ErrorKind::PermissionDenied, "no public address");
            let mut failure = None;
            for address in lookup_host((host, port)).await? {
                if !self.admits(&address) {
                    continue;
                }
                match TcpStream::connect(address).await {
                    Ok(socket) => return Ok(socket),
                    Err(error) => failure = Some(error),
                }
            }
            Err(failure.unwrap_or_else(refused))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn t01_private_addresses_are_refused() {
        for host in ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"] {
            let error = PublicDial::default().dial(host, 9).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{host}");
        }
    }
}
