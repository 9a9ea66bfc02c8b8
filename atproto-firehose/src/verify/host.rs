/// Whether a service endpoint (`https://pds.example`) and a host (`pds.example`,
/// `pds.example:443`, or itself a URL) are the same place.
pub(crate) fn same_host(endpoint: &str, host: &str) -> bool {
    authority(endpoint) == authority(host)
}

/// Host and port in lower case, without the port that a scheme implies. `ws`
/// and `http` on their own ports differ from `wss` and `https`.
fn authority(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest[..end].to_ascii_lowercase();
    let authority = authority.trim_end_matches('.');
    let default = match scheme {
        "http" | "ws" => ":80",
        _ => ":443",
    };
    authority.strip_suffix(default).unwrap_or(authority).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_host_and_port_only() {
        for (endpoint, host) in [
            ("https://pds.example", "pds.example"),
            ("https://PDS.example/", "pds.example"),
            ("https://pds.example:443", "wss://pds.example"),
            ("http://127.0.0.1:2583", "127.0.0.1:2583"),
        ] {
            assert!(same_host(endpoint, host), "{endpoint} {host}");
        }
        for (endpoint, host) in [
            ("https://pds.example", "evil.example"),
            ("https://pds.example.evil", "pds.example"),
            ("https://pds.example@evil.example", "pds.example"),
            ("https://pds.example:8443", "pds.example"),
        ] {
            assert!(!same_host(endpoint, host), "{endpoint} {host}");
        }
    }
}
