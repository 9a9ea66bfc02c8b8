//! `com.atproto.repo.uploadBlob`

use std::sync::Arc;

use atproto_core::{data::BlobRef, endpoint::NoParams};
use atproto_lexicons::com::atproto::repo::UploadBlobOutput;
use atproto_xrpc::{XrpcError, server::Context};
use axum::{Json, body::Body};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use crate::{
    app::{App, now_micros},
    auth::Caller,
    blobs::Upload,
    database::DatabaseError,
    store::{ActorStore, Edit},
};

/// The type of a blob whose type nobody knows.
const UNKNOWN: &str = "application/octet-stream";
/// How long an upload waits for a record that refers to it. The blob specification asks
/// for an hour at least and advises several.
const GRACE_MICROS: u64 = 6 * 3600 * 1_000_000;

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    _params: NoParams,
    body: Body,
) -> Result<Json<UploadBlobOutput>, XrpcError> {
    let store = app.store(&context.proof.did).await?;
    let declared = match context.header(CONTENT_LENGTH.as_str()) {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| XrpcError::invalid_request("Content-Length is not a number"))?,
        ),
    };
    let mime = declared_type(context.header(CONTENT_TYPE.as_str()));
    context.proof.may_upload(&mime)?;
    let limit = app.config.blob_upload_limit;
    let upload = app.blobs.receive(body.into_data_stream(), declared, limit).await?;
    let mime = upload.mime.map_or(mime, ToOwned::to_owned);
    let blob = keep(&app, store, upload, mime).await?;
    Ok(Json(UploadBlobOutput::new(blob)))
}

/// Gives the upload its place and its row. The bytes are durable before the row is.
async fn keep(
    app: &App,
    store: Arc<ActorStore>,
    upload: Upload,
    mime: String,
) -> Result<BlobRef, XrpcError> {
    let (blobs, shard, quota) = (app.blobs.clone(), store.shard().clone(), app.config.blob_quota);
    store
        .write(move |edit| {
            let (cid, size) = (upload.cid, upload.size);
            edit.expire_blobs(now_micros().saturating_sub(GRACE_MICROS))?;
            let known = edit.blob(&cid)?;
            if known.is_none() {
                check_quota(edit, size, quota)?;
                blobs.keep(&shard, &upload).map_err(DatabaseError::from)?;
            }
            edit.add_blob(&cid, &mime, size, now_micros())?;
            // Uploading again changes nothing, the type that was noted included.
            let mime = known.map_or(mime, |blob| blob.mime);
            BlobRef::new(cid, mime, size).map_err(XrpcError::internal)
        })
        .await
}

fn check_quota(edit: &Edit<'_>, size: u64, quota: u64) -> Result<(), XrpcError> {
    if edit.blob_bytes()?.saturating_add(size) > quota {
        let message = format!("blobs of one account are limited to {quota} bytes together");
        return Err(XrpcError::bad_request("BlobQuotaExceeded", message));
    }
    Ok(())
}

/// The type as the client declares it, if it has the form of one.
fn declared_type(header: Option<&str>) -> String {
    let essence = header.and_then(|value| value.split(';').next()).map(str::trim);
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    essence
        .filter(|essence| essence.len() <= 127)
        .filter(|essence| essence.split_once('/').is_some_and(|(a, b)| token(a) && token(b)))
        .map_or_else(|| UNKNOWN.to_owned(), str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::declared_type;

    #[test]
    fn declared_types_are_reduced_to_their_essence() {
        assert_eq!(declared_type(Some("Image/PNG; q=1")), "image/png");
        for wrong in [None, Some(""), Some("image"), Some("*/*"), Some("a/b\u{7f}")] {
            assert_eq!(declared_type(wrong), "application/octet-stream");
        }
    }
}
