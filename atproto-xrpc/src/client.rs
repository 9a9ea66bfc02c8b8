//! Calling endpoints by type.
//!
//! ```no_run
//! # use atproto_core::endpoint::{NoErrors, Query};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize)] struct ListRepos { cursor: Option<String> }
//! # #[derive(Serialize, Deserialize)] struct ListReposOutput { repos: Vec<String> }
//! # atproto_core::json_body!(ListReposOutput);
//! # impl Query for ListRepos {
//! #     const NSID: &'static str = "com.atproto.sync.listRepos";
//! #     type Output = ListReposOutput;
//! #     type Error = NoErrors;
//! # }
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use atproto_xrpc::Client;
//! use futures::TryStreamExt;
//!
//! let client = Client::new("https://pds.example")?;
//! let first = client.call(ListRepos { cursor: None }).await?;
//! let mut pages = client.pages(ListRepos { cursor: None });
//! while let Some(page) = pages.try_next().await? {
//!     println!("{}", page.repos.len());
//! }
//!
//! let session = client.login("alice.example", "app-pass-word-1234").await?;
//! println!("{} at {}", session.did(), session.client().url());
//! # Ok(()) }
//! ```
//!
//! Queries that fail for want of an answer are tried again under a [`RetryPolicy`];
//! procedures only if the server cannot have acted on them. Dropping a call's future
//! cancels it.

mod builder;
mod call;
mod download;
mod error;
mod pages;
mod retry;
mod send;
mod session;
pub mod subscribe;

#[cfg(feature = "server")]
pub(crate) use builder::is_loopback;
pub use builder::{BuildError, ClientBuilder};
pub use call::{Call, kind};
pub use download::Download;
pub use error::{CallError, RequestError, TransportError};
pub use retry::RetryPolicy;
pub use send::RawResponse;
pub use session::{CommitMeta, Session, SessionState, Written};

use std::sync::Arc;

use atproto_core::{
    endpoint::{Body, NoErrors, Procedure, Query, Subscription},
    syntax::{Did, Nsid},
};
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use url::Url;

use crate::query_string;
use retry::RetryBudget;
use send::Outgoing;
use subscribe::{FrameStream, SubscribeError, SubscribeOptions};

/// Calls the endpoints of one service. Cloning is cheap and shares connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
    headers: HeaderMap,
}

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    tls: Arc<rustls::ClientConfig>,
    base: Url,
    retry: RetryPolicy,
    budget: RetryBudget,
    max_response: usize,
}

impl Client {
    /// A client of the service at this URL, with the defaults of [`ClientBuilder`].
    pub fn new(url: &str) -> Result<Self, BuildError> {
        Self::builder().build(url)
    }

    /// Options for a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The service's origin.
    pub fn url(&self) -> &str {
        self.inner.base.as_str().trim_end_matches('/')
    }

    /// The same client at another service.
    pub(crate) fn at(&self, base: Url) -> Self {
        let Inner { http, tls, retry, max_response, .. } = &*self.inner;
        let inner = Inner {
            http: http.clone(),
            tls: Arc::clone(tls),
            base,
            retry: retry.clone(),
            budget: RetryBudget::default(),
            max_response: *max_response,
        };
        Self { inner: Arc::new(inner), headers: self.headers.clone() }
    }

    /// A client that sends this header with every request.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A client whose requests the service passes on to another: `atproto-proxy`.
    ///
    /// `service_id` is the fragment in the other service's DID document, `bsky_appview`.
    #[must_use]
    pub fn with_proxy(self, service: &Did, service_id: &str) -> Self {
        let target = format!("{service}#{}", service_id.trim_start_matches('#'));
        match HeaderValue::try_from(target) {
            Ok(value) => self.with_header(HeaderName::from_static("atproto-proxy"), value),
            // A service id with control characters names no service; the call says so.
            Err(_) => self.with_header(
                HeaderName::from_static("atproto-proxy"),
                HeaderValue::from_static("#"),
            ),
        }
    }

    /// Calls a query or a procedure.
    pub async fn call<K, C: Call<K>>(&self, call: C) -> Result<C::Output, CallError<C::Error>> {
        let outgoing = call.into_outgoing().map_err(CallError::from)?;
        let response = self.execute(&outgoing, None).await.map_err(CallError::of)?;
        response.decode()
    }

    /// Calls a query.
    pub async fn query<Q: Query>(&self, query: Q) -> Result<Q::Output, CallError<Q::Error>> {
        self.call(query).await
    }

    /// Calls a procedure.
    pub async fn procedure<P: Procedure>(
        &self,
        procedure: P,
    ) -> Result<P::Output, CallError<P::Error>> {
        self.call(procedure).await
    }

    /// All pages of a query that has a `cursor`, one after the other, beginning at the
    /// query's own. A server that repeats a cursor ends the stream with an error.
    pub fn pages<Q: Query>(
        &self,
        query: Q,
    ) -> BoxStream<'static, Result<Q::Output, CallError<Q::Error>>> {
        pages::pages(self.clone(), query)
    }

    /// Calls a query whose answer may be large and hands it over piece by piece.
    pub async fn download<Q: Query>(&self, query: Q) -> Result<Download, CallError<Q::Error>> {
        let outgoing = Outgoing::query(&query).map_err(CallError::from)?;
        self.open(&outgoing, None).await.map(Download::new).map_err(CallError::of)
    }

    /// Calls a method that no type is known for. `body` is a media type and bytes.
    pub async fn raw(
        &self,
        method: Method,
        nsid: &Nsid,
        params: &impl Serialize,
        body: Option<(&str, Bytes)>,
    ) -> Result<RawResponse, CallError<NoErrors>> {
        let outgoing = Outgoing::raw(method, nsid, params, body).map_err(CallError::from)?;
        self.execute(&outgoing, None).await.map_err(CallError::of)
    }

    /// Logs in with a handle, DID or e-mail address and a password, best an app password.
    pub async fn login(
        &self,
        identifier: &str,
        password: &str,
    ) -> Result<Session, CallError<NoErrors>> {
        Session::login(self, identifier, password, None).await
    }

    /// As [`login`](Self::login), with the code that was asked for by e-mail: after the error
    /// `AuthFactorTokenRequired`.
    pub async fn login_with_code(
        &self,
        identifier: &str,
        password: &str,
        code: &str,
    ) -> Result<Session, CallError<NoErrors>> {
        Session::login(self, identifier, password, Some(code)).await
    }

    /// Takes up a session that was kept. Nothing is sent until the first call.
    pub fn resume(&self, state: SessionState) -> Session {
        Session::resume(self, state)
    }

    /// Opens a subscription by type.
    pub async fn subscribe<S: Subscription>(
        &self,
        subscription: &S,
    ) -> Result<FrameStream, SubscribeError> {
        let nsid = Nsid::new(S::NSID).map_err(|_| SubscribeError::Url)?;
        self.subscribe_raw(&nsid, subscription, &SubscribeOptions::default()).await
    }

    /// Opens a subscription by name.
    pub async fn subscribe_raw(
        &self,
        nsid: &Nsid,
        params: &impl Serialize,
        options: &SubscribeOptions,
    ) -> Result<FrameStream, SubscribeError> {
        let query = query_string::to_string(params).map_err(|_| SubscribeError::Url)?;
        let mut url = self.inner.base.clone();
        url.set_path(&format!("/xrpc/{nsid}"));
        url.set_query((!query.is_empty()).then_some(query.as_str()));
        subscribe::open(url, options, Arc::clone(&self.inner.tls)).await
    }
}

/// The media type that a typed output has, for `Accept`.
fn accepted<B: Body>() -> &'static str {
    B::ENCODING.unwrap_or("*/*")
}
