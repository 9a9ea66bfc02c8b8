use std::sync::Arc;

use atproto_core::crypto::{Curve, Signer};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::OAuthError;
use crate::oauth::{ApplicationType, ClientError, ClientId, ClientMetadata, Jwk, Scopes};

/// An app as authorization servers know it: its id, where users come back to, what it asks
/// for, and its key if it has one.
#[derive(Clone)]
pub struct OAuthApp {
    pub(super) client_id: ClientId,
    pub(super) redirect_uri: Url,
    pub(super) scopes: Scopes,
    pub(super) key: Option<AppKey>,
    application_type: ApplicationType,
}

/// The key by which an app shows that it is the app.
#[derive(Clone)]
pub(super) struct AppKey {
    pub(super) id: String,
    pub(super) signer: Arc<dyn Signer>,
}

impl OAuthApp {
    /// An app on the user's own machine, which needs no document on the web: for development
    /// and for the command line. The user comes back to an `http:` address of the machine
    /// itself, `http://127.0.0.1:PORT/…`; see [`LoopbackListener`](super::LoopbackListener).
    pub fn localhost(redirect_uri: Url, scopes: Scopes) -> Result<Self, OAuthError> {
        let mut declared = redirect_uri.clone();
        // Servers compare without the port, which is another each time.
        declared.set_port(None).map_err(|()| ClientError::RedirectUri(redirect_uri.to_string()))?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("redirect_uri", declared.as_str())
            .append_pair("scope", &scopes.to_string())
            .finish();
        let client_id = ClientId::parse(&format!("http://localhost/?{query}"))?;
        let metadata = ClientMetadata::of_localhost(client_id.clone())?;
        if !metadata.admits_redirect(redirect_uri.as_str()) {
            return Err(ClientError::RedirectUri(redirect_uri.into()).into());
        }
        let application_type = ApplicationType::Native;
        Ok(Self { client_id, redirect_uri, scopes, key: None, application_type })
    }

    /// An app without a key, described by [`metadata`](Self::metadata) at the address
    /// `client_id`.
    pub fn public(
        client_id: &str,
        redirect_uri: Url,
        scopes: Scopes,
        application_type: ApplicationType,
    ) -> Result<Self, OAuthError> {
        let client_id = ClientId::parse(client_id)?;
        Self { client_id, redirect_uri, scopes, key: None, application_type }.checked()
    }

    /// An app on a server, which authenticates itself by a key on the curve P-256. Sessions
    /// are bound to the key under that id: the document has to show it until they have ended.
    pub fn confidential(
        client_id: &str,
        redirect_uri: Url,
        scopes: Scopes,
        key_id: &str,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, OAuthError> {
        if signer.public_key().curve() != Curve::P256 {
            return Err(ClientError::Keys("not on the curve P-256").into());
        }
        let client_id = ClientId::parse(client_id)?;
        let key = Some(AppKey { id: key_id.to_owned(), signer });
        let application_type = ApplicationType::Web;
        Self { client_id, redirect_uri, scopes, key, application_type }.checked()
    }

    /// What has to be found at the address of the app's id, as `application/json`.
    pub fn metadata(&self, name: &str) -> Value {
        let mut document = json!({
            "client_id": self.client_id.url().as_str(),
            "client_name": name,
            "application_type": self.application_type,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": self.scopes.to_string(),
            "redirect_uris": [self.redirect_uri.as_str()],
            "dpop_bound_access_tokens": true,
            "token_endpoint_auth_method": "none",
        });
        if let Some(key) = &self.key {
            let mut jwk = json!(Jwk(key.signer.public_key()));
            jwk["kid"] = json!(key.id);
            jwk["use"] = json!("sig");
            jwk["alg"] = json!("ES256");
            document["token_endpoint_auth_method"] = json!("private_key_jwt");
            document["token_endpoint_auth_signing_alg"] = json!("ES256");
            document["jwks"] = json!({ "keys": [jwk] });
        }
        document
    }

    /// The app's id.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The app, if servers will admit its document.
    fn checked(self) -> Result<Self, OAuthError> {
        let document = self.metadata("").to_string();
        ClientMetadata::read(self.client_id.clone(), document.as_bytes())?;
        Ok(self)
    }
}

impl std::fmt::Debug for OAuthApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthApp")
            .field("client_id", &self.client_id)
            .field("is_confidential", &self.key.is_some())
            .finish_non_exhaustive()
    }
}
