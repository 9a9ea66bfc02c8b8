//! Browsers of any origin: authority comes from tokens, never from cookies.
//!
//! See the [Fetch standard](https://fetch.spec.whatwg.org/#http-cors-protocol).

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, VARY,
    },
    request::Parts,
};

/// The answer to a browser that asks before it calls, if that is what the request is.
pub(super) fn preflight(request: &Parts) -> Option<Response> {
    let asks = request.method == Method::OPTIONS
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    asks.then(|| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,HEAD,POST"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(A_DAY));
        // `*` does not cover `Authorization`, so the request's own list is repeated instead.
        if let Some(asked) = request.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            headers.insert(VARY, HeaderValue::from_static("access-control-request-headers"));
        }
        response
    })
}

/// Lets scripts of any origin read an answer and its headers.
pub(super) fn open(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
}

const ANY: HeaderValue = HeaderValue::from_static("*");
const A_DAY: &str = "86400";
