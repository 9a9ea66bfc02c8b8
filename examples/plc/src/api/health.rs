//! Whether the directory works.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Api;
use crate::store::Store;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) async fn about() -> &'static str {
    "This is a did:plc directory.\n"
}

pub(super) async fn health(State(api): State<Api>) -> Response {
    match api.read(Store::check).await {
        Ok(()) => Json(json!({ "version": VERSION })).into_response(),
        Err(_) => {
            let body = json!({ "version": VERSION, "error": "Service Unavailable" });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}
