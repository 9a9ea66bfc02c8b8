//! A server in this process, and accounts on it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use atproto_core::{
    crypto::{Curve, PublicKey, SecretKey, Signer},
    identity::{DidDocument, ResolveError, Resolver},
    syntax::{Datetime, Did, Handle},
};
use atproto_xrpc::{
    auth::session::Scope,
    server::{ServeConfig, serve},
};
use clap::Parser;
use futures::future::BoxFuture;
use pds::{
    accounts::{Account, Status},
    api,
    app::App,
    config::Config,
};
use serde_json::{Value, json};
use service_kit::Shutdown;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

/// A running server.
pub(crate) struct Pds {
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    shutdown: Shutdown,
    server: JoinHandle<()>,
}

impl Pds {
    /// Starts a server on a fresh directory.
    pub(crate) async fn start() -> (Self, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Self::start_on(dir.path(), &[]).await, dir)
    }

    /// Starts a server on a directory, with more options.
    pub(crate) async fn start_on(data: &Path, options: &[&str]) -> Self {
        // Another test of this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data = data.to_str().unwrap();
        let args = ["pds", "--data", data, "--admin-password", "admin-secret"];
        let config = Config::parse_from(args.iter().chain(options));
        let app = App::open_with(config, Arc::new(Names::default())).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(app, listener)
    }

    /// Serves what has been opened.
    pub(crate) fn serve(app: Arc<App>, listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = Shutdown::default();
        let router = api::router(&app, &shutdown);
        let signal = shutdown.clone();
        let server = tokio::spawn(async move {
            let ended = async move { signal.requested().await };
            serve(listener, router, ServeConfig::default(), ended).await.unwrap();
        });
        Self { app, url, http: reqwest::Client::new(), shutdown, server }
    }

    /// Adds an active account with a repository.
    pub(crate) async fn account(&self, name: &str) -> User<'_> {
        let (account, key) = new_account(name);
        self.app.accounts.add(account.clone(), Arc::clone(&key)).await.unwrap();
        self.app.create_repo(&account).await.unwrap();
        self.user(account.did, key.public_key()).await
    }

    /// An account that was made before.
    pub(crate) async fn user(&self, did: Did, key: PublicKey) -> User<'_> {
        let token = self.app.begin_session(&did, Scope::Access, None).await.unwrap().access_jwt;
        User { pds: self, did, key, token }
    }

    /// Calls a query without credentials.
    pub(crate) async fn get(&self, method: &str, params: &[(&str, &str)]) -> Answer {
        let request = self.http.get(format!("{}/xrpc/{method}", self.url)).query(params);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Calls a query and gives back the bytes of its answer.
    pub(crate) async fn bytes(&self, method: &str, params: &[(&str, &str)]) -> Vec<u8> {
        let request = self.http.get(format!("{}/xrpc/{method}", self.url)).query(params);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{method}");
        response.bytes().await.unwrap().to_vec()
    }

    /// Ends the server and waits until its files are closed.
    pub(crate) async fn stop(self) {
        self.shutdown.request();
        self.server.await.unwrap();
        self.app.close().await;
    }
}

/// An account and its owner's credentials.
pub(crate) struct User<'p> {
    pub(crate) pds: &'p Pds,
    pub(crate) did: Did,
    pub(crate) key: PublicKey,
    pub(crate) token: String,
}

impl User<'_> {
    /// Calls a procedure.
    pub(crate) async fn post(&self, method: &str, body: Value) -> Answer {
        let url = format!("{}/xrpc/{method}", self.pds.url);
        let request = self.pds.http.post(url).bearer_auth(&self.token).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Calls a query with the account's credentials.
    pub(crate) async fn get(&self, method: &str, params: &[(&str, &str)]) -> Answer {
        let url = format!("{}/xrpc/{method}", self.pds.url);
        let request = self.pds.http.get(url).bearer_auth(&self.token).query(params);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Creates a post.
    pub(crate) async fn create(&self, text: &str) -> Answer {
        self.post("com.atproto.repo.createRecord", self.new_post(text)).await
    }

    /// The input that creates a post.
    pub(crate) fn new_post(&self, text: &str) -> Value {
        json!({ "repo": self.did, "collection": "app.bsky.feed.post", "record": post(text) })
    }

    /// Uploads a blob.
    pub(crate) async fn upload(&self, mime: &str, bytes: Vec<u8>) -> Answer {
        self.post_bytes("com.atproto.repo.uploadBlob", mime, bytes).await
    }

    /// Calls a procedure whose input is not JSON.
    pub(crate) async fn post_bytes(&self, method: &str, mime: &str, bytes: Vec<u8>) -> Answer {
        let url = format!("{}/xrpc/{method}", self.pds.url);
        let request = self.pds.http.post(url).bearer_auth(&self.token);
        let request = request.header("content-type", mime).body(bytes);
        Answer::of(request.send().await.unwrap()).await
    }

    /// The head of the repository as others see it.
    pub(crate) async fn head(&self) -> Value {
        let did = self.did.as_str();
        self.pds.get("com.atproto.sync.getLatestCommit", &[("did", did)]).await.ok()
    }
}

/// A status and a JSON body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, body }
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Status and name of a refusal.
    #[track_caller]
    pub(crate) fn error(self) -> (u16, String) {
        assert_ne!(self.status, 200, "{}", self.body);
        assert!(self.body["message"].is_string(), "{}", self.body);
        (self.status, self.body["error"].as_str().expect("an error has a name").to_owned())
    }
}

/// A post as JSON.
pub(crate) fn post(text: &str) -> Value {
    json!({
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": "2026-01-01T00:00:00.000Z",
    })
}

/// The last part of an answer's `uri`.
pub(crate) fn rkey(answer: &Value) -> String {
    let uri = answer["uri"].as_str().expect("an answer with a uri");
    uri.rsplit('/').next().unwrap().to_owned()
}

/// An account that is not stored yet. Its DID follows from its name.
pub(crate) fn new_account(name: &str) -> (Account, Arc<SecretKey>) {
    let account = Account {
        did: Did::new(format!("did:web:{name}.example")).unwrap(),
        handle: Some(Handle::new(format!("{name}.test")).unwrap()),
        email: None,
        password_hash: None,
        status: Status::Active,
        created_at: Datetime::now(),
    };
    (account, Arc::new(SecretKey::generate(Curve::K256)))
}

/// Identities without a network: every did:web under `example` has a handle under `test`.
#[derive(Default)]
struct Names(Mutex<HashMap<Did, Arc<DidDocument>>>);

impl Resolver for Names {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        let mut known = self.0.lock().unwrap();
        let document = known.entry(did.clone()).or_insert_with(|| {
            let name = did.as_str().trim_start_matches("did:web:").trim_end_matches(".example");
            let handle = Handle::new(format!("{name}.test")).unwrap();
            Arc::new(DidDocument::new(did.clone()).with_handle(&handle))
        });
        let document = Arc::clone(document);
        Box::pin(async move { Ok(document) })
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        let name = handle.as_str().trim_end_matches(".test");
        let did = Did::new(format!("did:web:{name}.example")).unwrap();
        Box::pin(async move { Ok(did) })
    }

    fn purge(&self, did: &Did) {
        self.0.lock().unwrap().remove(did);
    }
}
