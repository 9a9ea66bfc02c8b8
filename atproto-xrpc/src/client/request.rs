use std::{fmt, sync::Arc};

use atproto_core::{
    endpoint::{Body, Procedure, Query},
    syntax::Nsid,
};
use bytes::Bytes;
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderMap, Method};
use serde::Serialize;

use super::{
    TransportError,
    transport::{Content, SendError},
};
use crate::query_string;

/// One call of a method, ready to be sent as often as it takes.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) nsid: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) content_type: String,
    pub(super) body: RequestBody,
    pub(super) accept: &'static str,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) enum RequestBody {
    None,
    Bytes(Bytes),
    Upload(Upload),
}

/// A body that is sent piece by piece, for what should not be in memory as a whole.
///
/// It is opened once for each attempt at the call, since a refused attempt may have consumed
/// some of it.
#[derive(Clone)]
pub struct Upload {
    length: Option<u64>,
    open: Arc<dyn Fn() -> BoxStream<'static, Result<Bytes, SendError>> + Send + Sync>,
}

impl Upload {
    /// A body of so many bytes, if that is known; `open` begins it anew.
    pub fn new<S, E>(length: Option<u64>, open: impl Fn() -> S + Send + Sync + 'static) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let open = move || open().map(|piece| piece.map_err(SendError::refused)).boxed();
        Self { length, open: Arc::new(open) }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("length", &self.length).finish_non_exhaustive()
    }
}

impl RequestBody {
    /// The content of one attempt. `taken` is told whenever some of it goes out.
    pub(super) fn open(&self, taken: impl Fn() + Send + 'static) -> Content {
        match self {
            Self::None => Content::empty(),
            Self::Bytes(bytes) if bytes.len() <= SLICE => Content::from(bytes.clone()),
            Self::Bytes(bytes) => {
                let length = bytes.len() as u64;
                let slices = slices(bytes.clone()).inspect(move |_| taken());
                Content::stream(Some(length), slices)
            }
            Self::Upload(upload) => {
                Content::stream(upload.length, (upload.open)().inspect(move |_| taken()))
            }
        }
    }
}

impl Request {
    /// The name of the method that is called.
    pub fn nsid(&self) -> &str {
        &self.nsid
    }

    /// `GET` for a query, `POST` for a procedure.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The headers that this call has beside those of its client.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    pub(super) fn query<Q: Query>(query: &Q) -> Result<Self, TransportError> {
        Ok(Self {
            query: encode_params(query)?,
            ..Self::bare(Method::GET, Q::NSID, accepted::<Q::Output>())
        })
    }

    pub(super) fn procedure<P: Procedure>(procedure: P) -> Result<Self, TransportError> {
        let (params, input) = procedure.into_parts();
        let (content_type, bytes) =
            input.to_bytes().map_err(|error| TransportError::Encode(error.into()))?;
        let has_body = P::Input::ENCODING.is_some();
        Ok(Self {
            query: encode_params(&params)?,
            body: if has_body { RequestBody::Bytes(bytes) } else { RequestBody::None },
            content_type,
            ..Self::bare(Method::POST, P::NSID, accepted::<P::Output>())
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
            query: encode_params(params)?,
            content_type: content_type.unwrap_or_default().to_owned(),
            body: body.map_or(RequestBody::None, RequestBody::Bytes),
            ..Self::bare(method, nsid.as_str(), "*/*")
        })
    }

    /// A procedure without parameters.
    pub(super) fn post(nsid: &str, content_type: &str, body: RequestBody) -> Self {
        let content_type = content_type.to_owned();
        Self { content_type, body, ..Self::bare(Method::POST, nsid, "*/*") }
    }

    fn bare(method: Method, nsid: &str, accept: &'static str) -> Self {
        Self {
            method,
            nsid: nsid.to_owned(),
            query: String::new(),
            headers: HeaderMap::new(),
            content_type: String::new(),
            body: RequestBody::None,
            accept,
        }
    }
}

fn encode_params(params: &impl Serialize) -> Result<String, TransportError> {
    query_string::to_string(params).map_err(|error| TransportError::Encode(error.into()))
}

/// The media type that a typed output has, for `Accept`.
fn accepted<B: Body>() -> &'static str {
    B::ENCODING.unwrap_or("*/*")
}

fn slices(mut bytes: Bytes) -> impl Stream<Item = Result<Bytes, SendError>> + Send + 'static {
    let next = move || {
        let slice = bytes.split_to(bytes.len().min(SLICE));
        (!slice.is_empty()).then_some(Ok(slice))
    };
    stream::iter(std::iter::from_fn(next))
}

/// Longer bodies are handed over in pieces of so many bytes, so that their progress is seen.
const SLICE: usize = 64 << 10;
