use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue};

/// The header that carries request ids in both directions.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// Ours: long enough for a UUID with a prefix, short enough for a log line.
const MAX_LENGTH: usize = 64;

/// The id under which one request is logged everywhere it passes.
///
/// A caller's `x-request-id` is taken over if it is short and plain, so that it cannot
/// forge log lines; otherwise the server makes one. The answer repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A random id of 128 bits.
    pub fn generate() -> Self {
        Self(crate::random::pooled_hex_id().into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        match given.filter(|id| is_plain(id)) {
            Some(id) => Self(id.into()),
            None => Self::generate(),
        }
    }

    pub(super) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("ids hold plain ASCII only")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_ids_only() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(value));
            RequestId::of(&headers)
        };
        assert_eq!(of("01J-abc_9.z").as_str(), "01J-abc_9.z");
        assert_ne!(of("a b").as_str(), "a b");
        assert_eq!(of("").as_str().len(), 32);
    }
}
