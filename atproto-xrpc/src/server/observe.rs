//! The span and the log lines of a request.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, request::Parts};
use tracing::{Span, field::Empty};

use super::{RequestId, reply::ErrorName};
use crate::XrpcError;

/// The span of one request, named `GET /xrpc/<nsid>` for exporters. The route is the
/// router's own text and never the caller's, so that the number of names is bounded.
pub(super) fn span(nsid: &'static str, parts: &Parts, request_id: &RequestId) -> Span {
    let method = &parts.method;
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let host = parts.uri.host().or_else(|| header("host"));
    tracing::info_span!(
        "xrpc",
        otel.name = format_args!("{method} /xrpc/{nsid}"),
        otel.kind = "server",
        http.request.method = %method,
        http.route = format_args!("/xrpc/{nsid}"),
        http.response.status_code = Empty,
        url.scheme = parts.uri.scheme_str().unwrap_or("http"),
        server.address = host,
        xrpc.method = nsid,
        xrpc.proxied = Empty,
        xrpc.proxy = header("atproto-proxy"),
        error.type = Empty,
        request_id = request_id.as_str(),
    )
}

/// Makes the response and writes down how the request ended.
pub(super) fn finish(answer: Result<Response, XrpcError>, span: &Span) -> Response {
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            if is_fault(error.status) {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(cause, "{error}");
            } else {
                tracing::debug!("{error}");
            }
            error.into_response()
        }
    };
    span.record("http.response.status_code", response.status().as_u16());
    if let Some(ErrorName(name)) = response.extensions().get() {
        span.record("error.type", name.as_str());
    }
    response
}

/// Whether a status tells of something that the operator should look at. A method that
/// nobody has is the client's fault, though it is a 501.
fn is_fault(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

/// The message of a panic, for the log.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::is_fault;

    #[test]
    fn an_unknown_method_is_no_fault_of_the_server() {
        assert!(!is_fault(StatusCode::NOT_IMPLEMENTED));
        assert!(!is_fault(StatusCode::BAD_REQUEST));
        assert!(is_fault(StatusCode::INTERNAL_SERVER_ERROR));
        assert!(is_fault(StatusCode::BAD_GATEWAY));
    }
}
