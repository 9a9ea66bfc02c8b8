//! Sessions against a host that issues real tokens and expires them on demand.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use atproto_core::{
    endpoint::NoErrors,
    syntax::{Did, RecordKey},
};
use atproto_xrpc::{
    PasswordSession, Session, XrpcError,
    auth::session::{Scope, SessionTokens, TokenPair},
    client::{CallError, SessionState, store::MemoryStore},
    server::{Account, AccountVerifier, Context, Credentials, Router, RouterConfig, ServeConfig},
};
use axum::{
    Json,
    extract::State,
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    directory::{alice, did},
    endpoints::{GetThing, Status, Thing},
    net::Server,
};

/// A host with one account, alice, whose password is `secret`.
struct Host {
    tokens: SessionTokens,
    current: Mutex<TokenPair>,
    refreshes: AtomicUsize,
    refresh_arrived: Notify,
    refresh_gate: tokio::sync::Mutex<()>,
    logged_out: AtomicBool,
    written: Mutex<Vec<Value>>,
}

impl Host {
    fn new() -> Arc<Self> {
        let tokens = SessionTokens::new(*b"0123456789abcdef", &did("did:web:pds.example")).unwrap();
        Arc::new(Self {
            current: Mutex::new(tokens.mint(&alice(), Scope::Access)),
            tokens,
            refreshes: AtomicUsize::new(0),
            refresh_arrived: Notify::new(),
            refresh_gate: tokio::sync::Mutex::new(()),
            logged_out: AtomicBool::new(false),
            written: Mutex::default(),
        })
    }

    async fn serve(self: &Arc<Self>) -> Server {
        let typed = Router::new(RouterConfig::default())
            .query::<GetThing, _>(Account(Arc::clone(self)), get_thing);
        let untyped = axum::Router::new()
            .route("/xrpc/com.atproto.server.createSession", post(create_session))
            .route("/xrpc/com.atproto.server.refreshSession", post(refresh_session))
            .route("/xrpc/com.atproto.server.deleteSession", post(delete_session))
            .route("/xrpc/com.atproto.repo.createRecord", post(write_record))
            .route("/xrpc/com.atproto.repo.putRecord", post(write_record))
            .route("/xrpc/com.atproto.repo.deleteRecord", post(write_record))
            .route("/xrpc/com.atproto.repo.getRecord", get(read_record))
            .route("/xrpc/com.atproto.repo.uploadBlob", post(upload_blob))
            .with_state(Arc::clone(self));
        Server::start_with(typed.into_router().merge(untyped), ServeConfig::default()).await
    }

    /// All access tokens so far have expired.
    fn expire(&self) {
        let old = self.tokens.mint_at(&alice(), Scope::Access, "old".into(), 1_000);
        self.current.lock().unwrap().access_jwt = old.access_jwt;
    }

    fn answer(&self) -> Json<Value> {
        let pair = self.current.lock().unwrap();
        Json(json!({
            "did": alice(), "handle": "alice.example", "active": true,
            "accessJwt": pair.access_jwt, "refreshJwt": pair.refresh_jwt,
        }))
    }
}

impl AccountVerifier for Host {
    type Account = Did;

    async fn verify(
        &self,
        credentials: Credentials<'_>,
        _request: &Parts,
        _nsid: &str,
    ) -> Result<Did, XrpcError> {
        let token = credentials.bearer()?;
        if token != self.current.lock().unwrap().access_jwt {
            // Whatever is not the latest is as good as expired.
            return Err(XrpcError::bad_request("ExpiredToken", "Token has expired"));
        }
        Ok(self.tokens.verify_access(token)?.sub)
    }
}

async fn get_thing(context: Context<Did>, params: GetThing) -> Result<Thing, XrpcError> {
    Ok(Thing { text: format!("{} for {}", params.actor, context.proof) })
}

async fn create_session(
    State(host): State<Arc<Host>>,
    Json(input): Json<Value>,
) -> Result<Json<Value>, XrpcError> {
    if input["password"] != "secret" {
        let message = "Invalid identifier or password";
        return Err(XrpcError::unauthorized("AuthenticationRequired", message));
    }
    if input["identifier"] == "careful.example" && input["authFactorToken"] != "1234" {
        return Err(XrpcError::unauthorized("AuthFactorTokenRequired", "A code has been sent"));
    }
    Ok(host.answer())
}

async fn refresh_session(
    State(host): State<Arc<Host>>,
    headers: HeaderMap,
) -> Result<Json<Value>, XrpcError> {
    host.refresh_arrived.notify_one();
    let _gate = host.refresh_gate.lock().await;
    host.refreshes.fetch_add(1, Ordering::Relaxed);
    let bearer = format!("Bearer {}", host.current.lock().unwrap().refresh_jwt);
    if headers["authorization"] != bearer {
        return Err(XrpcError::bad_request("ExpiredToken", "Token has been revoked"));
    }
    *host.current.lock().unwrap() = host.tokens.mint(&alice(), Scope::Access);
    Ok(host.answer())
}

async fn delete_session(State(host): State<Arc<Host>>, headers: HeaderMap, body: Bytes) {
    let bearer = format!("Bearer {}", host.current.lock().unwrap().refresh_jwt);
    let proper = headers["authorization"] == bearer && body.is_empty();
    host.logged_out.store(proper, Ordering::Relaxed);
}

async fn write_record(State(host): State<Arc<Host>>, Json(input): Json<Value>) -> Json<Value> {
    host.written.lock().unwrap().push(input);
    Json(json!({
        "uri": "at://did:web:alice.example/org.example.status/3jzfcijpj2z2a",
        "cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
    }))
}

async fn read_record() -> Json<Value> {
    Json(json!({ "value": { "$type": "org.example.status", "status": "fine" } }))
}

async fn upload_blob(headers: HeaderMap, body: Bytes) -> Json<Value> {
    Json(json!({ "blob": {
        "$type": "blob", "mimeType": headers["content-type"].to_str().unwrap(), "size": body.len(),
        "ref": { "$link": "bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy" },
    } }))
}

async fn login(server: &Server) -> PasswordSession {
    server.client().login("alice.example", "secret").await.unwrap()
}

fn thing() -> GetThing {
    GetThing { actor: "x".into(), ..GetThing::default() }
}

#[tokio::test]
async fn login_and_call() {
    let server = Host::new().serve().await;
    let session = login(&server).await;
    assert_eq!((session.did(), session.handle().as_str()), (alice(), "alice.example"));
    let thing = session.call(thing()).await.unwrap();
    assert_eq!(thing.text, "x for did:web:alice.example");
    let leaks = format!("{session:?} {:?}", session.state());
    assert!(!leaks.contains(&session.state().refresh_jwt));
}

#[tokio::test]
async fn ls_007_a_login_that_fails_says_why() {
    let server = Host::new().serve().await;
    let client = server.client();
    let name = |error: CallError<NoErrors>| error.name().unwrap_or_default().to_owned();
    let wrong = client.login("alice.example", "wrong").await.unwrap_err();
    assert_eq!(name(wrong), "AuthenticationRequired");
    let second = client.login("careful.example", "secret").await.unwrap_err();
    assert_eq!(name(second), "AuthFactorTokenRequired");
    client.login_with_code("careful.example", "secret", "1234").await.unwrap();
}

#[tokio::test]
async fn sixty_four_calls_make_one_refresh() {
    let host = Host::new();
    let server = host.serve().await;
    let session = login(&server).await;
    let mut changes = session.changes();
    host.expire();
    let calls = (0..64).map(|_| session.call(thing()));
    for result in futures::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(host.refreshes.load(Ordering::Relaxed), 1);
    changes.changed().await.unwrap();
    let kept = changes.borrow().clone();
    assert!(kept == session.state());
    assert_eq!(kept.refresh_jwt, host.current.lock().unwrap().refresh_jwt);
}

#[tokio::test]
async fn a_refresh_outlives_the_call_that_began_it() {
    let host = Host::new();
    let server = host.serve().await;
    let session = login(&server).await;
    host.expire();
    let held = host.refresh_gate.lock().await;
    let caller = session.clone();
    let call = tokio::spawn(async move { caller.call(thing()).await });
    host.refresh_arrived.notified().await;
    call.abort();
    drop(held);
    session.call(thing()).await.unwrap();
    assert_eq!(host.refreshes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_session_is_kept_and_resumed() {
    let host = Host::new();
    let server = host.serve().await;
    let json = serde_json::to_string(&login(&server).await.state()).unwrap();
    host.expire();
    let state: SessionState = serde_json::from_str(&json).unwrap();
    let session = server.client().resume(state);
    session.call(thing()).await.unwrap();
    assert_eq!(host.refreshes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_ended_session_is_an_error() {
    let host = Host::new();
    let server = host.serve().await;
    let session = login(&server).await;
    // Somebody else has refreshed: both our tokens are used up.
    *host.current.lock().unwrap() = host.tokens.mint(&alice(), Scope::Access);
    let error = session.call(thing()).await.unwrap_err();
    assert_eq!(error.name(), Some("ExpiredToken"));
}

#[tokio::test]
async fn logout_revokes_with_the_refresh_token() {
    let host = Host::new();
    let server = host.serve().await;
    login(&server).await.logout().await.unwrap();
    assert!(host.logged_out.load(Ordering::Relaxed));
}

#[tokio::test]
async fn records_are_written_and_read() {
    let host = Host::new();
    let server = host.serve().await;
    let session = login(&server).await;
    let (status, key) = (Status { status: "fine".into() }, RecordKey::new("self").unwrap());
    let written = session.create(&status).await.unwrap();
    assert_eq!(written.uri.collection().unwrap().as_str(), "org.example.status");
    session.create_at(&key, &status).await.unwrap();
    session.put(&key, &status).await.unwrap();
    session.delete::<Status>(&key).await.unwrap();
    assert_eq!(session.get::<Status>(&key).await.unwrap(), status);

    let record = json!({ "$type": "org.example.status", "status": "fine" });
    let whose = |mut input: Value| {
        input["repo"] = json!("did:web:alice.example");
        input["collection"] = json!("org.example.status");
        input
    };
    let expected = [
        whose(json!({ "record": record })),
        whose(json!({ "rkey": "self", "record": record })),
        whose(json!({ "rkey": "self", "record": record })),
        whose(json!({ "rkey": "self" })),
    ];
    assert_eq!(*host.written.lock().unwrap(), expected);

    let blob = session.upload_blob("image/png", vec![0; 7]).await.unwrap();
    assert_eq!((blob.mime_type(), blob.size()), ("image/png", Some(7)));
}

#[tokio::test]
async fn a_store_gets_the_new_tokens_and_gives_them_to_others() {
    let host = Host::new();
    let server = host.serve().await;
    let store = Arc::new(MemoryStore::default());
    let session = login(&server).await.keep_in(store.clone()).await.unwrap();
    let twin = server.client().restore(store.clone(), &alice()).await.unwrap().unwrap();
    host.expire();
    let calls = (0..64).map(|turn| if turn % 2 == 0 { &session } else { &twin }.call(thing()));
    for result in futures::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(host.refreshes.load(Ordering::Relaxed), 1);
    assert!(session.state() == twin.state());
    let kept = server.client().restore(store.clone(), &alice()).await.unwrap().unwrap();
    assert!(kept.state() == session.state());
    session.logout().await.unwrap();
    assert!(server.client().restore(store, &alice()).await.unwrap().is_none());
    let CallError::Session(error) = twin.refresh().await.unwrap_err() else { panic!() };
    assert!(error.is_over(), "{error}");
}
