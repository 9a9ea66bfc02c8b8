//! HTTP, as the public directory speaks it.
//!
//! | Request | Answer |
//! |---|---|
//! | `POST /{did}` | accepts an operation |
//! | `GET /{did}` | the DID document |
//! | `GET /{did}/data` | the state with its rotation keys |
//! | `GET /{did}/log` | the operations in force |
//! | `GET /{did}/log/last` | the newest of them |
//! | `GET /{did}/log/audit` | all operations with times and marks |
//! | `GET /export` | operations of all identities, as JSON lines |
//! | `GET /export/stream` | the same as a WebSocket: what is new, after a cursor |
//! | `GET /_health` | the version, if the store answers |
//!
//! Errors are `{"message": …}`: 400 for what is refused, 404 for an identity that is not
//! known or has ended.

mod did;
mod error;
mod export;
mod health;
mod log;
mod stream;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use atproto_core::syntax::Did;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, header};
use axum::middleware;
use axum::routing::get;
use tokio::sync::Semaphore;
use tower_http::cors::{Any, CorsLayer};
use tower_http::timeout::TimeoutLayer;

use crate::directory::Directory;
use crate::store::{Store, StoreError};
use error::ApiError;

/// The longest request body in bytes. Ours: the largest operation as JSON in which every
/// character is escaped still fits.
const MAX_BODY: usize = 100 << 10;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What requests use the store at the same time, in shares; others wait. Ours: a full page of
/// the largest operations is some 50 MB, so that four exports at most are made at once.
const SHARES: usize = 32;
const SHARES_OF_EXPORT: u32 = 8;

/// Export streams at the same time; more are refused. Ours.
const STREAMS: usize = 256;

/// The routes over a directory.
pub fn router(directory: Arc<Directory>) -> Router {
    submit::describe();
    let state = Api {
        directory,
        store_uses: Arc::new(Semaphore::new(SHARES)),
        streams: Arc::new(Semaphore::new(STREAMS)),
    };
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE]);
    Router::new()
        .route("/", get(health::about))
        .route("/_health", get(health::health))
        .route("/export", get(export::export))
        .route("/export/stream", get(stream::stream))
        .route("/{did}", get(did::document).post(submit::submit))
        .route("/{did}/data", get(did::data))
        .route("/{did}/log", get(log::log))
        .route("/{did}/log/last", get(log::last))
        .route("/{did}/log/audit", get(log::audit))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIMEOUT))
        .layer(cors)
        .layer(middleware::from_fn(service_kit::http::observe))
        .with_state(state)
}

/// What every handler has.
#[derive(Clone)]
struct Api {
    directory: Arc<Directory>,
    store_uses: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Api {
    /// Does blocking work on the directory, away from the threads that serve.
    async fn blocking<T, E>(
        &self,
        shares: u32,
        work: impl FnOnce(&Directory) -> Result<T, E> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Send + 'static,
        ApiError: From<E>,
    {
        let taken = Arc::clone(&self.store_uses).acquire_many_owned(shares).await;
        let directory = Arc::clone(&self.directory);
        let done = tokio::task::spawn_blocking(move || {
            // The shares go along: work that the client has given up on still counts.
            let _taken = taken;
            work(&directory)
        });
        Ok(done.await.map_err(ApiError::internal)??)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.blocking(1, move |directory| read(directory.store())).await
    }
}

/// The DID in a path. What is no DID cannot be registered.
fn registered_did(text: &str) -> Result<Did, ApiError> {
    Did::new(text).map_err(|_| ApiError::not_registered(text))
}
