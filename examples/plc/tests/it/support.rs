//! A directory on a port of its own, under a clock that the test moves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ::plc::directory::{Directory, RateLimits};
use ::plc::store::Store;
use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::identity::plc::{self, Operation, SignedOperation};
use atproto_core::identity::{PlcClient, SafeClient, SafeClientConfig, tls};
use atproto_core::syntax::{Did, Handle};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const HOUR: i64 = 60 * 60 * 1000;

/// The time at which each test begins, in milliseconds.
pub(crate) const START: i64 = 1_700_000_000_000;

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) client: PlcClient,
    pub(crate) data: Arc<TempDir>,
    http: reqwest::Client,
    clock: Arc<AtomicI64>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_limits(RateLimits::default()).await
    }

    pub(crate) async fn with_limits(limits: RateLimits) -> Self {
        Self::open(Arc::new(tempfile::tempdir().unwrap()), limits).await
    }

    /// Opens a directory on data that may be there already.
    pub(crate) async fn open(data: Arc<TempDir>, limits: RateLimits) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let shown = Arc::clone(&clock);
        let directory = Directory::new(Store::open(data.path()).unwrap(), limits)
            .with_clock(Arc::new(move || shown.load(Ordering::SeqCst)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(::plc::serve(Arc::new(directory), listener, std::future::pending()));
        let safe = SafeClient::new(SafeClientConfig::default().allow_loopback(true)).unwrap();
        let http =
            reqwest::Client::builder().tls_backend_preconfigured(tls::client_config()).build();
        Self { client: PlcClient::new(&url, safe), url, data, http: http.unwrap(), clock }
    }

    pub(crate) fn set_time(&self, millis: i64) {
        self.clock.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The header of an answer.
    pub(crate) async fn header(&self, path: &str, name: &str) -> String {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        response.headers()[name].to_str().unwrap().to_owned()
    }

    pub(crate) async fn post(&self, did: &Did, body: impl Into<reqwest::Body>) -> (u16, String) {
        let request = self.http.post(format!("{}/{did}", self.url));
        let request = request.header("content-type", "application/json").body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Posts an operation; the message of the refusal, or nothing.
    pub(crate) async fn submit(&self, did: &Did, operation: &SignedOperation) -> Option<String> {
        let (status, body) = self.post(did, serde_json::to_string(operation).unwrap()).await;
        if status == 200 {
            assert_eq!(body, "OK");
            return None;
        }
        assert_eq!(status, 400, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        Some(body["message"].as_str().unwrap().to_owned())
    }

    /// Registers an identity.
    pub(crate) async fn register(&self, name: &str) -> Account {
        let account = Account::new(name);
        assert_eq!(self.submit(&account.did, &account.genesis).await, None);
        account
    }
}

/// An identity with two rotation keys; the second one signs the day-to-day operations.
pub(crate) struct Account {
    pub(crate) recovery: SecretKey,
    pub(crate) rotation: SecretKey,
    pub(crate) did: Did,
    pub(crate) genesis: SignedOperation,
}

impl Account {
    pub(crate) fn new(name: &str) -> Self {
        let recovery = SecretKey::generate(Curve::P256);
        let rotation = SecretKey::generate(Curve::K256);
        let signing = SecretKey::generate(Curve::K256).public_key();
        let operation = Operation::account(
            &[recovery.public_key(), rotation.public_key()],
            &signing,
            &Handle::new(name).unwrap(),
            "https://pds.example.com",
        );
        let (did, genesis) = plc::create(operation, &rotation).unwrap();
        Self { recovery, rotation, did, genesis }
    }
}

/// An operation that follows another one and changes the handle.
pub(crate) fn update(prev: &SignedOperation, name: &str, key: &SecretKey) -> SignedOperation {
    let mut operation = prev.successor().unwrap();
    operation.set_handle(&Handle::new(name).unwrap());
    operation.sign(key).unwrap()
}

/// The folder of shared test data, or `None` where there is none to test with. In
/// continuous integration its absence is a failure.
pub(crate) fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("ATPROTO_SHARED").map(PathBuf::from);
    if path.is_none() {
        assert!(std::env::var_os("CI").is_none(), "ATPROTO_SHARED is not set");
        eprintln!("skipped: ATPROTO_SHARED is not set");
    }
    path
}
