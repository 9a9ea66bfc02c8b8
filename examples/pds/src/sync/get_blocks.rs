//! `com.atproto.sync.getBlocks`

use std::sync::Arc;

use atproto_core::syntax::Cid;
use atproto_lexicons::com::atproto::sync::GetBlocks;
use atproto_repo::car;
use atproto_xrpc::{XrpcError, server::Context};
use axum::response::Response;
use bytes::Bytes;

use crate::{app::App, availability::Viewer, store::View};

/// Blocks of one answer together, in bytes. Ours: ten of the largest ones.
const MAX_BYTES: usize = 10_000_000;

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Viewer>,
    params: GetBlocks,
) -> Result<Response, XrpcError> {
    app.readable(&params.did, &context.proof).await?;
    let store = app.store(&params.did).await?;
    let blocks = store.read(move |view| collect(view, &params.cids)).await?;
    let (root, _) = blocks.first().ok_or_else(|| XrpcError::invalid_request("No cids"))?;
    Ok(super::car(car::write(root, blocks.iter().map(|(cid, block)| (cid, block)))))
}

fn collect(view: &View<'_>, cids: &[Cid]) -> Result<Vec<(Cid, Bytes)>, XrpcError> {
    let mut total = 0;
    let mut missing = Vec::new();
    let mut blocks = Vec::with_capacity(cids.len());
    for cid in cids {
        match view.block(cid)? {
            Some(block) => {
                total += block.len();
                blocks.push((*cid, block));
            }
            None => missing.push(cid.to_string()),
        }
        if total > MAX_BYTES {
            let message = format!("blocks of one answer are limited to {MAX_BYTES} bytes");
            return Err(XrpcError::invalid_request(message));
        }
    }
    if missing.is_empty() {
        return Ok(blocks);
    }
    let message = format!("Could not find cids: {}", missing.join(", "));
    Err(XrpcError::bad_request("BlockNotFound", message))
}
