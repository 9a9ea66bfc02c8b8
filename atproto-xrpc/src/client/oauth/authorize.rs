use atproto_core::syntax::Did;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{OAuthClient, OAuthError, abandoned, state::DpopKey};
use crate::{
    auth::unix_now,
    client::store::StoreError,
    oauth::{Pkce, Scopes},
    random,
};

/// A flow that has begun: the user is sent to an address.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Flow {
    /// Where the user agrees or refuses.
    pub url: Url,
    /// The server there.
    pub issuer: String,
    /// What the callback will name.
    pub state: String,
}

/// What may be said when a flow begins.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AuthorizeOptions {
    /// What to ask for; part of what the app has declared. Default: all of it.
    pub scopes: Option<Scopes>,
    /// A text of the app's own that comes back with the login. It stays here: nothing of it
    /// is sent.
    pub app_state: Option<String>,
    /// What the server is to ask the user: `login`, `consent`, `select_account`, or `none`
    /// for a confidential client whose user has agreed before.
    pub prompt: Option<String>,
}

impl AuthorizeOptions {
    /// Sets [`scopes`](Self::scopes).
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Sets [`app_state`](Self::app_state).
    #[must_use]
    pub fn app_state(mut self, state: impl Into<String>) -> Self {
        self.app_state = Some(state.into());
        self
    }

    /// Sets [`prompt`](Self::prompt).
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }
}

/// What is kept of a flow until the user comes back.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) issuer: String,
    pub(super) did: Option<Did>,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) verifier: String,
    pub(super) dpop_key: DpopKey,
    pub(super) app_state: Option<String>,
    pub(super) expires_at: u64,
}

#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

impl OAuthClient {
    /// Begins a flow for a handle, a DID, or the `https:` URL of a server where the user will
    /// say who it is.
    pub async fn authorize(&self, who: &str) -> Result<Flow, OAuthError> {
        self.authorize_with(who, AuthorizeOptions::default()).await
    }

    /// As [`authorize`](Self::authorize), with options.
    pub async fn authorize_with(
        &self,
        who: &str,
        options: AuthorizeOptions,
    ) -> Result<Flow, OAuthError> {
        let start = self.inner.discovery().start(who).await?;
        let app = &self.inner.app;
        let (pkce, dpop_key) = (Pkce::generate(), DpopKey::generate());
        let state = BASE64URL_NOPAD.encode(&random::bytes::<32>());
        let scope = options.scopes.as_ref().unwrap_or(&app.scopes).to_string();
        let challenge = pkce.challenge();
        let mut fields = vec![
            ("response_type", "code"),
            ("redirect_uri", app.redirect_uri.as_str()),
            ("scope", &scope),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if start.did.is_some() {
            fields.push(("login_hint", who));
        }
        if let Some(prompt) = &options.prompt {
            fields.push(("prompt", prompt));
        }
        let endpoint = &start.server.pushed_authorization_request_endpoint;
        let client_id = app.client_id.to_string();
        let answer = self.inner.post(&start.server, endpoint, &client_id, &fields, &*dpop_key.0);
        let pushed: Pushed = serde_json::from_slice(&answer.await?).map_err(|_| {
            OAuthError::Document { url: endpoint.to_string(), reason: "there is no `request_uri`" }
        })?;
        let mut url = start.server.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &client_id)
            .append_pair("request_uri", &pushed.request_uri);
        let pending = Pending {
            issuer: start.server.issuer.clone(),
            did: start.did,
            client_id,
            redirect_uri: app.redirect_uri.to_string(),
            verifier: pkce.verifier().to_owned(),
            dpop_key,
            app_state: options.app_state,
            expires_at: unix_now() + PATIENCE_SECONDS,
        };
        let pending = serde_json::to_string(&pending).map_err(StoreError::new)?;
        abandoned::remember(&*self.inner.store, &state, unix_now(), PATIENCE_SECONDS).await?;
        self.inner.store.save(&flow_key(&state), &pending).await?;
        Ok(Flow { url, issuer: start.server.issuer, state })
    }
}

/// The key under which a flow is kept.
pub(super) fn flow_key(state: &str) -> String {
    format!("flow:{state}")
}

/// How long a user may take to agree. Ours; servers forget a request earlier.
const PATIENCE_SECONDS: u64 = 3600;
