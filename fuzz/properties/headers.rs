//! What the other side of HTTP sends beside bodies: proxy targets and error answers.

use atproto_xrpc::{XrpcError, proxy::ProxyTarget};
use http::{HeaderMap, HeaderValue, StatusCode};

pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(target) = ProxyTarget::parse(text)
    {
        // Blanks around a header's value are no part of it.
        assert_eq!(target.audience(), text.trim());
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(data) {
        for name in ["atproto-proxy", "ratelimit-reset", "retry-after", "content-type"] {
            headers.insert(name, value.clone());
        }
    }
    let _ = ProxyTarget::of(&headers);
    let error = XrpcError::from_response(StatusCode::TOO_MANY_REQUESTS, &headers, data);
    let _ = error.retry_after();
    let again =
        XrpcError::from_response(StatusCode::BAD_REQUEST, &HeaderMap::new(), &error.to_json());
    assert_eq!(again.error, error.error);
}
