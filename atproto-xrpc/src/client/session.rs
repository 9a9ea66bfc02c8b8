//! Sessions by password: login, refresh, resume, logout.

use std::{fmt, sync::Arc};

use atproto_core::{
    endpoint::{NoErrors, NoParams, Procedure, Query},
    syntax::{Did, Handle, Nsid},
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use super::{Call, CallError, Client, Download, RawResponse, RequestError, send::Outgoing};
use crate::XrpcError;

mod records;
mod wire;

pub use records::{CommitMeta, Written};

/// A login of an account: calls in its name, with the access token renewed as needed.
///
/// Cloning is cheap; all clones share the tokens, and however many calls find the access
/// token expired, one of them refreshes it and the others wait for that.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    client: Client,
}

/// What all clones of a session have in common.
struct Shared {
    /// The account's host, without headers that some clones may have.
    client: Client,
    state: watch::Sender<SessionState>,
    /// Held while the tokens are renewed.
    renewal: Arc<Mutex<()>>,
}

/// What has to be kept to take a session up again. It holds secrets: the refresh token is
/// as good as the password until the session ends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionState {
    /// The account.
    pub did: Did,
    /// Its handle, as the server last said.
    pub handle: Handle,
    /// The token of every call.
    pub access_jwt: String,
    /// The token that the next pair is obtained with.
    pub refresh_jwt: String,
    /// The account's own host, if that is not the service that was logged in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl Session {
    pub(super) async fn login(
        client: &Client,
        identifier: &str,
        password: &str,
        code: Option<&str>,
    ) -> Result<Self, CallError<NoErrors>> {
        let input = wire::Login { identifier, password, auth_factor_token: code };
        let outgoing = wire::post("com.atproto.server.createSession", Some(&input))?;
        let response = client.execute(&outgoing, None).await.map_err(CallError::of)?;
        let tokens: wire::Tokens = wire::parse(&response.body)?;
        Ok(Self::resume(client, tokens.into_state(client)))
    }

    pub(super) fn resume(client: &Client, state: SessionState) -> Self {
        let host = state.host.as_deref().and_then(super::builder::service_url);
        let client = host.map_or_else(|| client.clone(), |host| client.at(host));
        let state = watch::Sender::new(state);
        let shared = Shared { client: client.clone(), state, renewal: Arc::default() };
        Self { shared: Arc::new(shared), client }
    }

    /// The account.
    pub fn did(&self) -> Did {
        self.shared.state.borrow().did.clone()
    }

    /// The account's handle, as the server last said.
    pub fn handle(&self) -> Handle {
        self.shared.state.borrow().handle.clone()
    }

    /// The client of the account's host, for calls without the account.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What has to be kept for [`Client::resume`].
    pub fn state(&self) -> SessionState {
        self.shared.state.borrow().clone()
    }

    /// Changes of [`state`](Self::state): whoever keeps it must keep each new refresh token,
    /// since the one before is used up.
    pub fn changes(&self) -> watch::Receiver<SessionState> {
        self.shared.state.subscribe()
    }

    /// The same session with requests passed on to another service: see
    /// [`Client::with_proxy`].
    #[must_use]
    pub fn with_proxy(&self, service: &Did, service_id: &str) -> Self {
        let client = self.client.clone().with_proxy(service, service_id);
        Self { shared: Arc::clone(&self.shared), client }
    }

    /// The same session with one more header on its requests.
    #[must_use]
    pub fn with_header(&self, name: HeaderName, value: HeaderValue) -> Self {
        let client = self.client.clone().with_header(name, value);
        Self { shared: Arc::clone(&self.shared), client }
    }

    /// Calls a query or a procedure in the account's name.
    pub async fn call<K, C: Call<K>>(&self, call: C) -> Result<C::Output, CallError<C::Error>> {
        let outgoing = call.into_outgoing()?;
        self.send(&outgoing).await.map_err(CallError::of)?.decode()
    }

    /// Calls a query in the account's name.
    pub async fn query<Q: Query>(&self, query: Q) -> Result<Q::Output, CallError<Q::Error>> {
        self.call(query).await
    }

    /// Calls a procedure in the account's name.
    pub async fn procedure<P: Procedure>(
        &self,
        procedure: P,
    ) -> Result<P::Output, CallError<P::Error>> {
        self.call(procedure).await
    }

    /// Calls a query whose answer may be large and hands it over piece by piece.
    pub async fn download<Q: Query>(&self, query: Q) -> Result<Download, CallError<Q::Error>> {
        let outgoing = Outgoing::query(&query)?;
        self.open(&outgoing).await.map(Download::new).map_err(CallError::of)
    }

    /// Calls a method that no type is known for, in the account's name.
    pub async fn raw(
        &self,
        method: Method,
        nsid: &Nsid,
        params: &impl Serialize,
        body: Option<(&str, Bytes)>,
    ) -> Result<RawResponse, CallError<NoErrors>> {
        let outgoing = Outgoing::raw(method, nsid, params, body)?;
        self.send(&outgoing).await.map_err(CallError::of)
    }

    /// Renews the tokens now, whether or not they have expired.
    pub async fn refresh(&self) -> Result<(), CallError<NoErrors>> {
        let used = self.access_token();
        self.renew(&used).await.map_err(CallError::of)
    }

    /// Ends the session at the server. Its tokens are of no use afterwards.
    pub async fn logout(&self) -> Result<(), CallError<NoErrors>> {
        let outgoing = wire::post("com.atproto.server.deleteSession", None::<&NoParams>)?;
        let _guard = self.shared.renewal.lock().await;
        let token = self.shared.state.borrow().refresh_jwt.clone();
        self.shared.client.execute(&outgoing, Some(&token)).await.map_err(CallError::of)?;
        Ok(())
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<RawResponse, RequestError> {
        let response = self.open(outgoing).await?;
        Ok(self.client.read(response).await?)
    }

    /// Makes a request; if the access token turns out to have expired, once more with a new
    /// one.
    async fn open(&self, outgoing: &Outgoing) -> Result<reqwest::Response, RequestError> {
        let token = self.access_token();
        match self.client.open(outgoing, Some(&token)).await {
            Err(RequestError::Xrpc(error)) if error.error == "ExpiredToken" => {}
            answer => return answer,
        }
        self.renew(&token).await?;
        self.client.open(outgoing, Some(&self.access_token())).await
    }

    /// Obtains the next pair of tokens, unless `used` is the current one no longer: then
    /// somebody else has done so meanwhile.
    ///
    /// The exchange runs in a task of its own. A caller that gives up in its middle must not
    /// lose the new refresh token, for the old one is used up.
    async fn renew(&self, used: &str) -> Result<(), RequestError> {
        let guard = Arc::clone(&self.shared.renewal).lock_owned().await;
        if self.access_token() != used {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let exchange = tokio::spawn(async move {
            let _guard = guard;
            let outgoing = wire::post("com.atproto.server.refreshSession", None::<&NoParams>)?;
            let token = shared.state.borrow().refresh_jwt.clone();
            let response = shared.client.execute(&outgoing, Some(&token)).await?;
            let tokens: wire::Tokens = wire::parse(&response.body)?;
            shared.state.send_modify(|state| tokens.update(state));
            Ok(())
        });
        // The only way for the task to end without an answer is the end of the runtime.
        exchange.await.unwrap_or_else(|_| Err(XrpcError::unavailable("shutting down").into()))
    }

    fn access_token(&self) -> String {
        self.shared.state.borrow().access_jwt.clone()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("did", &self.did()).finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionState").field("did", &self.did).finish_non_exhaustive()
    }
}
