//! The present state of an identity.

use atproto_core::identity::plc::State as PlcState;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::{Api, registered_did};

/// The media type of DID documents.
const DID_DOCUMENT: &str = "application/did+ld+json; charset=utf-8";

pub(super) async fn document(
    State(api): State<Api>,
    Path(did): Path<String>,
) -> Result<Response, ApiError> {
    let document = state(&api, &did).await?.to_document();
    Ok(([(CONTENT_TYPE, DID_DOCUMENT)], Json(document)).into_response())
}

pub(super) async fn data(
    State(api): State<Api>,
    Path(did): Path<String>,
) -> Result<Json<PlcState>, ApiError> {
    Ok(Json(state(&api, &did).await?))
}

async fn state(api: &Api, did: &str) -> Result<PlcState, ApiError> {
    let did = registered_did(did)?;
    let wanted = did.clone();
    api.read(move |store| store.state(&wanted))
        .await?
        .ok_or_else(|| ApiError::not_registered(&did))?
        .ok_or_else(|| ApiError::tombstoned(&did))
}
