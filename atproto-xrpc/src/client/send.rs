use atproto_core::{
    endpoint::{Body, ErrorSet, Procedure, Query},
    syntax::Nsid,
};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde::Serialize;
use tracing::Instrument;

use super::{CallError, Client, RequestError, TransportError, accepted};
use crate::{XrpcError, media_type, query_string};

/// Ours: an error answer is a line of JSON; a proxy's page may be longer and is cut.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// A request, ready to be sent as often as it takes.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub(super) method: Method,
    pub(super) nsid: String,
    pub(super) query: String,
    pub(super) content_type: String,
    pub(super) body: Option<Bytes>,
    pub(super) accept: &'static str,
}

impl Outgoing {
    pub(super) fn query<Q: Query>(query: &Q) -> Result<Self, TransportError> {
        Ok(Self {
            method: Method::GET,
            nsid: Q::NSID.to_owned(),
            query: encode_params(query)?,
            content_type: String::new(),
            body: None,
            accept: accepted::<Q::Output>(),
        })
    }

    pub(super) fn procedure<P: Procedure>(procedure: P) -> Result<Self, TransportError> {
        let (params, input) = procedure.into_parts();
        let (content_type, bytes) =
            input.to_bytes().map_err(|error| TransportError::Encode(error.into()))?;
        Ok(Self {
            method: Method::POST,
            nsid: P::NSID.to_owned(),
            query: encode_params(&params)?,
            body: P::Input::ENCODING.map(|_| bytes),
            content_type,
            accept: accepted::<P::Output>(),
        })
    }

    pub(super) fn raw(
        method: Method,
        nsid: &Nsid,
        params: &impl Serialize,
        body: Option<(&str, Bytes)>,
    ) -> Result<Self, TransportError> {
        let (content_type, body) = body.unzip();
        Ok(Self {
            method,
            nsid: nsid.as_str().to_owned(),
            query: encode_params(params)?,
            content_type: content_type.unwrap_or_default().to_owned(),
            body,
            accept: "*/*",
        })
    }
}

fn encode_params(params: &impl Serialize) -> Result<String, TransportError> {
    query_string::to_string(params).map_err(|error| TransportError::Encode(error.into()))
}

/// An answer that is not an error.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawResponse {
    /// The status, 200 as a rule.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, complete.
    pub body: Bytes,
}

impl RawResponse {
    /// The body as a typed output, if it has the media type that the output declares.
    pub(super) fn decode<B: Body, E: ErrorSet>(self) -> Result<B, CallError<E>> {
        let Some(expected) = B::ENCODING else {
            // Some servers send `{}` where nothing is declared; nobody will miss it.
            return B::from_bytes("", Bytes::new())
                .map_err(|error| TransportError::from(error).into());
        };
        let got = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let got = got.unwrap_or_default();
        if !media_type::admits(expected, got) {
            return Err(TransportError::ContentType { got: got.to_owned(), expected }.into());
        }
        B::from_bytes(got, self.body).map_err(|error| TransportError::from(error).into())
    }
}

impl Client {
    /// Sends until there is an answer or the retry policy gives up, and reads it whole.
    pub(super) async fn execute(
        &self,
        outgoing: &Outgoing,
        token: Option<&str>,
    ) -> Result<RawResponse, RequestError> {
        let response = self.open(outgoing, token).await?;
        Ok(self.read(response).await?)
    }

    /// Reads an answer whole, up to the client's limit.
    pub(super) async fn read(
        &self,
        response: reqwest::Response,
    ) -> Result<RawResponse, TransportError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response, self.inner.max_response).await?;
        Ok(RawResponse { status, headers, body })
    }

    /// As [`execute`](Self::execute), with the body unread.
    pub(super) async fn open(
        &self,
        outgoing: &Outgoing,
        token: Option<&str>,
    ) -> Result<reqwest::Response, RequestError> {
        let Outgoing { method, nsid, .. } = outgoing;
        let span = tracing::info_span!(
            "xrpc",
            otel.name = format_args!("xrpc {nsid}"),
            otel.kind = "client",
            http.request.method = %method,
            server.address = self.inner.base.host_str(),
            xrpc.method = nsid,
        );
        self.attempt_all(outgoing, token).instrument(span).await
    }

    async fn attempt_all(
        &self,
        outgoing: &Outgoing,
        token: Option<&str>,
    ) -> Result<reqwest::Response, RequestError> {
        let idempotent = outgoing.method != Method::POST;
        self.inner.budget.deposit();
        for attempt in 1.. {
            let error = match self.attempt(outgoing, token).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let wait = self.inner.retry.wait_after(&error, attempt, idempotent);
            match wait.filter(|_| self.inner.budget.withdraw()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
        unreachable!("the retry policy bounds the attempts")
    }

    async fn attempt(
        &self,
        outgoing: &Outgoing,
        token: Option<&str>,
    ) -> Result<reqwest::Response, RequestError> {
        let request = self.request(outgoing, token)?;
        let response = self.inner.http.execute(request).await.map_err(TransportError::from)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_up_to(response, MAX_ERROR_BODY).await;
        Err(XrpcError::from_response(status, &headers, &body).into())
    }

    fn request(
        &self,
        outgoing: &Outgoing,
        token: Option<&str>,
    ) -> Result<reqwest::Request, TransportError> {
        let mut url = self.inner.base.clone();
        url.set_path(&format!("/xrpc/{}", outgoing.nsid));
        url.set_query((!outgoing.query.is_empty()).then_some(outgoing.query.as_str()));
        let mut request = reqwest::Request::new(outgoing.method.clone(), url);
        let encode = |error: http::header::InvalidHeaderValue| TransportError::Encode(error.into());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(outgoing.accept));
        headers.extend(self.headers.clone());
        if !outgoing.content_type.is_empty() {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_str(&outgoing.content_type).map_err(encode)?,
            );
        }
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(encode)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        *request.body_mut() = outgoing.body.clone().map(Into::into);
        Ok(request)
    }
}

async fn read(mut response: reqwest::Response, limit: usize) -> Result<Bytes, TransportError> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(TransportError::TooLarge { limit });
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > limit - body.len() {
            return Err(TransportError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads what comes of an error page: what it says beyond the limit, or after the connection
/// broke, would not change the error.
async fn read_up_to(mut response: reqwest::Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == limit {
            break;
        }
    }
    body
}
