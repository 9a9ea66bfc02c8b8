use axum::{body::Body, response::Response};
use futures::{StreamExt, stream::try_unfold};
use http::StatusCode;
use tokio::time::{Instant, timeout_at};

use super::{ProxyOptions, RESPONSE_HEADERS};
use crate::XrpcError;

/// Why an answer broke off in the middle.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error("the service's answer is too large")]
    TooLarge,
    #[error("the service's answer took too long")]
    TooSlow,
    #[error("the service's answer ended early")]
    Upstream(#[from] reqwest::Error),
}

/// The service's answer as ours: its status, the listed headers, and its body as it comes.
pub(super) fn of(answer: reqwest::Response, options: &ProxyOptions) -> Result<Response, XrpcError> {
    if answer.content_length().is_some_and(|length| length > options.max_response as u64) {
        return Err(XrpcError::upstream_failure("the service's answer is too large"));
    }
    let status = match answer.status() {
        // The fault is not ours, and a redirect is not for the account to follow.
        StatusCode::INTERNAL_SERVER_ERROR => {
            return Err(XrpcError::upstream_failure("the service failed"));
        }
        status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
            return Err(XrpcError::upstream_failure("the service answered with a redirect"));
        }
        status => status,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    for name in RESPONSE_HEADERS {
        if let Some(value) = answer.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    *response.body_mut() = Body::from_stream(body(answer, options));
    Ok(response)
}

/// The answer's body, cut off by size and by time.
fn body(
    answer: reqwest::Response,
    options: &ProxyOptions,
) -> impl futures::Stream<Item = Result<bytes::Bytes, BrokenOff>> + Send + use<> {
    let deadline = Instant::now() + options.body_timeout;
    let state = (answer.bytes_stream().boxed(), options.max_response);
    try_unfold(state, move |(mut chunks, room)| async move {
        let next = timeout_at(deadline, chunks.next()).await.map_err(|_| BrokenOff::TooSlow)?;
        let Some(chunk) = next.transpose()? else { return Ok(None) };
        let room = room.checked_sub(chunk.len()).ok_or(BrokenOff::TooLarge)?;
        Ok(Some((chunk, (chunks, room))))
    })
}
