//! `com.atproto.sync.*`: repositories, blobs and their changes for other services, one
//! endpoint a file.

mod export;
mod get_blob;
mod get_blocks;
mod get_latest_commit;
mod get_record;
mod get_repo;
mod get_repo_status;
mod list_blobs;
mod list_repos;
mod subscribe_repos;

use std::sync::Arc;

use atproto_lexicons::com::atproto::sync::{
    GetBlob, GetBlocks, GetLatestCommit, GetRecord, GetRepo, GetRepoStatus, ListBlobs, ListRepos,
    SubscribeRepos,
};
use atproto_xrpc::server::{Public, Router};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header::CONTENT_TYPE};

use crate::{api::with, app::App, auth::ViewerPolicy};

/// The media type of CAR files.
const CAR: HeaderValue = HeaderValue::from_static(atproto_repo::car::MEDIA_TYPE);

/// Adds the namespace's endpoints.
pub(crate) fn routes(router: Router, app: &Arc<App>) -> Router {
    let viewer = || ViewerPolicy::new(app);
    router
        .raw_query::<GetBlob, _>(viewer(), with(app, get_blob::handle))
        .raw_query::<GetBlocks, _>(viewer(), with(app, get_blocks::handle))
        .raw_query::<GetRecord, _>(viewer(), with(app, get_record::handle))
        .raw_query::<GetRepo, _>(viewer(), with(app, get_repo::handle))
        .query::<GetLatestCommit, _>(viewer(), with(app, get_latest_commit::handle))
        .query::<ListBlobs, _>(viewer(), with(app, list_blobs::handle))
        .query::<GetRepoStatus, _>(Public, with(app, get_repo_status::handle))
        .query::<ListRepos, _>(Public, with(app, list_repos::handle))
        .subscription::<SubscribeRepos, _>(Public, with(app, subscribe_repos::handle))
}

/// A CAR that is in memory.
fn car(bytes: impl Into<Bytes>) -> Response {
    ([(CONTENT_TYPE, CAR)], bytes.into()).into_response()
}
