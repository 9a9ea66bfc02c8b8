//! Which handles this server gives to its accounts.

use atproto_core::syntax::Handle;
use atproto_xrpc::XrpcError;

mod reserved;

/// The shortest name below a service domain, as at the reference PDS.
const MIN_NAME: usize = 3;
/// The longest name below a service domain, as at the reference PDS.
const MAX_NAME: usize = 18;

/// Whether a handle is below one of these domains, each with its leading dot.
pub fn is_ours(handle: &Handle, domains: &[String]) -> bool {
    domains.iter().any(|domain| name_below(handle, domain).is_some())
}

/// Checks a handle that somebody wants below a service domain: one name of 3 to 18
/// characters, not reserved. `UnsupportedDomain` is the answer for any other domain.
pub fn check(handle: &Handle, domains: &[String]) -> Result<(), XrpcError> {
    let invalid = |message: &str| Err(XrpcError::bad_request("InvalidHandle", message));
    let Some(name) = domains.iter().find_map(|domain| name_below(handle, domain)) else {
        return Err(XrpcError::bad_request("UnsupportedDomain", "Not a supported handle domain"));
    };
    // Punycode would show as letters that only look like those of another handle.
    if name.contains('.') || name.starts_with("xn--") {
        return invalid("Invalid characters in handle");
    }
    if name.len() < MIN_NAME {
        return invalid("Handle too short");
    }
    if name.len() > MAX_NAME {
        return invalid("Handle too long");
    }
    if reserved::is_reserved(name) {
        return Err(XrpcError::bad_request("HandleNotAvailable", "Reserved handle"));
    }
    Ok(())
}

fn name_below<'h>(handle: &'h Handle, domain: &str) -> Option<&'h str> {
    handle.as_str().strip_suffix(domain).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use atproto_core::syntax::Handle;

    use super::check;

    #[test]
    fn t79_names_below_the_service_domain() {
        let domains = [".test".to_owned(), ".pds.example.com".to_owned()];
        let verdict = |text: &str| {
            let answer = check(&Handle::new(text).unwrap(), &domains);
            answer.err().map(|error| error.error)
        };
        for good in ["abc.test", "alice.pds.example.com", "a-2345678901234567.test"] {
            assert_eq!(verdict(good), None, "{good}");
        }
        for (bad, error) in [
            ("ab.test", "InvalidHandle"),
            ("a234567890123456789.test", "InvalidHandle"),
            ("a.b.test", "InvalidHandle"),
            ("xn--80ak6aa92e.test", "InvalidHandle"),
            ("admin.test", "HandleNotAvailable"),
            ("Support.test", "HandleNotAvailable"),
            ("alice.example.com", "UnsupportedDomain"),
            ("alice.evilpds.example.com", "UnsupportedDomain"),
        ] {
            assert_eq!(verdict(bad).as_deref(), Some(error), "{bad}");
        }
    }
}
