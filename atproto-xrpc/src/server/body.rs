//! Reading request bodies.

use std::error::Error as StdError;

use atproto_core::endpoint::Body as TypedBody;
use axum::body::Body;
use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::{
    dispatch::{Head, Target},
    validate,
};
use crate::{XrpcError, media_type};

/// Reads the whole body as its endpoint declares it.
pub(super) async fn read<T: TypedBody>(
    head: &Head,
    body: Body,
    target: &Target,
) -> Result<T, XrpcError> {
    let unreadable = |error| XrpcError::invalid_request(format!("Input: {error}"));
    let Some(declared) = T::ENCODING else {
        head.require_no_body()?;
        return T::from_bytes("", Bytes::new()).map_err(unreadable);
    };
    let content_type = content_type(head, declared)?;
    let limits = &head.shared.config.limits;
    let body = limit(head, body, limits.body_bytes)?;
    let arrived = timeout(limits.body_timeout, body.collect()).await.map_err(|_| too_slow())?;
    let bytes = arrived.map_err(|error| body_error(&*error))?.to_bytes();
    validate::input(&head.shared.config, &target.nsid, content_type, &bytes)?;
    T::from_bytes(content_type, bytes).map_err(unreadable)
}

/// The body of an upload to this server, cut off at the limit. What is stored must be what
/// was meant, so compressed bodies are refused here as well.
pub(super) fn upload(head: &Head, body: Body) -> Result<Body, XrpcError> {
    require_identity(head)?;
    limited(head, body)
}

/// The body of a request that is passed on, cut off at the limit.
pub(super) fn limited(head: &Head, body: Body) -> Result<Body, XrpcError> {
    limit(head, body, head.shared.config.limits.upload_bytes).map(Body::new)
}

/// What went wrong while a body was read: 413 if it was cut off at a limit, else 400.
///
/// For handlers of [`raw_procedure`](super::Router::raw_procedure) routes.
pub fn body_error(error: &(dyn StdError + 'static)) -> XrpcError {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    if causes.any(<dyn StdError>::is::<LengthLimitError>) {
        return XrpcError::payload_too_large();
    }
    XrpcError::invalid_request("the request body could not be read")
}

fn too_slow() -> XrpcError {
    XrpcError::invalid_request("the request body did not arrive in time")
        .with_status(StatusCode::REQUEST_TIMEOUT)
}

fn limit(head: &Head, body: Body, bytes: usize) -> Result<Limited<Body>, XrpcError> {
    let length = head.parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > bytes) {
        return Err(XrpcError::payload_too_large());
    }
    Ok(Limited::new(body, bytes))
}

/// Refuses compressed bodies: what they grow to is not the client's to choose.
fn require_identity(head: &Head) -> Result<(), XrpcError> {
    let mut encodings = head.parts.headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(XrpcError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType")
        .with_message("compressed request bodies are not supported")
        .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

/// The request's media type, if the declared one admits it.
fn content_type<'h>(head: &'h Head, declared: &str) -> Result<&'h str, XrpcError> {
    let headers = &head.parts.headers;
    if !head.has_body() {
        return Err(XrpcError::invalid_request("A request body is expected but none was provided"));
    }
    require_identity(head)?;
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let Some(given) = given.filter(|value| !value.is_empty()) else {
        let message = "Request encoding (Content-Type) required but not provided";
        return Err(XrpcError::invalid_request(message));
    };
    if !media_type::admits(declared, given) {
        let essence = media_type::essence(given);
        let message = format!("Wrong request encoding (Content-Type): {essence}");
        return Err(XrpcError::invalid_request(message));
    }
    Ok(given)
}
