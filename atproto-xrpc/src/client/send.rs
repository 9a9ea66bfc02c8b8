use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use tokio::time::Instant;
use tracing::Instrument;
use url::Url;

use super::{
    Client, RawResponse, Request, RequestError, TransportError,
    transport::{Content, SendError},
};
use crate::XrpcError;

/// Credentials, added to each attempt at a request anew: proofs of possession pass once.
pub(super) trait Authorize: Send + Sync {
    /// Adds what shows whose request it is.
    fn authorize(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
    ) -> Result<(), TransportError>;

    /// Sees the head of each answer.
    fn inspect(&self, _url: &Url, _answer: &http::Response<Content>) {}
}

/// No credentials.
pub(super) struct Nobody;

/// An access token that whoever has it can use.
pub(super) struct Bearer<'t>(pub(super) &'t str);

impl Authorize for Nobody {
    fn authorize(
        &self,
        _method: &Method,
        _url: &Url,
        _headers: &mut HeaderMap,
    ) -> Result<(), TransportError> {
        Ok(())
    }
}

impl Authorize for Bearer<'_> {
    fn authorize(
        &self,
        _method: &Method,
        _url: &Url,
        headers: &mut HeaderMap,
    ) -> Result<(), TransportError> {
        headers.insert(AUTHORIZATION, secret_header(&format!("Bearer {}", self.0))?);
        Ok(())
    }
}

/// A header that is not shown in logs.
pub(super) fn secret_header(text: &str) -> Result<HeaderValue, TransportError> {
    let mut value = header(text)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Client {
    /// Sends until there is an answer or the retry policy gives up, and reads it whole.
    pub(super) async fn execute(
        &self,
        request: &Request,
        auth: &dyn Authorize,
    ) -> Result<RawResponse, RequestError> {
        let response = self.open(request, auth).await?;
        Ok(self.read(response).await?)
    }

    /// Reads an answer whole, up to the client's limit.
    pub(super) async fn read(
        &self,
        response: http::Response<Content>,
    ) -> Result<RawResponse, TransportError> {
        let (head, content) = response.into_parts();
        let body = read(content, self.inner.max_response).await?;
        Ok(RawResponse { status: head.status, headers: head.headers, body })
    }

    /// As [`execute`](Self::execute), with the body unread.
    pub(super) async fn open(
        &self,
        request: &Request,
        auth: &dyn Authorize,
    ) -> Result<http::Response<Content>, RequestError> {
        let Request { method, nsid, .. } = request;
        let span = tracing::info_span!(
            "xrpc",
            otel.name = format_args!("xrpc {nsid}"),
            otel.kind = "client",
            http.request.method = %method,
            server.address = self.inner.base.host_str(),
            xrpc.method = nsid,
        );
        self.attempt_all(request, auth).instrument(span).await
    }

    async fn attempt_all(
        &self,
        request: &Request,
        auth: &dyn Authorize,
    ) -> Result<http::Response<Content>, RequestError> {
        let idempotent = request.method != Method::POST;
        self.inner.budget.deposit();
        let mut attempt = 1;
        loop {
            let error = match self.attempt(request, auth).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let wait = self.inner.retry.wait_after(&error, attempt, idempotent);
            let Some(wait) = wait.filter(|_| self.inner.budget.withdraw()) else {
                return Err(error);
            };
            tracing::debug!(attempt, wait_ms = wait.as_millis() as u64, %error, "trying again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        auth: &dyn Authorize,
    ) -> Result<http::Response<Content>, RequestError> {
        let url = self.method_url(request);
        let moved = Arc::new(Moved::now());
        let outgoing = self.outgoing(request, &url, auth, &moved)?;
        let sent = self.inner.transport.send(outgoing);
        let timeout = self.inner.timeout;
        let response = unless_silent(timeout, &moved, sent).await.map_err(TransportError::from)?;
        auth.inspect(&url, &response);
        let response = response.map(|content| content.without_silence(timeout));
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, content) = response.into_parts();
        let body = read_up_to(content, MAX_ERROR_BODY).await;
        Err(XrpcError::from_response(head.status, &head.headers, &body).into())
    }

    fn method_url(&self, request: &Request) -> Url {
        let mut url = self.inner.base.clone();
        url.set_path(&format!("/xrpc/{}", request.nsid));
        url.set_query((!request.query.is_empty()).then_some(request.query.as_str()));
        url
    }

    fn outgoing(
        &self,
        request: &Request,
        url: &Url,
        auth: &dyn Authorize,
        moved: &Arc<Moved>,
    ) -> Result<http::Request<Content>, TransportError> {
        let moved = Arc::clone(moved);
        let content = request.body.open(move || moved.touch());
        let mut outgoing = http::Request::new(content);
        *outgoing.method_mut() = request.method.clone();
        let uri = url.as_str().parse();
        *outgoing.uri_mut() =
            uri.map_err(|error: http::uri::InvalidUri| TransportError::Encode(error.into()))?;
        let headers = outgoing.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(request.accept));
        headers.insert(USER_AGENT, self.inner.user_agent.clone());
        headers.extend(self.headers.clone());
        headers.extend(request.headers.clone());
        if !request.content_type.is_empty() {
            headers.insert(CONTENT_TYPE, header(&request.content_type)?);
        }
        if let Some(propagate) = &self.inner.propagate {
            (propagate.0)(&tracing::Span::current(), headers);
        }
        auth.authorize(&request.method, url, headers)?;
        Ok(outgoing)
    }
}

/// When bytes of a request went out last.
struct Moved(Mutex<Instant>);

impl Moved {
    fn now() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for an answer, but not for longer than that after the last bytes went out: a large
/// body may take its time.
async fn unless_silent<T>(
    longest: Duration,
    moved: &Moved,
    answer: impl Future<Output = Result<T, SendError>>,
) -> Result<T, SendError> {
    let mut answer = pin!(answer);
    loop {
        let until = moved.last() + longest;
        match tokio::time::timeout_at(until, &mut answer).await {
            Ok(answer) => return answer,
            Err(_) if moved.last() + longest > until => {}
            Err(_) => return Err(SendError::silent_for(longest)),
        }
    }
}

async fn read(content: Content, limit: usize) -> Result<Bytes, TransportError> {
    if content.length().is_some_and(|length| length > limit as u64) {
        return Err(TransportError::TooLarge { limit });
    }
    let mut pieces = content.into_stream();
    let mut body = BytesMut::new();
    while let Some(piece) = pieces.try_next().await? {
        if piece.len() > limit - body.len() {
            return Err(TransportError::TooLarge { limit });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// Reads what comes of an error page: what it says beyond the limit, or after the connection
/// broke, would not change the error.
async fn read_up_to(content: Content, limit: usize) -> Vec<u8> {
    let mut pieces = content.into_stream();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = pieces.try_next().await {
        let room = limit - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if body.len() == limit {
            break;
        }
    }
    body
}

fn header(text: &str) -> Result<HeaderValue, TransportError> {
    HeaderValue::try_from(text).map_err(|error| TransportError::Encode(error.into()))
}

/// Ours: an error answer is a line of JSON; a proxy's page may be longer and is cut.
const MAX_ERROR_BODY: usize = 64 * 1024;
