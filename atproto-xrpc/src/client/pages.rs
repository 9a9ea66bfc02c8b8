use std::future::Future;

use atproto_core::endpoint::Query;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use serde::Deserialize;

use super::{CallError, RawResponse, Request, RequestError, TransportError};
use crate::query_string;

/// The part of an answer that every paged query has.
#[derive(Deserialize)]
struct Page {
    cursor: Option<String>,
}

struct Walk<Q, F> {
    query: Q,
    send: F,
    cursor: Option<String>,
    done: bool,
}

/// The pages of a query. Only `cursor` changes between requests, as the specification asks;
/// the last page is the one without a cursor.
pub(super) fn pages<Q, F, A>(
    query: Q,
    send: F,
) -> BoxStream<'static, Result<Q::Output, CallError<Q::Error>>>
where
    Q: Query,
    F: Fn(Request) -> A + Send + 'static,
    A: Future<Output = Result<RawResponse, RequestError>> + Send + 'static,
{
    let walk = Walk { query, send, cursor: None, done: false };
    try_unfold(walk, Walk::step).boxed()
}

impl<Q, F, A> Walk<Q, F>
where
    Q: Query,
    F: Fn(Request) -> A,
    A: Future<Output = Result<RawResponse, RequestError>>,
{
    async fn step(mut self) -> Result<Option<(Q::Output, Self)>, CallError<Q::Error>> {
        if self.done {
            return Ok(None);
        }
        let mut request = Request::query(&self.query)?;
        if let Some(cursor) = &self.cursor {
            request.query = query_string::with_value(&request.query, "cursor", cursor);
        }
        let response = (self.send)(request).await.map_err(CallError::of)?;
        let page: Option<Page> = serde_json::from_slice(&response.body).ok();
        let next = page.and_then(|page| page.cursor).filter(|cursor| !cursor.is_empty());
        let output = response.decode()?;
        if let Some(cursor) = next.as_ref().filter(|next| self.cursor.as_ref() == Some(next)) {
            return Err(TransportError::RepeatedCursor(cursor.clone()).into());
        }
        self.done = next.is_none();
        self.cursor = next;
        Ok(Some((output, self)))
    }
}
