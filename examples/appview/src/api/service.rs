//! What the service says of itself.

use std::sync::Arc;

use atproto_core::identity::DidDocument;
use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::app::{App, SERVICE};

pub(super) async fn banner() -> &'static str {
    "This is an AT Protocol AppView for app.bsky.\n\nMost of its API is under /xrpc/.\n"
}

pub(super) async fn health() -> Json<Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}

/// The document of this service's did:web, by which others find it.
pub(super) async fn did_document(State(app): State<Arc<App>>) -> Json<Value> {
    let document = DidDocument::new(app.did.clone()).with_service(
        &format!("#{SERVICE}"),
        "BskyAppView",
        &app.public_url,
    );
    Json(document.to_json())
}
