//! `com.atproto.repo.importRepo`

use std::sync::Arc;

use atproto_core::{endpoint::NoParams, syntax::Did};
use atproto_repo::repo::{self, VerifiedRepo};
use atproto_xrpc::{XrpcError, server::Context};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;

use crate::{
    app::{App, now_micros},
    auth::Caller,
};

/// How far ahead of this server's clock an imported revision may be: what the
/// specification allows consumers to tolerate.
const FUTURE_MICROS: u64 = 5 * 60 * 1_000_000;
/// Imports at one time: each holds its archive in memory.
static SEATS: Semaphore = Semaphore::const_new(2);

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    _params: NoParams,
    body: Body,
) -> Result<(), XrpcError> {
    let did = context.proof.did;
    if !app.config.accepting_repo_imports {
        return Err(XrpcError::invalid_request("Service is not accepting repo imports"));
    }
    let _seat = SEATS.try_acquire().map_err(|_| XrpcError::unavailable("other imports run"))?;
    let archive = collect(body, app.config.max_repo_import_size).await?;
    let store = app.store(&did).await?;
    let key = app.signing_key(&did).await?;
    store
        .write(move |edit| {
            let repo = verify(archive, edit.did())?;
            Ok::<_, XrpcError>(edit.import(&repo, key.as_ref(), now_micros())?)
        })
        .await?;
    Ok(())
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, XrpcError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(XrpcError::payload_too_large()),
        Err(error) => Err(XrpcError::invalid_request(error.to_string())),
    }
}

/// Checks everything but the signature, which is by a key that the account may have left
/// behind already.
fn verify(archive: Bytes, did: &Did) -> Result<VerifiedRepo, XrpcError> {
    let repo = repo::verify(archive, None)
        .map_err(|error| XrpcError::invalid_request(format!("Not a repository: {error}")))?;
    if repo.did != *did {
        return Err(XrpcError::invalid_request(format!("The repository is of {}", repo.did)));
    }
    if repo.head.rev.micros() > now_micros().saturating_add(FUTURE_MICROS) {
        return Err(XrpcError::invalid_request("The repository's revision is in the future"));
    }
    Ok(repo)
}
