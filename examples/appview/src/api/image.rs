//! Blobs as images, fetched from the host of their account.
//!
//! What a blob claims to be is not believed: only what its first bytes show to be an image is
//! passed on, under headers that keep a browser from taking it for anything else.

use std::{sync::Arc, time::Duration};

use atproto_core::{
    identity::safe_client::FetchLimits,
    syntax::{Cid, Did},
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use tokio::sync::Semaphore;

use crate::{app::App, query::actor};

/// The largest blob that is passed on: twice what the reference PDS takes by default.
const MAX_BYTES: usize = 10 * 1024 * 1024;
/// Blobs fetched at one time; ours: it bounds the memory that they take to 320 MiB.
const CONCURRENCY: usize = 32;
static FETCHES: Semaphore = Semaphore::const_new(CONCURRENCY);
/// How long a host may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// `GET /img/{did}/{cid}`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path((did, cid)): Path<(String, String)>,
) -> Response {
    let (Ok(did), Ok(cid)) = (did.parse::<Did>(), cid.parse::<Cid>()) else {
        return (StatusCode::BAD_REQUEST, "not a DID and a CID").into_response();
    };
    match fetch(&app, &did, cid).await {
        Ok(Some((kind, bytes))) => {
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, bytes).into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, "no such image").into_response(),
        Err(error) => {
            tracing::debug!(%did, %cid, error.message = %error, "image not fetched");
            (StatusCode::BAD_GATEWAY, "the image's host does not answer").into_response()
        }
    }
}

/// The kind and bytes of an image of an active account.
async fn fetch(
    app: &App,
    did: &Did,
    cid: Cid,
) -> anyhow::Result<Option<(&'static str, bytes::Bytes)>> {
    let text = did.to_string();
    let active = app
        .store
        .read(move |tx| Ok(actor::by_did(tx, &text)?.is_some_and(|actor| actor.status.is_none())))
        .await?;
    if !active {
        return Ok(None);
    }
    let _permit = FETCHES.acquire().await?;
    let document = app.resolver.did(did).await?;
    let Some(host) = document.pds_endpoint() else { return Ok(None) };
    let url = format!("{host}/xrpc/com.atproto.sync.getBlob?did={did}&cid={cid}");
    let limits = FetchLimits::new(MAX_BYTES, DEADLINE);
    let fetched = app.client.get(&url, &limits).await?;
    // The host is not believed either: the address is the hash.
    let genuine = fetched.status.is_success() && cid.matches(&fetched.body);
    Ok(kind(&fetched.body).filter(|_| genuine).map(|kind| (kind, fetched.body)))
}

/// The image type that the first bytes show.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 4] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
    ];
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some("image/webp");
    }
    kinds.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn images_are_known_by_their_first_bytes() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(kind(b"RIFF\x10\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(kind(b"<svg onload=alert(1)>"), None);
        assert_eq!(kind(b""), None);
    }
}
