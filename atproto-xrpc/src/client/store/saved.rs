use atproto_core::syntax::Did;
use serde::{Deserialize, Serialize};

use super::{SessionStore, StoreError, session_key};
use crate::client::{SessionState, oauth::OAuthState};

/// A session as stores keep it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[non_exhaustive]
pub enum SavedSession {
    /// By password.
    Password(SessionState),
    /// By OAuth.
    OAuth(OAuthState),
}

impl SavedSession {
    /// The session of an account, if the store has one.
    pub async fn load(store: &dyn SessionStore, did: &Did) -> Result<Option<Self>, StoreError> {
        let text = store.load(&session_key(did)).await?;
        text.map(|text| serde_json::from_str(&text).map_err(StoreError::new)).transpose()
    }

    /// Keeps the session in place of the account's former one.
    pub async fn save(&self, store: &dyn SessionStore) -> Result<(), StoreError> {
        let text = serde_json::to_string(self).map_err(StoreError::new)?;
        store.save(&session_key(self.did()), &text).await
    }

    /// Whose it is.
    pub fn did(&self) -> &Did {
        match self {
            Self::Password(state) => &state.did,
            Self::OAuth(state) => &state.did,
        }
    }
}

/// Without the tokens.
impl std::fmt::Debug for SavedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedSession").field("did", self.did()).finish_non_exhaustive()
    }
}
