//! The operations of an identity.

use atproto_core::identity::plc::{AuditEntry, SignedOperation};
use axum::Json;
use axum::extract::{Path, State};

use super::error::ApiError;
use super::{Api, registered_did};
use crate::store::StoredOperation;

pub(super) async fn log(
    State(api): State<Api>,
    Path(did): Path<String>,
) -> Result<Json<Vec<SignedOperation>>, ApiError> {
    let operations = operations(&api, &did).await?.into_iter();
    Ok(Json(operations.filter(|stored| !stored.nullified).map(|stored| stored.operation).collect()))
}

pub(super) async fn audit(
    State(api): State<Api>,
    Path(did): Path<String>,
) -> Result<Json<Vec<AuditEntry>>, ApiError> {
    let operations = operations(&api, &did).await?.into_iter();
    Ok(Json(operations.map(StoredOperation::into_audit_entry).collect()))
}

pub(super) async fn last(
    State(api): State<Api>,
    Path(did): Path<String>,
) -> Result<Json<SignedOperation>, ApiError> {
    let did = registered_did(&did)?;
    let wanted = did.clone();
    let newest = api.read(move |store| store.newest(&wanted)).await?;
    newest.map(Json).ok_or_else(|| ApiError::not_registered(&did))
}

async fn operations(api: &Api, did: &str) -> Result<Vec<StoredOperation>, ApiError> {
    let did = registered_did(did)?;
    let wanted = did.clone();
    let operations = api.read(move |store| store.log(&wanted)).await?;
    if operations.is_empty() { Err(ApiError::not_registered(&did)) } else { Ok(operations) }
}
