use std::{fmt, str::FromStr};

use atproto_core::syntax::Did;

/// A service as permissions name it: a DID, and the id of one of the services in its
/// document, as in `did:web:api.example.com#bsky_appview`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Audience {
    did: Did,
    service: String,
}

impl Audience {
    /// Whose service it is.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The service's id, without `#`.
    pub fn service(&self) -> &str {
        &self.service
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.did, self.service)
    }
}

impl FromStr for Audience {
    type Err = AudienceError;

    fn from_str(text: &str) -> Result<Self, AudienceError> {
        let (did, service) = text.split_once('#').ok_or(AudienceError::Service)?;
        let did = Did::new(did).map_err(|_| AudienceError::Did)?;
        if !METHODS.contains(&did.method()) {
            return Err(AudienceError::Did);
        }
        if service.is_empty() || !service.bytes().all(in_fragment) {
            return Err(AudienceError::Service);
        }
        Ok(Self { did, service: service.to_owned() })
    }
}

/// Why a text names no audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AudienceError {
    /// What is before `#` is no DID of the methods in use.
    #[error("not a DID of the methods plc and web")]
    Did,
    /// There is no `#`, or nothing that can be an id after it.
    #[error("no service id after the DID")]
    Service,
}

/// What a URI's fragment may consist of (RFC 3986, section 3.5).
fn in_fragment(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte)
}

const METHODS: [&str; 2] = ["plc", "web"];
