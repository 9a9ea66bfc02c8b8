use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use atproto_core::{crypto::Signer, endpoint::NoErrors, syntax::Did};
use futures::future::{BoxFuture, FutureExt};
use http::{
    HeaderMap, Method, Response,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use url::Url;

use super::{
    Inner, OAuthError, OAuthState, Refusal, USE_NONCE, nonces::Nonces, token::TokenAnswer,
};
use crate::{
    XrpcError,
    auth::unix_now,
    client::{
        CallError, Client, Request, RequestError, Session, SessionError, TransportError,
        send::{Authorize, secret_header},
        session::Kept,
        transport::Content,
    },
    oauth::{DpopRequest, Scopes, ServerMetadata},
};

/// A session by OAuth: [`OAuthClient::callback`](super::OAuthClient::callback). Cloning is
/// cheap; all clones share the tokens.
///
/// Each request is signed with the session's own key. The tokens are renewed shortly before
/// they expire, or when the host refuses them; the new ones are stored before they are used.
#[derive(Clone)]
pub struct OAuthSession {
    shared: Arc<Shared>,
}

struct Shared {
    oauth: Arc<Inner>,
    kept: Arc<Kept<OAuthState>>,
    /// The account's host, which may change when the tokens are renewed.
    client: Mutex<Client>,
}

/// An access token, and the proof that it is one's own.
struct Dpop<'a> {
    state: &'a OAuthState,
    nonces: &'a Nonces,
}

impl OAuthSession {
    pub(super) fn new(oauth: &Arc<Inner>, state: OAuthState) -> Result<Self, OAuthError> {
        let client = Mutex::new(oauth.options.clone().build(&state.host)?);
        let kept = Arc::new(Kept::new(state, Some(Arc::clone(&oauth.store))));
        Ok(Self { shared: Arc::new(Shared { oauth: Arc::clone(oauth), kept, client }) })
    }

    /// What the store has of the session.
    pub fn state(&self) -> OAuthState {
        self.shared.kept.current()
    }

    /// What was granted, which may be less than what was asked for.
    pub fn granted(&self) -> Scopes {
        self.shared.kept.read(|state| state.scope.parse().unwrap_or_default())
    }

    /// One request, once more if the host wants another nonce.
    async fn open(&self, request: &Request) -> Result<Response<Content>, RequestError> {
        let (client, state) = (self.client(), self.state());
        let proof = Dpop { state: &state, nonces: &self.shared.oauth.nonces };
        match client.open(request, &proof).await {
            Err(RequestError::Xrpc(error)) if challenges(&error, USE_NONCE) => {
                client.open(request, &proof).await
            }
            answer => answer,
        }
    }

    async fn renew(&self, used: &str) -> Result<(), RequestError> {
        let oauth = Arc::clone(&self.shared.oauth);
        let exchange = async move |state: OAuthState| {
            let renewed = oauth.renewed(state).await;
            renewed.map_err(|error| RequestError::from(SessionError::from(error)))
        };
        self.shared.kept.renew(used, exchange).await?;
        self.shared.follow_host()
    }
}

impl Session for OAuthSession {
    fn did(&self) -> Did {
        self.shared.kept.read(|state| state.did.clone())
    }

    fn client(&self) -> Client {
        self.shared.client().clone()
    }

    fn send<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Response<Content>, RequestError>> {
        async move {
            let mut state = self.state();
            if state.expires_at.is_some_and(|expiry| unix_now() + EARLY_SECONDS >= expiry)
                && state.refresh_token.is_some()
            {
                self.renew(&state.access_token).await?;
                state = self.state();
            }
            match self.open(request).await {
                Err(RequestError::Xrpc(error))
                    if state.refresh_token.is_some() && challenges(&error, "invalid_token") => {}
                answer => return answer,
            }
            self.renew(&state.access_token).await?;
            self.open(request).await
        }
        .boxed()
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>> {
        async move {
            let used = self.state().access_token;
            self.renew(&used).await.map_err(CallError::of)
        }
        .boxed()
    }

    fn logout(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>> {
        async move {
            let end = async |state: OAuthState| {
                let ended = self.shared.oauth.end(&state).await;
                ended.map_err(|error| SessionError::from(error).into())
            };
            self.shared.kept.end(end).await.map_err(CallError::of)
        }
        .boxed()
    }
}

impl Shared {
    fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Speaks to the host that the tokens are for.
    fn follow_host(&self) -> Result<(), RequestError> {
        let host = self.kept.read(|state| state.host.clone());
        if self.client().url() != host {
            let client = self.oauth.options.clone().build(&host).map_err(OAuthError::from);
            *self.client() = client.map_err(SessionError::from)?;
        }
        Ok(())
    }
}

impl Inner {
    /// The next tokens of a session. The account may have moved to another server meanwhile;
    /// the one that gave the tokens has no say then.
    async fn renewed(&self, mut state: OAuthState) -> Result<OAuthState, OAuthError> {
        let Some(refresh_token) = state.refresh_token.clone() else {
            let description = Some("there is no refresh token".to_owned());
            let error = "invalid_grant".to_owned();
            let status = http::StatusCode::OK;
            return Err(OAuthError::Refused(Refusal { error, description, status }));
        };
        let host = self.discovery().host_under(&state.did, &state.issuer).await?;
        state.host = host.origin().ascii_serialization();
        let server = self.discovery().server(&state.issuer).await?;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &*refresh_token)];
        let key = Arc::clone(&state.dpop_key.0);
        let answer =
            self.post(&server, &server.token_endpoint, &state.client_id, &fields, &*key).await?;
        TokenAnswer::read(&answer)?.update(state)
    }

    async fn end(&self, state: &OAuthState) -> Result<(), OAuthError> {
        let server = self.discovery().server(&state.issuer).await?;
        let token = state.refresh_token.as_ref().unwrap_or(&state.access_token);
        self.revoke(&server, &state.client_id, token, &*state.dpop_key.0).await
    }

    /// Gives a token back, and with it its session. A server without a place for that cannot
    /// be told.
    pub(super) async fn revoke(
        &self,
        server: &ServerMetadata,
        client_id: &str,
        token: &str,
        key: &dyn Signer,
    ) -> Result<(), OAuthError> {
        let Some(endpoint) = &server.revocation_endpoint else { return Ok(()) };
        self.post(server, endpoint, client_id, &[("token", token)], key).await.map(drop)
    }
}

impl Authorize for Dpop<'_> {
    fn authorize(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
    ) -> Result<(), TransportError> {
        let token = &self.state.access_token;
        let proof = DpopRequest { method: method.as_str(), url, access_token: Some(token) };
        let nonce = self.nonces.of(url);
        let proof = proof.prove(&*self.state.dpop_key.0, nonce.as_deref(), unix_now());
        let proof = proof.map_err(|error| TransportError::Encode(error.into()))?;
        headers.insert(AUTHORIZATION, secret_header(&format!("DPoP {token}"))?);
        headers.insert("dpop", secret_header(&proof)?);
        Ok(())
    }

    /// Methods that need no authorization are answered without a look at the proof, and so
    /// without a nonce.
    fn inspect(&self, url: &Url, answer: &Response<Content>) {
        let _kept = self.nonces.note(url, answer.headers());
    }
}

/// Whether an error is this one of RFC 6750 or RFC 9449, wherever it is named.
fn challenges(error: &XrpcError, name: &str) -> bool {
    let is_unauthorized = matches!(error.status.as_u16(), 400 | 401);
    let challenge = error.headers().and_then(|headers| headers.get(WWW_AUTHENTICATE));
    let challenge = challenge.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_named = challenge.contains(&format!("error=\"{name}\"")) || error.error == name;
    is_unauthorized && is_named
}

impl fmt::Debug for OAuthSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthSession").field("did", &self.did()).finish_non_exhaustive()
    }
}

/// How long before their end tokens are renewed. Ours: a request under way takes some time.
const EARLY_SECONDS: u64 = 10;
