//! `com.atproto.sync.getRecord`: a record with the proof that it is there, or the proof
//! that it is not.

use std::sync::Arc;

use atproto_lexicons::com::atproto::sync::GetRecord;
use atproto_repo::{RepoPath, repo};
use atproto_xrpc::{XrpcError, server::Context};
use axum::response::Response;

use crate::{app::App, availability::Viewer, store::View};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Viewer>,
    params: GetRecord,
) -> Result<Response, XrpcError> {
    app.readable(&params.did, &context.proof).await?;
    let store = app.store(&params.did).await?;
    let path = RepoPath::new(params.collection, params.rkey);
    let car = store.read(move |view| proof(view, &path)).await?;
    Ok(super::car(car))
}

fn proof(view: &View<'_>, path: &RepoPath) -> Result<Vec<u8>, XrpcError> {
    let head = view.head()?.ok_or_else(|| {
        XrpcError::bad_request("RepoNotFound", "The repository has no commit yet")
    })?;
    repo::record_proof(view, &head, path).map_err(XrpcError::internal)
}
