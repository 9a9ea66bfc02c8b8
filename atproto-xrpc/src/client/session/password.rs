use std::{fmt, sync::Arc};

use atproto_core::{
    endpoint::NoErrors,
    syntax::{Did, Handle},
};
use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Kept, Session, Tokens, wire};
use crate::client::{
    CallError, Client, Request, RequestError, builder,
    request::RequestBody,
    send::{Bearer, Nobody},
    store::{SavedSession, SessionStore, StoreError},
    transport::Content,
};

/// A session by password: [`Client::login`]. Cloning is cheap; all clones share the tokens.
#[derive(Clone)]
pub struct PasswordSession {
    kept: Arc<Kept<SessionState>>,
    client: Client,
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
    /// The account's own host. Without it, the service of the client that resumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl PasswordSession {
    pub(in crate::client) async fn login(
        client: &Client,
        identifier: &str,
        password: &str,
        code: Option<&str>,
    ) -> Result<Self, CallError<NoErrors>> {
        let input = wire::Login { identifier, password, auth_factor_token: code };
        let request = wire::post("com.atproto.server.createSession", &input)?;
        let response = client.execute(&request, &Nobody).await.map_err(CallError::of)?;
        let tokens: wire::Tokens = wire::parse(&response.body)?;
        Ok(Self::resume(client, tokens.into_state(client)))
    }

    pub(in crate::client) fn resume(client: &Client, state: SessionState) -> Self {
        Self::with_store(client, state, None)
    }

    pub(in crate::client) async fn restore(
        client: &Client,
        store: Arc<dyn SessionStore>,
        did: &Did,
    ) -> Result<Option<Self>, StoreError> {
        let saved = SavedSession::load(&*store, did).await?;
        let state = saved.and_then(SessionState::restore);
        Ok(state.map(|state| Self::with_store(client, state, Some(store))))
    }

    fn with_store(
        client: &Client,
        state: SessionState,
        store: Option<Arc<dyn SessionStore>>,
    ) -> Self {
        let host = state.host.as_deref().and_then(builder::service_url);
        let host = host.filter(|host| *host != client.inner.base);
        let client = host.map_or_else(|| client.clone(), |host| client.at(host));
        Self { kept: Arc::new(Kept::new(state, store)), client }
    }

    /// The same session, kept in a store from now on, which gets each new pair of tokens.
    /// Clones that were made before do not know of the store.
    pub async fn keep_in(self, store: Arc<dyn SessionStore>) -> Result<Self, StoreError> {
        let kept = Arc::new(Kept::new(self.kept.current(), Some(store)));
        kept.save().await?;
        Ok(Self { kept, client: self.client })
    }

    /// The account's handle, as the server last said.
    pub fn handle(&self) -> Handle {
        self.kept.read(|state| state.handle.clone())
    }

    /// What has to be kept for [`Client::resume`].
    pub fn state(&self) -> SessionState {
        self.kept.current()
    }

    /// Changes of [`state`](Self::state): whoever keeps it must keep each new refresh token,
    /// since the one before is used up. [`keep_in`](Self::keep_in) does so.
    pub fn changes(&self) -> watch::Receiver<SessionState> {
        self.kept.changes()
    }

    fn access_token(&self) -> String {
        self.kept.read(|state| state.access_jwt.clone())
    }

    async fn renew(&self, used: &str) -> Result<(), RequestError> {
        let client = self.client.clone();
        let exchange = async move |mut state: SessionState| {
            let request = Request::post("com.atproto.server.refreshSession", "", RequestBody::None);
            let token = Bearer(&state.refresh_jwt);
            let response = client.execute(&request, &token).await?;
            let tokens: wire::Tokens = wire::parse(&response.body)?;
            tokens.update(&mut state);
            Ok(state)
        };
        self.kept.renew(used, exchange).await
    }
}

impl Session for PasswordSession {
    fn did(&self) -> Did {
        self.kept.read(|state| state.did.clone())
    }

    fn client(&self) -> Client {
        self.client.clone()
    }

    /// If the access token turns out to have expired, once more with a new one.
    fn send<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<http::Response<Content>, RequestError>> {
        async move {
            let token = self.access_token();
            match self.client.open(request, &Bearer(&token)).await {
                Err(RequestError::Xrpc(error)) if error.error == "ExpiredToken" => {}
                answer => return answer,
            }
            self.renew(&token).await?;
            self.client.open(request, &Bearer(&self.access_token())).await
        }
        .boxed()
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>> {
        async move { self.renew(&self.access_token()).await.map_err(CallError::of) }.boxed()
    }

    fn logout(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>> {
        async move {
            let end = async |state: SessionState| {
                let request =
                    Request::post("com.atproto.server.deleteSession", "", RequestBody::None);
                self.client.execute(&request, &Bearer(&state.refresh_jwt)).await.map(drop)
            };
            self.kept.end(end).await.map_err(CallError::of)
        }
        .boxed()
    }
}

impl Tokens for SessionState {
    fn access_token(&self) -> &str {
        &self.access_jwt
    }

    fn save(self) -> SavedSession {
        SavedSession::Password(self)
    }

    fn restore(saved: SavedSession) -> Option<Self> {
        match saved {
            SavedSession::Password(state) => Some(state),
            SavedSession::OAuth(_) => None,
        }
    }
}

impl fmt::Debug for PasswordSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordSession").field("did", &self.did()).finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionState").field("did", &self.did).finish_non_exhaustive()
    }
}
