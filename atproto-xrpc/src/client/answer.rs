use atproto_core::{
    endpoint::{Body, ErrorSet},
    syntax::Tid,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};

use super::{CallError, RateLimit, TransportError};
use crate::media_type;

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

/// A typed answer, and what came with it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer<T> {
    /// What the endpoint declares.
    pub output: T,
    /// The headers.
    pub headers: HeaderMap,
}

impl<T> Answer<T> {
    /// `Atproto-Repo-Rev`: the revision of the account's repository that the answer knows of
    /// ([specification](https://atproto.com/specs/sync)). `None` also where it is no TID.
    pub fn repo_rev(&self) -> Option<Tid> {
        Tid::new(text(&self.headers, "atproto-repo-rev")?).ok()
    }

    /// `Atproto-Content-Labelers`: whose labels the answer considers, as the server wrote it.
    pub fn content_labelers(&self) -> Option<&str> {
        text(&self.headers, "atproto-content-labelers")
    }

    /// What is left of the caller's quota, if the server says so.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::read(&self.headers)
    }
}

impl RawResponse {
    /// The media type as the server gives it, empty without one.
    pub fn content_type(&self) -> &str {
        self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as a typed output, if it has the media type that the output declares.
    pub(super) fn decode<B: Body, E: ErrorSet>(self) -> Result<B, CallError<E>> {
        self.typed().map(|answer| answer.output)
    }

    pub(super) fn typed<B: Body, E: ErrorSet>(self) -> Result<Answer<B>, CallError<E>> {
        let got = self.content_type();
        let output = match B::ENCODING {
            // Some servers send `{}` where nothing is declared; nobody will miss it.
            None => B::from_bytes("", Bytes::new()),
            Some(expected) if media_type::admits(expected, got) => {
                B::from_bytes(got, self.body.clone())
            }
            Some(expected) => {
                return Err(TransportError::ContentType { got: got.to_owned(), expected }.into());
            }
        };
        let output = output.map_err(TransportError::from)?;
        Ok(Answer { output, headers: self.headers })
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
