//! The metric that every HTTP server owes.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use metrics::histogram;

pub(crate) const DURATION: &str = "http_server_request_duration_seconds";

/// Middleware that observes the time to the response head, labelled by method, route and
/// status: `router.layer(axum::middleware::from_fn(service_kit::http::observe))`.
///
/// The route label is the matched route, or `other`: what a client invents in its path
/// never becomes a label.
pub async fn observe(request: Request, next: Next) -> Response {
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let start = Instant::now();
    let response = next.run(request).await;
    histogram!(
        DURATION,
        "http_request_method" => method,
        "http_route" => route,
        "http_response_status_code" => response.status().as_u16().to_string()
    )
    .record(start.elapsed());
    response
}

/// Method names come from the client, so only the known ones are labels.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "OPTIONS" => "OPTIONS",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
