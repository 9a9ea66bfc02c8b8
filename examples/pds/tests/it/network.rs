//! The other services of a small network, in this process: a directory of identities and a
//! service that requests are passed on to.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use atproto_core::{
    identity::plc::{SignedOperation, State as Identity, did_of_genesis},
    syntax::Did,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as Parameter, State},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use clap::Parser;
use http::{HeaderMap, Method, StatusCode, Uri};
use pds::{app::App, config::Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{Answer, Pds};

/// A directory that believes everything, and counts.
#[derive(Clone, Default)]
pub(crate) struct Directory {
    operations: Arc<Mutex<HashMap<String, Vec<SignedOperation>>>>,
    /// Answered instead of 200 after an operation was stored; 0 is for 200.
    after: Arc<AtomicU16>,
    /// Answered before an operation is stored; 0 is for going on.
    before: Arc<AtomicU16>,
}

impl Directory {
    /// Starts a directory and gives its URL.
    pub(crate) async fn start() -> (Self, String) {
        let directory = Self::default();
        let router = Router::new()
            .route("/{did}", get(document).post(submit))
            .route("/{did}/log/last", get(last))
            .with_state(directory.clone());
        (directory, listen(router).await)
    }

    /// Refuses operations with this status from now on; 0 ends that.
    pub(crate) fn refuse(&self, status: u16) {
        self.before.store(status, Ordering::SeqCst);
    }

    /// Loses the answers to operations from now on, after it did them; 0 ends that.
    pub(crate) fn lose_answers(&self, status: u16) {
        self.after.store(status, Ordering::SeqCst);
    }

    /// How many operations there are for each identity.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.operations.lock().unwrap().values().map(Vec::len).collect()
    }

    /// The operations of an identity.
    pub(crate) fn log(&self, did: &str) -> Vec<SignedOperation> {
        self.operations.lock().unwrap().get(did).cloned().unwrap_or_default()
    }

    /// Stores an operation as if it had been submitted.
    pub(crate) fn insert(&self, did: &Did, operation: SignedOperation) {
        let mut operations = self.operations.lock().unwrap();
        operations.entry(did.to_string()).or_default().push(operation);
    }

    /// All identities that have not ended.
    pub(crate) fn alive(&self) -> Vec<String> {
        let operations = self.operations.lock().unwrap();
        let alive = operations.iter().filter(|(_, log)| !log.last().unwrap().is_tombstone());
        alive.map(|(did, _)| did.clone()).collect()
    }
}

async fn submit(
    State(directory): State<Directory>,
    Parameter(did): Parameter<String>,
    body: Bytes,
) -> Response {
    if let Some(refusal) = status(&directory.before) {
        return (refusal, Json(json!({ "message": "refused" }))).into_response();
    }
    let operation = SignedOperation::from_json(&body).unwrap();
    if operation.prev().is_none() {
        assert_eq!(did_of_genesis(&operation).as_str(), did);
    }
    directory.operations.lock().unwrap().entry(did).or_default().push(operation);
    status(&directory.after).unwrap_or(StatusCode::OK).into_response()
}

async fn last(State(directory): State<Directory>, Parameter(did): Parameter<String>) -> Response {
    match directory.log(&did).pop() {
        Some(operation) => Json(operation).into_response(),
        None => not_registered(),
    }
}

async fn document(
    State(directory): State<Directory>,
    Parameter(did): Parameter<String>,
) -> Response {
    let Some(operation) = directory.log(&did).pop() else { return not_registered() };
    let Some(operation) = operation.operation() else { return StatusCode::GONE.into_response() };
    let identity = Identity::new(Did::new(&did).unwrap(), operation);
    Json(identity.to_document().to_json()).into_response()
}

fn not_registered() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "message": "DID not registered" }))).into_response()
}

fn status(cell: &AtomicU16) -> Option<StatusCode> {
    StatusCode::from_u16(cell.load(Ordering::SeqCst)).ok()
}

/// A request as a service saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A service that answers everything and remembers what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Service {
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Service {
    /// Starts a service and gives its URL.
    pub(crate) async fn start() -> (Self, String) {
        let service = Self::default();
        let router = Router::new().fallback(any(answer)).with_state(service.clone());
        (service, listen(router).await)
    }

    /// What it was asked, so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    State(service): State<Service>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let failing = uri.path().ends_with("getFailure");
    let refusing = uri.path().ends_with("getRefusal");
    service.seen.lock().unwrap().push(Seen { method, uri, headers, body });
    let extra = [("atproto-repo-rev", "3k"), ("set-cookie", "a=b"), ("x-secret", "c")];
    match (failing, refusing) {
        (true, _) => (StatusCode::INTERNAL_SERVER_ERROR, "secret trace").into_response(),
        (_, true) => {
            let body = json!({ "error": "BlockedActor", "message": "no" });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
        _ => (extra, Json(json!({ "from": "the service" }))).into_response(),
    }
}

async fn listen(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Starts a server that has its identities in a directory.
pub(crate) async fn pds(data: &Path, directory: &str, options: &[&str]) -> Pds {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let data = data.to_str().unwrap();
    let args = [
        "pds",
        "--data",
        data,
        "--admin-password",
        "admin-secret",
        "--dev-mode",
        "--port",
        &port,
        "--plc-url",
        directory,
    ];
    let app = App::open(Config::parse_from(args.iter().chain(options))).await.unwrap();
    Pds::serve(app, listener)
}

/// The input that makes an account.
pub(crate) fn wish(name: &str) -> Value {
    json!({
        "handle": format!("{name}.test"),
        "email": format!("{name}@example.com"),
        "password": format!("password of {name}"),
    })
}

impl Pds {
    /// Calls a procedure without credentials.
    pub(crate) async fn post(&self, method: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}/xrpc/{method}", self.url)).json(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Calls a procedure with a token; `None` sends no body.
    pub(crate) async fn post_as(&self, token: &str, method: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.post(format!("{}/xrpc/{method}", self.url)).bearer_auth(token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Calls a query with a token.
    pub(crate) async fn get_as(
        &self,
        token: &str,
        method: &str,
        params: &[(&str, &str)],
    ) -> Answer {
        let url = format!("{}/xrpc/{method}", self.url);
        let request = self.http.get(url).bearer_auth(token).query(params);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Calls a procedure as the operator.
    pub(crate) async fn post_as_admin(&self, method: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}/xrpc/{method}", self.url)).json(body);
        let request = request.basic_auth("admin", Some("admin-secret"));
        Answer::of(request.send().await.unwrap()).await
    }

    /// Calls a query as the operator.
    pub(crate) async fn get_as_admin(&self, method: &str, params: &[(&str, &str)]) -> Answer {
        let request = self.http.get(format!("{}/xrpc/{method}", self.url)).query(params);
        let request = request.basic_auth("admin", Some("admin-secret"));
        Answer::of(request.send().await.unwrap()).await
    }

    /// Makes an account as a client does.
    pub(crate) async fn sign_up(&self, name: &str) -> Value {
        self.post("com.atproto.server.createAccount", &wish(name)).await.ok()
    }

    /// Logs in.
    pub(crate) async fn log_in(&self, identifier: &str, password: &str) -> Answer {
        let input = json!({ "identifier": identifier, "password": password });
        self.post("com.atproto.server.createSession", &input).await
    }
}

/// A field of an answer, as text.
#[track_caller]
pub(crate) fn text<'v>(answer: &'v Value, field: &str) -> &'v str {
    answer[field].as_str().unwrap_or_else(|| panic!("{field} in {answer}"))
}
