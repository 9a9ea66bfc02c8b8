//! `com.atproto.sync.listBlobs`

use std::sync::Arc;

use atproto_lexicons::com::atproto::sync::{ListBlobs, ListBlobsOutput};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{app::App, availability::Viewer, page};

/// The lexicon's largest page.
const MAX_PAGE: i64 = 1000;

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Viewer>,
    params: ListBlobs,
) -> Result<ListBlobsOutput, XrpcError> {
    app.readable(&params.did, &context.proof).await?;
    let limit = page::limit(params.limit, MAX_PAGE);
    let cursor = page::cid_cursor(params.cursor.as_deref())?;
    let store = app.store(&params.did).await?;
    let cids = store.read(move |view| view.blobs(params.since, cursor, limit)).await?;
    let cursor = cids.last().filter(|_| cids.len() == limit).map(ToString::to_string);
    let mut output = ListBlobsOutput::new(cids);
    output.cursor = cursor;
    Ok(output)
}
