use atproto_core::syntax::Did;
use serde::Deserialize;

use super::{OAuthError, OAuthState};
use crate::{
    auth::unix_now,
    oauth::{Scope, Scopes},
};

/// The answer of a token endpoint, checked as far as it can be by itself.
pub(super) struct TokenAnswer {
    pub(super) did: Did,
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) scope: String,
    pub(super) expires_at: Option<u64>,
}

#[derive(Deserialize)]
struct Wire {
    access_token: String,
    token_type: String,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
    scope: Option<String>,
    sub: Option<String>,
}

impl TokenAnswer {
    pub(super) fn read(json: &[u8]) -> Result<Self, OAuthError> {
        let wire: Wire = serde_json::from_slice(json)
            .map_err(|_| OAuthError::Token("fields are missing or of another kind"))?;
        if !wire.token_type.eq_ignore_ascii_case("DPoP") {
            return Err(OAuthError::Token("the token is not bound by DPoP"));
        }
        let scope = wire.scope.ok_or(OAuthError::Token("it has no `scope`"))?;
        if !scope.parse::<Scopes>()?.contains(&Scope::Atproto) {
            return Err(OAuthError::Token("`atproto` was not granted"));
        }
        let did = wire.sub.and_then(|sub| Did::new(sub).ok());
        Ok(Self {
            did: did.ok_or(OAuthError::Token("its `sub` is no DID"))?,
            access_token: wire.access_token,
            refresh_token: wire.refresh_token,
            scope,
            expires_at: wire.expires_in.map(|seconds| unix_now().saturating_add(seconds)),
        })
    }

    /// The session with these tokens in place of its own.
    pub(super) fn update(self, mut state: OAuthState) -> Result<OAuthState, OAuthError> {
        if self.did != state.did {
            return Err(OAuthError::OtherAccount { expected: state.did, got: self.did });
        }
        state.access_token = self.access_token;
        state.scope = self.scope;
        state.expires_at = self.expires_at;
        if self.refresh_token.is_some() {
            state.refresh_token = self.refresh_token;
        }
        Ok(state)
    }
}
