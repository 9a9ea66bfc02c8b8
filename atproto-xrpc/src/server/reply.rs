use axum::response::{IntoResponse, Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, WWW_AUTHENTICATE},
};

use atproto_core::endpoint::{Body, JSON};

use crate::XrpcError;

/// A typed answer with response headers beside it, such as `atproto-repo-rev`.
///
/// Handlers that set no headers return the output itself.
#[derive(Debug, Clone)]
pub struct Reply<T> {
    output: T,
    headers: HeaderMap,
}

impl<T> Reply<T> {
    /// An answer without headers of its own.
    pub fn new(output: T) -> Self {
        Self { output, headers: HeaderMap::new() }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl<T: Body> Reply<T> {
    /// The response, once `check` has seen the media type and the bytes.
    pub(super) fn into_response(
        self,
        check: impl FnOnce(&str, &[u8]) -> Result<(), XrpcError>,
    ) -> Result<Response, XrpcError> {
        let (content_type, bytes) = self.output.to_bytes().map_err(XrpcError::internal)?;
        check(&content_type, &bytes)?;
        let mut response = Response::new(axum::body::Body::from(bytes));
        let value = match content_type.as_str() {
            // An endpoint without output, which says nothing.
            "" => None,
            JSON => Some(HeaderValue::from_static(JSON)),
            other => Some(HeaderValue::try_from(other).map_err(XrpcError::internal)?),
        };
        if let Some(value) = value {
            response.headers_mut().insert(CONTENT_TYPE, value);
        }
        response.headers_mut().extend(self.headers);
        Ok(response)
    }
}

impl<T> From<T> for Reply<T> {
    fn from(output: T) -> Self {
        Self::new(output)
    }
}

impl IntoResponse for XrpcError {
    fn into_response(self) -> Response {
        let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut response = (self.status, json, self.to_json()).into_response();
        if let Some(headers) = self.headers() {
            let own = headers.iter().filter(|(name, _)| *name != CONTENT_TYPE);
            for (name, value) in own {
                response.headers_mut().append(name, value.clone());
            }
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = response.headers_mut().entry(WWW_AUTHENTICATE);
            challenge.or_insert(HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(ErrorName(self.error));
        response
    }
}

/// The name of the error that a response carries, for spans and metrics of layers above.
#[derive(Debug, Clone)]
pub(super) struct ErrorName(pub(super) String);
