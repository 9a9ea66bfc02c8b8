//! `com.atproto.sync.getBlob`

use std::sync::Arc;

use atproto_core::syntax::Cid;
use atproto_lexicons::com::atproto::sync::GetBlob;
use atproto_xrpc::{XrpcError, server::Context};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use tokio_util::io::ReaderStream;

use crate::{app::App, availability::Viewer};

/// Bytes read from the disk at a time.
const CHUNK: usize = 64 * 1024;

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Viewer>,
    params: GetBlob,
) -> Result<Response, XrpcError> {
    app.readable(&params.did, &context.proof).await?;
    let store = app.store(&params.did).await?;
    let cid = params.cid;
    let blob = store.read(move |view| view.blob(&cid)).await?;
    let blob = blob.filter(|blob| blob.kept).ok_or_else(not_found)?;
    let file = match app.blobs.read(store.shard(), &cid).await {
        Ok(file) => file,
        // Its last record was deleted a moment ago.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(not_found()),
        Err(error) => return Err(XrpcError::internal(error)),
    };
    let body = Body::from_stream(ReaderStream::with_capacity(file, CHUNK));
    let headers = [
        (CONTENT_TYPE, HeaderValue::try_from(blob.mime).map_err(XrpcError::internal)?),
        (CONTENT_LENGTH, HeaderValue::from(blob.size)),
        (CONTENT_DISPOSITION, disposition(&cid)?),
    ];
    Ok((headers, GUARDS, body).into_response())
}

/// A blob is whatever its uploader wanted it to be: a browser must neither guess its type
/// nor run anything in it. Other origins may show it, which is what it is for.
const GUARDS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
    // Its bytes never change, but it can be deleted or taken down.
    (CACHE_CONTROL, HeaderValue::from_static("private, max-age=300")),
];

fn disposition(cid: &Cid) -> Result<HeaderValue, XrpcError> {
    HeaderValue::try_from(format!("attachment; filename=\"{cid}\"")).map_err(XrpcError::internal)
}

fn not_found() -> XrpcError {
    XrpcError::bad_request("BlobNotFound", "Blob not found")
}
