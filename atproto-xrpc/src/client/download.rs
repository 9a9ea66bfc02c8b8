use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http::{HeaderMap, header::CONTENT_TYPE};

use super::{TransportError, transport::Content};

/// An answer that arrives piece by piece: a repository, a blob. How much of it is read is
/// the reader's to limit; not reading holds up the server.
pub struct Download {
    headers: HeaderMap,
    length: Option<u64>,
    chunks: BoxStream<'static, Result<Bytes, TransportError>>,
}

impl Download {
    pub(super) fn new(response: http::Response<Content>) -> Self {
        let (head, content) = response.into_parts();
        Self {
            headers: head.headers,
            length: content.length(),
            chunks: content.into_stream().map(|chunk| Ok(chunk?)).boxed(),
        }
    }

    /// The answer's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The media type as the server gives it.
    pub fn content_type(&self) -> Option<&str> {
        self.headers.get(CONTENT_TYPE)?.to_str().ok()
    }

    /// The length that the server announces, if it does.
    pub fn length(&self) -> Option<u64> {
        self.length
    }
}

impl Stream for Download {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").field("length", &self.length).finish_non_exhaustive()
    }
}
