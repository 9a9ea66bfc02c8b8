//! The error model of XRPC: a status, a name and a sentence.
//!
//! Every failed request is answered with JSON `{"error": NAME, "message": TEXT}`. The name
//! is a constant that programs compare; the message is for people. Details of a fault on
//! the server's side never leave it: [`XrpcError::internal`] keeps the cause for the log
//! and answers with the bare name.
//!
//! See [Error responses](https://atproto.com/specs/xrpc#error-responses).

use std::{
    error::Error as StdError,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use atproto_core::endpoint::ErrorSet;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
};

/// An error as it goes over the wire.
///
/// Handlers return it (or anything that converts into it); clients receive it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct XrpcError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The name that programs compare: ASCII without white space.
    pub error: String,
    /// The explanation for people.
    pub message: Option<String>,
    carried: Option<Box<Carried>>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What goes along with an error.
#[derive(Debug, Clone, Default)]
struct Carried {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl XrpcError {
    /// An error of any status and name.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), message: None, carried: None, cause: None }
    }

    /// 400 `InvalidRequest`: the request is malformed or breaks its lexicon.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::bad_request("InvalidRequest", message)
    }

    /// 400 with a name of the endpoint's own, as lexicons declare them.
    pub fn bad_request(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error).with_message(message)
    }

    /// 401 `AuthMissing`: the endpoint wants credentials and none came.
    pub fn auth_missing() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "AuthMissing")
            .with_message("Authentication Required")
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 401 `InvalidToken`: the credentials are not acceptable.
    pub fn invalid_token(message: impl Into<String>) -> Self {
        Self::unauthorized("InvalidToken", message)
    }

    /// 401 `ExpiredToken`: the credentials were acceptable once.
    pub fn expired_token(message: impl Into<String>) -> Self {
        Self::unauthorized("ExpiredToken", message)
    }

    /// 401 with another name, and the challenge that RFC 6750 asks for.
    pub fn unauthorized(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error).with_message(message).with_header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        )
    }

    /// 403 `Forbidden`: the credentials are good, but not for this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden").with_message(message)
    }

    /// 404 with a name of the endpoint's own.
    pub fn not_found(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error).with_message(message)
    }

    /// 405 `InvalidRequest`: a query was posted, or a procedure fetched.
    pub fn wrong_verb(got: &http::Method, expected: &'static str) -> Self {
        let allow = if expected == "GET" { "GET, HEAD" } else { expected };
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "InvalidRequest")
            .with_message(format!("Incorrect HTTP method ({got}) expected {expected}"))
            .with_header(http::header::ALLOW, HeaderValue::from_static(allow))
    }

    /// 413 `PayloadTooLarge`.
    pub fn payload_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge")
            .with_message("request entity too large")
    }

    /// 429 `RateLimitExceeded`, with `Retry-After` in whole seconds, rounded up.
    pub fn rate_limited(retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded")
            .with_message("Rate Limit Exceeded")
            .with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 500 `InternalServerError`. The cause is logged by the server and not sent.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError")
            .with_message("Internal Server Error");
        error.cause = Some(Arc::from(cause.into()));
        error
    }

    /// 501 `MethodNotImplemented`: no such method here.
    pub fn method_not_implemented() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "MethodNotImplemented")
            .with_message("Method Not Implemented")
    }

    /// 502 `UpstreamFailure`: a service behind this one answered badly.
    pub fn upstream_failure(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "UpstreamFailure").with_message(message)
    }

    /// 503 `NotEnoughResources`: busy or shutting down; worth another try later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "NotEnoughResources").with_message(message)
    }

    /// 504 `UpstreamTimeout`: the answer did not come in time.
    pub fn timeout() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "UpstreamTimeout")
            .with_message("The request took too long")
    }

    /// The same error with this explanation.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The same error with this status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same error with one more response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.carried.get_or_insert_default().headers.append(name, value);
        self
    }

    /// The response headers that came, or will go, with the error.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.carried.as_deref().map(|carried| &carried.headers)
    }

    /// The body that came with the error, as it came; empty for an error of one's own.
    pub fn body(&self) -> &[u8] {
        self.carried.as_deref().map(|carried| &carried.body[..]).unwrap_or_default()
    }

    /// How long the server asked to wait: `Retry-After` in seconds or as a date, if it is
    /// there.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.headers()?.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Reads an error response. A body that is not the JSON of an error (a proxy's HTML
    /// page) gives the name that belongs to the status.
    pub fn from_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let wire = serde_json::from_slice::<Wire>(body).unwrap_or_default();
        let error = wire.error.filter(|name| is_error_name(name));
        Self {
            status,
            error: error.unwrap_or_else(|| status_name(status).to_owned()),
            message: wire.message,
            carried: Some(Box::new(Carried { headers: headers.clone(), body: body.into() })),
            cause: None,
        }
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        let wire = serde_json::json!({
            "error": self.error,
            "message": self.message.as_deref().unwrap_or(&self.error),
        });
        wire.to_string().into_bytes()
    }
}

impl fmt::Display for XrpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.error)?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl StdError for XrpcError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// An error that a lexicon declares is a 400 unless the handler says otherwise.
impl<E: ErrorSet> From<E> for XrpcError {
    fn from(error: E) -> Self {
        let wire = Self::new(StatusCode::BAD_REQUEST, error.name());
        match error.message() {
            Some(message) => wire.with_message(message),
            None => wire,
        }
    }
}

#[derive(Default, serde::Deserialize)]
struct Wire {
    error: Option<String>,
    message: Option<String>,
}

/// Error names are short ASCII constants; anything else is somebody's prose.
fn is_error_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

/// The generic name of a status.
fn status_name(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "AuthenticationRequired",
        403 => "Forbidden",
        404 => "XRPCNotSupported",
        406 => "NotAcceptable",
        413 => "PayloadTooLarge",
        415 => "UnsupportedMediaType",
        429 => "RateLimitExceeded",
        400..=499 => "InvalidRequest",
        501 => "MethodNotImplemented",
        502 => "UpstreamFailure",
        503 => "NotEnoughResources",
        504 => "UpstreamTimeout",
        _ => "InternalServerError",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xr_012_an_html_page_becomes_the_name_of_its_status() {
        let page = b"<html><body>502 Bad Gateway</body></html>";
        let error = XrpcError::from_response(StatusCode::BAD_GATEWAY, &HeaderMap::new(), page);
        assert_eq!((error.error.as_str(), error.message), ("UpstreamFailure", None));
    }

    #[test]
    fn xr_006_a_name_with_white_space_is_not_taken_for_a_name() {
        let body = br#"{"error":"Something went wrong","message":"no"}"#;
        let error = XrpcError::from_response(StatusCode::NOT_FOUND, &HeaderMap::new(), body);
        assert_eq!(error.error, "XRPCNotSupported");
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_sent() {
        let error = XrpcError::internal("password of the database is hunter2");
        assert!(!String::from_utf8_lossy(&error.to_json()).contains("hunter2"));
        assert!(error.source().is_some());
    }

    #[test]
    fn xr_009_retry_after_may_be_a_date() {
        let after = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            let error = XrpcError::new(StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded");
            error.with_header(RETRY_AFTER, value).retry_after()
        };
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(90));
        assert!((60..=90).contains(&after(&later).unwrap().as_secs()), "{later}");
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn what_came_with_an_error_is_kept() {
        let body = br#"{"error":"InvalidSwap","message":"no","current":"abc"}"#;
        let error = XrpcError::from_response(StatusCode::BAD_REQUEST, &HeaderMap::new(), body);
        assert_eq!(error.body(), body);
    }

    #[test]
    fn retry_after_is_rounded_up() {
        let error = XrpcError::rate_limited(Duration::from_millis(1_200));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
    }
}
