use std::{fmt, sync::Arc};

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::Did,
};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::client::{session::Tokens, store::SavedSession};

/// What has to be kept of a session by OAuth. It holds secrets: the refresh token and the key
/// that it is bound to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OAuthState {
    /// The account.
    pub did: Did,
    /// The authorization server.
    pub issuer: String,
    /// The app that the tokens are for.
    pub client_id: String,
    /// The account's host.
    pub host: String,
    /// What was granted.
    pub scope: String,
    /// The token of every call.
    pub access_token: String,
    /// The token that the next pair is obtained with, if the server gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// When the access token expires, in Unix seconds, if the server said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// The key that the tokens are bound to.
    pub(super) dpop_key: DpopKey,
}

/// The key of a session, kept as hexadecimal digits.
#[derive(Clone)]
pub(super) struct DpopKey(pub(super) Arc<SecretKey>);

impl DpopKey {
    /// A new one, of the curve that every server supports.
    pub(super) fn generate() -> Self {
        Self(Arc::new(SecretKey::generate(Curve::P256)))
    }
}

impl PartialEq for DpopKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.public_key() == other.0.public_key()
    }
}

impl Eq for DpopKey {}

impl Serialize for DpopKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(&self.0.to_bytes()[..]))
    }
}

impl<'de> Deserialize<'de> for DpopKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        SecretKey::from_hex(Curve::P256, &text)
            .map(|key| Self(Arc::new(key)))
            .map_err(de::Error::custom)
    }
}

impl Tokens for OAuthState {
    fn access_token(&self) -> &str {
        &self.access_token
    }

    fn save(self) -> SavedSession {
        SavedSession::OAuth(self)
    }

    fn restore(saved: SavedSession) -> Option<Self> {
        match saved {
            SavedSession::OAuth(state) => Some(state),
            SavedSession::Password(_) => None,
        }
    }
}

/// Without the secrets.
impl fmt::Debug for OAuthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthState")
            .field("did", &self.did)
            .field("issuer", &self.issuer)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
