//! What is not XRPC: the front page and the health of the service.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::app::App;

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/_health", get(health))
        .route("/xrpc/_health", get(health))
        .with_state(app)
}

async fn front(State(app): State<Arc<App>>) -> String {
    let stats = app.producer.stats();
    format!(
        "This is an AT Protocol relay.\n\n\
         Its stream is at /xrpc/com.atproto.sync.subscribeRepos and has come to {}.\n\
         Hosts: /xrpc/com.atproto.sync.listHosts\n\
         A host is added with POST /xrpc/com.atproto.sync.requestCrawl.\n",
        stats.last_seq
    )
}

async fn health(State(app): State<Arc<App>>) -> Response {
    match app.store.applied().await {
        Ok(_) => Json(json!({ "version": env!("CARGO_PKG_VERSION") })).into_response(),
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            let body = Json(json!({ "version": env!("CARGO_PKG_VERSION"), "error": "store" }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}
