use atproto_core::{
    data::{Map, Value, json},
    endpoint::JSON,
    syntax::Nsid,
};
use bytes::Bytes;
use http::Method;

use super::{RawResponse, Request, TransportError, Upload, request::RequestBody};
use crate::media_type;

/// A call of a method that no type is known for.
#[derive(Debug, Clone)]
pub struct Untyped {
    method: Method,
    nsid: Nsid,
    params: Value,
    content_type: String,
    body: RequestBody,
}

/// The answer to a call that no type is known for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum UntypedOutput {
    /// JSON, as a value of the data model.
    Value(Value),
    /// Something else.
    Bytes {
        /// The media type as the server gives it, empty without one.
        content_type: String,
        /// The body, complete.
        bytes: Bytes,
    },
}

impl Untyped {
    /// A query without parameters.
    pub fn query(nsid: Nsid) -> Self {
        Self::new(Method::GET, nsid)
    }

    /// A procedure without parameters and input.
    pub fn procedure(nsid: Nsid) -> Self {
        Self::new(Method::POST, nsid)
    }

    /// The same call with parameters: an object of numbers, booleans, strings, and lists of
    /// them.
    #[must_use]
    pub fn params(mut self, params: Value) -> Self {
        self.params = params;
        self
    }

    /// The same call with an input as JSON.
    #[must_use]
    pub fn input(self, input: &Value) -> Self {
        self.body(JSON, json::encode(input))
    }

    /// The same call with an input of another media type.
    #[must_use]
    pub fn body(mut self, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.content_type = content_type.to_owned();
        self.body = RequestBody::Bytes(bytes.into());
        self
    }

    /// The same call with an input that is sent piece by piece.
    #[must_use]
    pub fn upload(mut self, content_type: &str, upload: Upload) -> Self {
        self.content_type = content_type.to_owned();
        self.body = RequestBody::Upload(upload);
        self
    }

    fn new(method: Method, nsid: Nsid) -> Self {
        let params = Value::Map(Map::default());
        Self { method, nsid, params, content_type: String::new(), body: RequestBody::None }
    }

    pub(super) fn into_request(self) -> Result<Request, TransportError> {
        let mut request = Request::raw(self.method, &self.nsid, &self.params, None)?;
        request.content_type = self.content_type;
        request.body = self.body;
        Ok(request)
    }
}

impl UntypedOutput {
    /// The value, if the answer is JSON.
    pub fn value(&self) -> Result<&Value, TransportError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Bytes { content_type, .. } => {
                Err(TransportError::ContentType { got: content_type.clone(), expected: JSON })
            }
        }
    }

    pub(super) fn read(response: RawResponse) -> Result<Self, TransportError> {
        if !media_type::admits(JSON, response.content_type()) {
            let content_type = response.content_type().to_owned();
            return Ok(Self::Bytes { content_type, bytes: response.body });
        }
        json::decode(&response.body).map(Self::Value).map_err(TransportError::Value)
    }
}
