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
//! use atproto_xrpc::{Client, Session};
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
//! cancels it. Requests go through a [`transport`], which tests can replace.

mod answer;
mod builder;
mod call;
mod download;
mod error;
mod labelers;
pub mod oauth;
mod pages;
mod rate_limit;
mod request;
mod retry;
mod send;
mod session;
pub mod store;
pub mod subscribe;
pub mod transport;
mod untyped;

pub use answer::{Answer, RawResponse};
pub(crate) use builder::is_loopback;
pub use builder::{BuildError, ClientBuilder};
pub use call::{Call, kind};
pub use download::Download;
pub use error::{CallError, RequestError, TransportError};
pub use labelers::{Labeler, Labelers, LabelersError};
pub use rate_limit::RateLimit;
pub use request::{Request, Upload};
pub use retry::RetryPolicy;
pub use session::{
    CommitMeta, PasswordSession, Session, SessionError, SessionState, WithHeaders, Written,
};
pub use untyped::{Untyped, UntypedOutput};

use std::{fmt, sync::Arc, time::Duration};

use atproto_core::{
    endpoint::{NoErrors, Procedure, Query, Subscription},
    syntax::{Did, Nsid},
};
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use url::Url;

use crate::{query_string, trace::Inject};
use retry::RetryBudget;
use send::Nobody;
use store::{SessionStore, StoreError};
use subscribe::{FrameStream, SubscribeError, SubscribeOptions};
use transport::Transport;

/// Calls the endpoints of one service. Cloning is cheap and shares connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    headers: HeaderMap,
}

struct Inner {
    transport: Arc<dyn Transport>,
    tls: Arc<rustls::ClientConfig>,
    base: Url,
    retry: RetryPolicy,
    budget: RetryBudget,
    timeout: Duration,
    max_response: usize,
    user_agent: HeaderValue,
    propagate: Option<Inject>,
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
        let inner = Inner {
            transport: Arc::clone(&self.inner.transport),
            tls: Arc::clone(&self.inner.tls),
            base,
            retry: self.inner.retry.clone(),
            budget: RetryBudget::new(&self.inner.retry),
            timeout: self.inner.timeout,
            max_response: self.inner.max_response,
            user_agent: self.inner.user_agent.clone(),
            propagate: self.inner.propagate.clone(),
        };
        Self { inner: Arc::new(inner), headers: self.headers.clone() }
    }

    /// A client that sends this header with every request.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A client that sends these headers with every request, in place of those of their names.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// A client whose answers are to consider these labelers: `atproto-accept-labelers`. None
    /// of them is another wish than no header, for then the server has its own.
    #[must_use]
    pub fn with_labelers(self, labelers: &Labelers) -> Self {
        self.with_header(HeaderName::from_static(labelers::ACCEPT_LABELERS), labelers.to_header())
    }

    /// A client whose requests the service passes on to another: `atproto-proxy`.
    ///
    /// `service_id` is the fragment in the other service's DID document, `bsky_appview`.
    #[must_use]
    pub fn with_proxy(self, service: &Did, service_id: &str) -> Self {
        self.with_header(HeaderName::from_static(PROXY), proxy_header(service, service_id))
    }

    /// Calls a query or a procedure.
    pub async fn call<K, C: Call<K>>(&self, call: C) -> Result<C::Output, CallError<C::Error>> {
        self.answer(call).await.map(|answer| answer.output)
    }

    /// Calls a query or a procedure, and keeps the headers of the answer.
    pub async fn answer<K, C: Call<K>>(
        &self,
        call: C,
    ) -> Result<Answer<C::Output>, CallError<C::Error>> {
        let request = call.into_request()?;
        self.execute(&request, &Nobody).await.map_err(CallError::of)?.typed()
    }

    /// Calls a method that no type is known for, with values of the data model.
    pub async fn call_untyped(
        &self,
        untyped: Untyped,
    ) -> Result<UntypedOutput, CallError<NoErrors>> {
        let request = untyped.into_request()?;
        let response = self.execute(&request, &Nobody).await.map_err(CallError::of)?;
        Ok(UntypedOutput::read(response)?)
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
        let client = self.clone();
        pages::pages(query, move |request| {
            let client = client.clone();
            async move { client.execute(&request, &Nobody).await }
        })
    }

    /// Calls a query whose answer may be large and hands it over piece by piece.
    pub async fn download<Q: Query>(&self, query: Q) -> Result<Download, CallError<Q::Error>> {
        let request = Request::query(&query)?;
        self.open(&request, &Nobody).await.map(Download::new).map_err(CallError::of)
    }

    /// Calls a method that no type is known for, with bytes as they are. `body` is a media
    /// type and bytes.
    pub async fn raw(
        &self,
        method: Method,
        nsid: &Nsid,
        params: &impl Serialize,
        body: Option<(&str, Bytes)>,
    ) -> Result<RawResponse, CallError<NoErrors>> {
        let request = Request::raw(method, nsid, params, body)?;
        self.execute(&request, &Nobody).await.map_err(CallError::of)
    }

    /// Logs in with a handle, DID or e-mail address and a password, best an app password.
    pub async fn login(
        &self,
        identifier: &str,
        password: &str,
    ) -> Result<PasswordSession, CallError<NoErrors>> {
        PasswordSession::login(self, identifier, password, None).await
    }

    /// As [`login`](Self::login), with the code that was asked for by e-mail: after the error
    /// `AuthFactorTokenRequired`.
    pub async fn login_with_code(
        &self,
        identifier: &str,
        password: &str,
        code: &str,
    ) -> Result<PasswordSession, CallError<NoErrors>> {
        PasswordSession::login(self, identifier, password, Some(code)).await
    }

    /// Takes up a session that was kept. Nothing is sent until the first call.
    pub fn resume(&self, state: SessionState) -> PasswordSession {
        PasswordSession::resume(self, state)
    }

    /// Takes up the session of an account that a store has, if it has one. The store gets
    /// each new pair of tokens.
    pub async fn restore(
        &self,
        store: Arc<dyn SessionStore>,
        did: &Did,
    ) -> Result<Option<PasswordSession>, StoreError> {
        PasswordSession::restore(self, store, did).await
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url()).finish_non_exhaustive()
    }
}

fn proxy_header(service: &Did, service_id: &str) -> HeaderValue {
    let target = format!("{service}#{}", service_id.trim_start_matches('#'));
    // A service id with control characters names no service; the call says so.
    HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("#"))
}

const PROXY: &str = "atproto-proxy";
