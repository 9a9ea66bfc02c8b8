//! The names of hosts.

use std::fmt;

use atproto_core::syntax::Handle;
use http::Uri;
use smol_str::{SmolStr, format_smolstr};

/// A host as the relay knows it: `pds.example`, in development also `localhost:2583`.
///
/// In lower case and without scheme. A host with a port is spoken to in plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(SmolStr);

/// Which hosts may be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostPolicy {
    /// Public DNS names, on port 443.
    Public,
    /// Development: any name or address, with a port.
    Insecure,
}

/// Why a text is not the name of a host that may be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostnameError {
    /// An address in place of a name.
    #[error("a host needs a DNS name, not an address")]
    Address,
    /// A port, or none where one is needed.
    #[error("hosts are on port 443, without a port in the name")]
    Port,
    /// A name that no public host has.
    #[error("the name is reserved")]
    Reserved,
    /// Not a host name.
    #[error("not a host name")]
    Syntax,
}

/// Top-level domains of RFC 2606 and RFC 6761 and those of local networks.
const RESERVED: [&str; 10] =
    ["alt", "arpa", "example", "internal", "invalid", "lan", "local", "localhost", "onion", "test"];

impl Hostname {
    /// Reads the name that somebody gives for a host: with or without scheme.
    pub fn parse(text: &str, policy: HostPolicy) -> Result<Self, HostnameError> {
        let (scheme, authority) = match text.trim_end_matches('/').split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => ("", text),
        };
        if !matches!((scheme, policy), ("" | "https", _) | ("http", HostPolicy::Insecure)) {
            return Err(HostnameError::Syntax);
        }
        let host = Self::of_authority(authority).ok_or(HostnameError::Syntax)?;
        match policy {
            HostPolicy::Insecure => Ok(host),
            HostPolicy::Public => host.check_public().map(|()| host),
        }
    }

    /// A name that was stored.
    pub(crate) fn stored(text: &str) -> Self {
        Self(text.into())
    }

    fn of_authority(authority: &str) -> Option<Self> {
        let uri: Uri = format!("http://{authority}/").parse().ok()?;
        let parsed = uri.authority()?;
        if parsed.as_str().contains('@') || uri.path() != "/" || uri.query().is_some() {
            return None;
        }
        let name = parsed.host().to_ascii_lowercase();
        let valid = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        match parsed.port_u16() {
            _ if name.is_empty() || !valid => None,
            Some(port) => Some(Self(format_smolstr!("{name}:{port}"))),
            // An empty port is an authority that says nothing.
            None if parsed.as_str().ends_with(':') => None,
            None => Some(Self(name.into())),
        }
    }

    fn check_public(&self) -> Result<(), HostnameError> {
        let name = self.as_str();
        let last = name.rsplit('.').next().unwrap_or_default();
        if name.starts_with('[') || last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HostnameError::Address);
        }
        if name.contains(':') {
            return Err(HostnameError::Port);
        }
        if RESERVED.contains(&last) {
            return Err(HostnameError::Reserved);
        }
        // Handles are DNS names with a domain, spelled as here.
        Handle::new(name).map(drop).map_err(|_| HostnameError::Syntax)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin under which the host is spoken to.
    pub fn url(&self) -> String {
        let scheme = if self.0.contains(':') { "http" } else { "https" };
        format!("{scheme}://{}", self.0)
    }

    /// Whether the host is on this machine.
    pub fn is_local(&self) -> bool {
        ["localhost:", "127.0.0.1:", "[::1]:"].iter().any(|local| self.0.starts_with(local))
    }

    /// Whether the host is a domain or below it.
    pub fn is_under(&self, domain: &str) -> bool {
        let rest = self.0.strip_suffix(domain.trim_start_matches("*."));
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rl_011_public_hosts_have_a_dns_name_and_nothing_else() {
        let parse = |text| Hostname::parse(text, HostPolicy::Public);
        assert_eq!(parse("PDS.Example.com").unwrap().as_str(), "pds.example.com");
        assert_eq!(parse("https://pds.example.com/").unwrap().url(), "https://pds.example.com");
        for (bad, why) in [
            ("", HostnameError::Syntax),
            ("pds.example.com/path", HostnameError::Syntax),
            ("user@pds.example.com", HostnameError::Syntax),
            ("http://pds.example.com", HostnameError::Syntax),
            ("pds.example.com?x", HostnameError::Syntax),
            ("single", HostnameError::Syntax),
            ("-bad.example.com", HostnameError::Syntax),
            ("10.0.0.1", HostnameError::Address),
            ("[::1]", HostnameError::Address),
            ("2130706433", HostnameError::Address),
            ("pds.example.com:443", HostnameError::Port),
            ("pds.local", HostnameError::Reserved),
            ("localhost", HostnameError::Reserved),
        ] {
            assert_eq!(parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn development_hosts_have_a_port() {
        let parse = |text| Hostname::parse(text, HostPolicy::Insecure).unwrap();
        for (text, url) in [
            ("127.0.0.1:2583", "http://127.0.0.1:2583"),
            ("http://LOCALHOST:2583/", "http://localhost:2583"),
            ("[::1]:2583", "http://[::1]:2583"),
        ] {
            assert_eq!(parse(text).url(), url);
            assert!(parse(text).is_local(), "{text}");
        }
        assert!(!parse("pds:3000").is_local());
    }

    #[test]
    fn domains_cover_what_is_below_them() {
        let host = Hostname::stored("a.host.bsky.network");
        assert!(host.is_under("host.bsky.network"));
        assert!(host.is_under("*.host.bsky.network"));
        assert!(!Hostname::stored("evilhost.bsky.network").is_under("host.bsky.network"));
    }
}
