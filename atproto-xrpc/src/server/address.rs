use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};

/// A block of addresses in CIDR notation: `10.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpRange {
    network: Ipv6Addr,
    prefix: u8,
}

/// Text that is not an address block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or an address block such as 10.0.0.0/8")]
pub struct IpRangeError;

impl IpRange {
    /// Whether the block holds the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
        (mapped(address).to_bits() ^ self.network.to_bits()) & mask == 0
    }
}

impl FromStr for IpRange {
    type Err = IpRangeError;

    fn from_str(text: &str) -> Result<Self, IpRangeError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| IpRangeError)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| IpRangeError)?,
            None => bits,
        };
        if prefix > bits {
            return Err(IpRangeError);
        }
        Ok(Self { network: mapped(address), prefix: prefix + (128 - bits) })
    }
}

/// IPv4 inside IPv6, so that `::ffff:10.0.0.1` and `10.0.0.1` are one address.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// Where a request came from; none where the server does not note its peers.
///
/// `X-Forwarded-For` is read from its end, and only as far as trusted proxies wrote it: what
/// stands before was written by whoever asked and could be anything.
pub fn client_address(
    headers: &HeaderMap,
    extensions: &Extensions,
    trusted: &[IpRange],
) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let mut address = peer.ip().to_canonical();
    let is_proxy = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    for line in lines.into_iter().rev() {
        for hop in line.to_str().unwrap_or_default().rsplit(',') {
            if !is_proxy(address) {
                return Some(address);
            }
            match hop.trim().parse::<IpAddr>() {
                Ok(named) => address = named.to_canonical(),
                Err(_) => return Some(address),
            }
        }
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn address(peer: &str, forwarded: &'static str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static(forwarded));
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let trusted: Vec<_> = trusted.iter().map(|range| range.parse().unwrap()).collect();
        client_address(&headers, &extensions, &trusted).unwrap().to_string()
    }

    #[test]
    fn t84_a_spoofed_header_is_not_believed() {
        assert_eq!(address("203.0.113.9", "1.2.3.4", &[]), "203.0.113.9");
        assert_eq!(address("203.0.113.9", "1.2.3.4", &["10.0.0.0/8"]), "203.0.113.9");
        // The caller wrote 1.2.3.4, our own proxy appended 198.51.100.7.
        assert_eq!(address("10.0.0.2", "1.2.3.4, 198.51.100.7", &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(address("::ffff:10.0.0.2", "x", &["10.0.0.0/8"]), "10.0.0.2");
    }

    #[test]
    fn ranges_parse_strictly() {
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "a/b"] {
            assert_eq!(bad.parse::<IpRange>(), Err(IpRangeError), "{bad}");
        }
        let all: IpRange = "::/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()));
    }
}
