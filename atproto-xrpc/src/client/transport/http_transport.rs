use std::{sync::Arc, time::Duration};

use atproto_core::identity::{FetchError, SafeClient};
use futures::{
    StreamExt,
    future::{BoxFuture, FutureExt},
};
use http::{HeaderValue, Request, Response, header::CONTENT_LENGTH};

use super::{Content, SendError, Transport};

/// The network, over HTTP/1.1 and HTTP/2.
#[derive(Debug, Clone)]
pub struct HttpTransport(reqwest::Client);

/// The network for addresses that strangers choose: what a [`SafeClient`] refuses is not
/// asked.
#[derive(Debug, Clone)]
pub struct SafeTransport(SafeClient);

impl HttpTransport {
    /// A transport that gives up connecting after a while, with this TLS configuration.
    pub fn new(
        tls: &Arc<rustls::ClientConfig>,
        connect_timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let mut tls = rustls::ClientConfig::clone(tls);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .build()?;
        Ok(Self(client))
    }
}

/// A client of one's own, which then decides on redirects and TLS. It should follow no
/// redirects: tokens are for the service that they were made for.
impl From<reqwest::Client> for HttpTransport {
    fn from(client: reqwest::Client) -> Self {
        Self(client)
    }
}

impl From<SafeClient> for SafeTransport {
    fn from(client: SafeClient) -> Self {
        Self(client)
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: Request<Content>,
    ) -> BoxFuture<'_, Result<Response<Content>, SendError>> {
        async move {
            let response = self.0.execute(to_reqwest(request)?).await.map_err(send_error)?;
            Ok(from_reqwest(response))
        }
        .boxed()
    }
}

impl Transport for SafeTransport {
    fn send(
        &self,
        request: Request<Content>,
    ) -> BoxFuture<'_, Result<Response<Content>, SendError>> {
        async move {
            let response = self.0.execute(to_reqwest(request)?).await.map_err(fetch_error)?;
            Ok(from_reqwest(response))
        }
        .boxed()
    }
}

fn to_reqwest(request: Request<Content>) -> Result<reqwest::Request, SendError> {
    let (mut parts, content) = request.into_parts();
    let body = match (content.bytes(), content.length()) {
        (Some(bytes), _) => reqwest::Body::from(bytes.clone()),
        (None, length) => {
            if let Some(length) = length {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            reqwest::Body::wrap_stream(content.into_stream())
        }
    };
    reqwest::Request::try_from(Request::from_parts(parts, body)).map_err(SendError::refused)
}

fn from_reqwest(mut response: reqwest::Response) -> Response<Content> {
    let (status, length) = (response.status(), response.content_length());
    let headers = std::mem::take(response.headers_mut());
    let pieces = response.bytes_stream().map(|piece| piece.map_err(send_error));
    let mut answer = Response::new(Content::stream(length, pieces));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

fn send_error(error: reqwest::Error) -> SendError {
    if error.is_connect() {
        SendError::unsent(error)
    } else if error.is_builder() {
        SendError::refused(error)
    } else {
        SendError::lost(error)
    }
}

fn fetch_error(error: FetchError) -> SendError {
    match error {
        error if error.is_refusal() => SendError::refused(error),
        FetchError::Request(error) => send_error(error),
        FetchError::Connect(_) | FetchError::UnknownHost { .. } | FetchError::Busy { .. } => {
            SendError::unsent(error)
        }
        error => SendError::lost(error),
    }
}
