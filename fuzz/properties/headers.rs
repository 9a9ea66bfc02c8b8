//! What the other side of HTTP sends beside bodies: credentials, labelers, proxy targets and
//! error answers.

use atproto_xrpc::{
    XrpcError,
    client::Labelers,
    proxy::ProxyTarget,
    server::{Admin, Credentials, Policy},
};
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header::AUTHORIZATION};

pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(target) = ProxyTarget::parse(text)
    {
        // Blanks around a header's value are no part of it.
        assert_eq!(target.audience(), text.trim());
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(labelers) = text.parse::<Labelers>()
    {
        assert!(labelers.iter().count() <= Labelers::MAX);
        assert_eq!(labelers.to_string().parse(), Ok(labelers));
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(data) {
        credentials(value.clone());
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

/// Whatever stands in the header, it is read as one scheme or refused, and opens no door.
fn credentials(value: HeaderValue) {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers.insert(AUTHORIZATION, value);
    let admin = Admin::new("a password that nobody guesses").bearer("a token that nobody guesses");
    let admitted = admin.authorize(&parts, "com.example.a").now_or_never();
    assert!(admitted.is_some_and(|admitted| admitted.is_err()));
    if let Ok(Credentials::Bearer(text) | Credentials::Dpop(text) | Credentials::Basic(text)) =
        Credentials::of(&parts)
    {
        assert!(!text.is_empty());
        assert_eq!(text, text.trim());
    }
}
