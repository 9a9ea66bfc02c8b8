use atproto_core::endpoint::Query;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use serde::Deserialize;

use super::{CallError, Client, TransportError, send::Outgoing};
use crate::query_string;

/// The part of an answer that every paged query has.
#[derive(Deserialize)]
struct Page {
    cursor: Option<String>,
}

struct Walk<Q> {
    client: Client,
    query: Q,
    cursor: Option<String>,
    done: bool,
}

/// The pages of a query. Only `cursor` changes between requests, as the specification asks;
/// the last page is the one without a cursor.
pub(super) fn pages<Q: Query>(
    client: Client,
    query: Q,
) -> BoxStream<'static, Result<Q::Output, CallError<Q::Error>>> {
    let walk = Walk { client, query, cursor: None, done: false };
    try_unfold(walk, Walk::step).boxed()
}

impl<Q: Query> Walk<Q> {
    async fn step(mut self) -> Result<Option<(Q::Output, Self)>, CallError<Q::Error>> {
        if self.done {
            return Ok(None);
        }
        let mut outgoing = Outgoing::query(&self.query)?;
        if let Some(cursor) = &self.cursor {
            outgoing.query = query_string::with_value(&outgoing.query, "cursor", cursor);
        }
        let response = self.client.execute(&outgoing, None).await.map_err(CallError::of)?;
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
