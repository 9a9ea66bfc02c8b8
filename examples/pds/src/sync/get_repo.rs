//! `com.atproto.sync.getRepo`

use std::sync::Arc;

use atproto_lexicons::com::atproto::sync::GetRepo;
use atproto_xrpc::{XrpcError, server::Context};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::header::CONTENT_TYPE;

use super::export;
use crate::{app::App, availability::Viewer};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Viewer>,
    params: GetRepo,
) -> Result<Response, XrpcError> {
    app.readable(&params.did, &context.proof).await?;
    let seat = Arc::clone(&app.exports)
        .try_acquire_owned()
        .map_err(|_| XrpcError::unavailable("too many repositories are being sent"))?;
    let store = app.store(&params.did).await?;
    let chunks = export::start(store, params.since, seat).await?;
    Ok(([(CONTENT_TYPE, super::CAR)], Body::from_stream(chunks)).into_response())
}
