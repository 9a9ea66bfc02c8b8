//! Errors as the public directory words them: clients match on some of these texts.

use atproto_core::identity::plc::OperationError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::directory::Rejection;
use crate::store::StoreError;

/// A status and a message.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// For an identity that has no operations.
    pub(super) fn not_registered(did: impl std::fmt::Display) -> Self {
        let message = format!("DID not registered: {did}");
        Self { status: StatusCode::NOT_FOUND, message }
    }

    /// For an identity that has ended.
    pub(super) fn tombstoned(did: impl std::fmt::Display) -> Self {
        let message = format!("DID not available: {did}");
        Self { status: StatusCode::NOT_FOUND, message }
    }

    pub(super) fn with_status(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// For failures of ours; what exactly failed goes into the log alone.
    pub(super) fn internal(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        tracing::error!(error.message = %format_args!("{error:#}"), "request failed");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, message: "Internal Server Error".to_owned() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "message": self.message }))).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Operation(error) => Self::bad_request(operation_message(&error)),
            Rejection::Store(error) => Self::internal(error),
            rejection => Self::bad_request(capitalized(&rejection.to_string())),
        }
    }
}

pub(super) async fn not_found() -> ApiError {
    ApiError::with_status(StatusCode::NOT_FOUND, "Not Found")
}

pub(super) async fn method_not_allowed() -> ApiError {
    ApiError::with_status(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}

fn operation_message(error: &OperationError) -> String {
    match error {
        OperationError::LateRecovery { elapsed_micros } => format!(
            "Recovery operation occurred outside of the allowed 72 hr recovery window. \
             Time lapsed: {}",
            elapsed_micros / 1000
        ),
        OperationError::Signature(problem) => format!("Invalid signature on op: {problem}"),
        error => capitalized(&error.to_string()),
    }
}

fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}
