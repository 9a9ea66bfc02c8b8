//! Accepting operations.

use atproto_core::identity::plc::SignedOperation;
use atproto_core::syntax::Did;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use metrics::{counter, describe_counter};

use super::Api;
use super::error::ApiError;

/// Counts operations by `outcome`: `accepted` or `refused`.
const OPERATIONS: &str = "plc_operations_total";

/// Names the metric and sets its series to zero, so that an increase is seen from the first on.
pub(super) fn describe() {
    describe_counter!(OPERATIONS, "Operations submitted, by outcome.");
    for outcome in ["accepted", "refused"] {
        counter!(OPERATIONS, "outcome" => outcome).absolute(0);
    }
}

pub(super) async fn submit(
    State(api): State<Api>,
    Path(did): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<&'static str, ApiError> {
    let result = accept(&api, &did, body).await;
    let outcome = if result.is_ok() { "accepted" } else { "refused" };
    counter!(OPERATIONS, "outcome" => outcome).increment(1);
    // The reference server's answer is this word, not JSON.
    result.map(|()| "OK")
}

async fn accept(api: &Api, did: &str, body: Result<Bytes, BytesRejection>) -> Result<(), ApiError> {
    let body = body.map_err(|error| ApiError::with_status(error.status(), error.body_text()))?;
    let did =
        Did::new(did).map_err(|error| ApiError::bad_request(format!("Not a DID: {error}")))?;
    let operation = SignedOperation::from_json(&body)
        .map_err(|error| ApiError::bad_request(format!("Not a valid operation: {error}")))?;
    api.blocking(1, move |directory| directory.submit(&did, &operation)).await
}
