use http::StatusCode;
use url::form_urlencoded;

use super::{
    OAuthClient, OAuthError, OAuthSession, OAuthState, Refusal,
    authorize::{Pending, flow_key},
    token::TokenAnswer,
};
use crate::{
    auth::unix_now,
    client::store::{SavedSession, StoreError},
    oauth::ServerMetadata,
};

/// A flow that has led to a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Login {
    /// The session, which is in the store.
    pub session: OAuthSession,
    /// The text that the app gave when the flow began.
    pub app_state: Option<String>,
}

/// What the user brings back.
#[derive(Default)]
struct Callback {
    state: Option<String>,
    iss: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl OAuthClient {
    /// Completes a flow with what the user brought back: the query of the redirect address,
    /// or the whole address.
    pub async fn callback(&self, query: &str) -> Result<Login, OAuthError> {
        let callback = Callback::read(query)?;
        let pending = self.pending(&callback).await?;
        // Before anything else is believed, an error included: whoever mixes servers up must
        // not be given a code of another one.
        if callback.iss.as_deref() != Some(&pending.issuer) {
            return Err(OAuthError::Issuer { expected: pending.issuer, got: callback.iss });
        }
        if let Some(error) = callback.error {
            let description = callback.error_description;
            return Err(OAuthError::Denied(Refusal { error, description, status: StatusCode::OK }));
        }
        let code = callback.code.ok_or(OAuthError::Callback("code"))?;
        let server = self.inner.discovery().server(&pending.issuer).await?;
        let tokens = self.exchange(&server, &pending, &code).await?;
        let refresh_token = tokens.refresh_token.clone();
        let access_token = tokens.access_token.clone();
        match self.session(&pending, tokens).await {
            Ok(session) => Ok(Login { session, app_state: pending.app_state }),
            Err(error) => {
                // Tokens that nobody may use are given back; the error is the one to tell.
                let token = refresh_token.as_deref().unwrap_or(&access_token);
                let client_id = &pending.client_id;
                let _unheard =
                    self.inner.revoke(&server, client_id, token, &*pending.dpop_key.0).await;
                Err(error)
            }
        }
    }

    /// The flow that a callback belongs to. It is there once.
    async fn pending(&self, callback: &Callback) -> Result<Pending, OAuthError> {
        let state = callback.state.as_deref().ok_or(OAuthError::Callback("state"))?;
        let is_ours =
            state.len() <= MAX_STATE_BYTES && state.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_ours {
            return Err(OAuthError::State);
        }
        let kept = self.inner.store.take(&flow_key(state)).await?.ok_or(OAuthError::State)?;
        let pending: Pending = serde_json::from_str(&kept).map_err(StoreError::new)?;
        Some(pending).filter(|pending| unix_now() <= pending.expires_at).ok_or(OAuthError::State)
    }

    async fn exchange(
        &self,
        server: &ServerMetadata,
        pending: &Pending,
        code: &str,
    ) -> Result<TokenAnswer, OAuthError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &pending.redirect_uri),
            ("code_verifier", &pending.verifier),
        ];
        let (client_id, key) = (&pending.client_id, &*pending.dpop_key.0);
        let answer = self.inner.post(server, &server.token_endpoint, client_id, &fields, key);
        TokenAnswer::read(&answer.await?)
    }

    /// The session of tokens, if the server may give tokens for that account.
    async fn session(
        &self,
        pending: &Pending,
        tokens: TokenAnswer,
    ) -> Result<OAuthSession, OAuthError> {
        if let Some(expected) = pending.did.as_ref().filter(|did| **did != tokens.did) {
            return Err(OAuthError::OtherAccount { expected: expected.clone(), got: tokens.did });
        }
        let host = self.inner.discovery().host_under(&tokens.did, &pending.issuer).await?;
        let state = OAuthState {
            did: tokens.did,
            issuer: pending.issuer.clone(),
            client_id: pending.client_id.clone(),
            host: host.origin().ascii_serialization(),
            scope: tokens.scope,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at: tokens.expires_at,
            dpop_key: pending.dpop_key.clone(),
        };
        let session = OAuthSession::new(&self.inner, state.clone())?;
        SavedSession::OAuth(state).save(&*self.inner.store).await?;
        Ok(session)
    }
}

impl Callback {
    fn read(text: &str) -> Result<Self, OAuthError> {
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        let mut callback = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (field, name) = match name.as_ref() {
                "state" => (&mut callback.state, "state"),
                "iss" => (&mut callback.iss, "iss"),
                "code" => (&mut callback.code, "code"),
                "error" => (&mut callback.error, "error"),
                "error_description" => (&mut callback.error_description, "error_description"),
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return Err(OAuthError::Callback(name));
            }
        }
        Ok(callback)
    }
}

/// Longer than any `state` of ours.
const MAX_STATE_BYTES: usize = 128;
