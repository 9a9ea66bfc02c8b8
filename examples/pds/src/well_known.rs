//! What the server answers outside of XRPC.

use std::sync::Arc;

use atproto_core::{identity::DidDocument, syntax::Handle};
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderMap, StatusCode,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, HOST},
};
use serde_json::{Value, json};

use crate::{accounts::Status, app::App};

/// The routes, to be merged with those of XRPC.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/robots.txt", get(robots))
        .route("/xrpc/_health", get(health))
        .route("/.well-known/atproto-did", get(atproto_did))
        .route("/.well-known/did.json", get(did_document))
        .with_state(Arc::clone(app))
}

async fn home(State(app): State<Arc<App>>) -> String {
    format!(
        "This is an AT Protocol Personal Data Server (PDS).\n\n\
         Its methods are below {}/xrpc/\n",
        app.config.public_url()
    )
}

/// Everything here is public and made for programs.
async fn robots() -> &'static str {
    "User-agent: *\nAllow: /\n"
}

async fn health() -> Json<Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}

/// The DID of the account whose handle is the host name that was asked for.
async fn atproto_did(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let not_found = || (StatusCode::NOT_FOUND, "User not found").into_response();
    let Some(handle) = asked_for(&headers) else { return not_found() };
    let account = match app.accounts.by_handle(&handle).await {
        Ok(account) => account,
        Err(error) => {
            tracing::error!(%error, "a handle could not be looked up");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let shown = [Status::Active, Status::Deactivated];
    match account.filter(|account| shown.contains(&account.status)) {
        Some(account) => {
            ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], account.did.as_str().to_owned()).into_response()
        }
        None => not_found(),
    }
}

/// The document of the server's own DID.
async fn did_document(State(app): State<Arc<App>>) -> Response {
    let document = DidDocument::new(app.service_did.clone()).with_service(
        "atproto_pds",
        "AtprotoPersonalDataServer",
        &app.config.public_url(),
    );
    ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], Json(document.to_json())).into_response()
}

fn asked_for(headers: &HeaderMap) -> Option<Handle> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let name = host.split_once(':').map_or(host, |(name, _port)| name);
    Handle::new(name).ok()
}
