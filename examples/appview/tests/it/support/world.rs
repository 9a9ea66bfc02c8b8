//! A PLC directory, a host of handles and a host of blobs, all on one port of loopback.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use atproto_core::{identity::DidDocument, syntax::Cid};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, task::JoinHandle};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    documents: HashMap<String, DidDocument>,
    handles: HashMap<String, String>,
    blobs: HashMap<String, Vec<u8>>,
}

pub(crate) struct World {
    url: String,
    shared: Shared,
    server: JoinHandle<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let shared = Shared::default();
        let router = Router::new()
            .route("/{did}", get(document))
            .route("/.well-known/atproto-did", get(handle))
            .route("/xrpc/com.atproto.sync.getBlob", get(blob))
            .route("/xrpc/com.atproto.sync.getRepo", get(std::future::pending::<()>))
            .with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Makes an identity known, or changes it; its handle resolves to it.
    pub(crate) fn insert(&self, document: &DidDocument) {
        let mut known = self.shared.0.lock().unwrap();
        if let Some(handle) = document.handle() {
            known.handles.insert(handle.to_string(), document.id.to_string());
        }
        known.documents.insert(document.id.to_string(), document.clone());
    }

    /// Keeps a blob, and gives it out under that CID, whatever it is.
    pub(crate) fn insert_blob(&self, cid: &Cid, bytes: &[u8]) {
        self.shared.0.lock().unwrap().blobs.insert(cid.to_string(), bytes.to_vec());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn document(State(shared): State<Shared>, Path(did): Path<String>) -> Response {
    match shared.0.lock().unwrap().documents.get(&did) {
        Some(document) => Json(document.to_json()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn handle(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let handle = host.split(':').next().unwrap_or_default();
    match shared.0.lock().unwrap().handles.get(handle) {
        Some(did) => did.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn blob(
    State(shared): State<Shared>,
    Query(params): Query<HashMap<String, String>>,
) -> Response {
    let known = shared.0.lock().unwrap();
    match params.get("cid").and_then(|cid| known.blobs.get(cid)) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}
