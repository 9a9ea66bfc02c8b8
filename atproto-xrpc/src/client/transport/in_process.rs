use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use http::{
    HeaderValue, Request, Response,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
};
use http_body::Body;
use tower::{Service, ServiceExt};

use super::{Content, SendError, Transport};

/// A server in the same program: any tower service, such as an axum router.
#[derive(Debug, Clone)]
pub struct InProcess<S>(S);

impl<S> InProcess<S> {
    /// Requests go to this service, a clone of it for each.
    pub fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, B> Transport for InProcess<S>
where
    S: Service<Request<Content>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn send(
        &self,
        request: Request<Content>,
    ) -> BoxFuture<'_, Result<Response<Content>, SendError>> {
        let service = self.0.clone();
        async move {
            let answer = service.oneshot(as_received(request)).await.map_err(SendError::lost)?;
            Ok(answer.map(Content::from_body))
        }
        .boxed()
    }
}

/// The request with the headers that a connection adds: servers go by them.
fn as_received(mut request: Request<Content>) -> Request<Content> {
    let host = request.uri().authority().and_then(|host| host.as_str().try_into().ok());
    let length = request.body().length();
    let headers = request.headers_mut();
    if let Some(host) = host {
        headers.insert(HOST, host);
    }
    match length {
        Some(0) => {}
        Some(length) => drop(headers.insert(CONTENT_LENGTH, length.into())),
        None => drop(headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))),
    }
    request
}
