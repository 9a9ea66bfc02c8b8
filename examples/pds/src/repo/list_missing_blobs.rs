//! `com.atproto.repo.listMissingBlobs`

use std::sync::Arc;

use atproto_core::syntax::Cid;
use atproto_lexicons::com::atproto::repo::{
    ListMissingBlobs, ListMissingBlobsOutput, list_missing_blobs::RecordBlob,
};
use atproto_xrpc::{XrpcError, server::Context};

use super::uri;
use crate::{app::App, auth::Caller, page};

/// The lexicon's largest page.
const MAX_PAGE: i64 = 1000;

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    params: ListMissingBlobs,
) -> Result<ListMissingBlobsOutput, XrpcError> {
    let did = &context.proof.did;
    let limit = page::limit(params.limit, MAX_PAGE);
    let cursor = page::cid_cursor(params.cursor.as_deref())?;
    let store = app.store(did).await?;
    let missing = store.read(move |view| view.missing_blobs(cursor, limit)).await?;
    let last: Option<Cid> = missing.last().map(|(cid, ..)| *cid);
    let full = missing.len() == limit;
    let blobs = missing
        .into_iter()
        .map(|(cid, collection, rkey)| RecordBlob::new(cid, uri(did, &collection, &rkey)))
        .collect();
    let mut output = ListMissingBlobsOutput::new(blobs);
    output.cursor = last.filter(|_| full).map(|cid| cid.to_string());
    Ok(output)
}
