use std::sync::Arc;

use atproto_core::syntax::Did;
use serde::Serialize;

use super::{
    ACCESS_TOKEN_SECONDS, AuthorizationServer, CODE_CHALLENGE_SECONDS,
    CONFIDENTIAL_REFRESH_SECONDS, CONFIDENTIAL_SESSION_SECONDS, Client, Fingerprint, Form,
    OAuthError, OAuthErrorCode, PUBLIC_REFRESH_SECONDS, PUBLIC_SESSION_SECONDS, fingerprint, paths,
    store::{ClientKey, CodeUse, Memory, Presented, Renewal, Rotation, Session},
};
use crate::{oauth::Pkce, random};

/// The answer of the token endpoint: RFC 6749, section 5.1, with the account in `sub`.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct TokenAnswer {
    /// For requests.
    pub access_token: String,
    /// `DPoP`.
    pub token_type: &'static str,
    /// For how many seconds the access token is good.
    pub expires_in: u64,
    /// For the next tokens, where the client may refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// What the access token allows, permission sets written out.
    pub scope: String,
    /// Whose account it is.
    pub sub: Did,
}

/// Without the tokens.
impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenAnswer").field("sub", &self.sub).finish_non_exhaustive()
    }
}

/// Who asks for tokens, proven.
struct Asker {
    client: Arc<Client>,
    key: Option<ClientKey>,
    jkt: String,
}

impl AuthorizationServer {
    /// Exchanges a code, or a refresh token, for tokens. `proof` is the `DPoP` header.
    pub async fn token(
        &self,
        form: &Form<'_>,
        proof: Option<&str>,
        now: u64,
    ) -> Result<TokenAnswer, OAuthError> {
        let jkt = self.prove("POST", paths::TOKEN, proof, now)?;
        let grant_type = form.require("grant_type")?;
        let (client, key) = self.authenticate(form, now).await?;
        let asker = Asker { client, key, jkt };
        match grant_type {
            "authorization_code" => self.begin(&asker, form, now).await,
            "refresh_token" => self.refresh(&asker, form, now).await,
            _ => {
                let code = OAuthErrorCode::UnsupportedGrantType;
                Err(OAuthError::new(code, "there is no such grant"))
            }
        }
    }

    async fn begin(
        &self,
        asker: &Asker,
        form: &Form<'_>,
        now: u64,
    ) -> Result<TokenAnswer, OAuthError> {
        let (redirect_uri, verifier) =
            (form.require("redirect_uri")?, form.require("code_verifier")?);
        let code = Fingerprint::of(form.require("code")?);
        let authorization = match self.store.consume_code(code, now).await? {
            CodeUse::First(authorization) => *authorization,
            CodeUse::Reused => {
                tracing::warn!("a used code came back");
                return Err(OAuthError::grant("the code was used before"));
            }
            CodeUse::Unknown => return Err(OAuthError::grant("there is no such code")),
        };
        let (request, account) = (&authorization.request, &authorization.account);
        asker.is_of(&request.client_id, &request.jkt)?;
        if asker.key != request.client_key {
            return Err(OAuthError::grant("the client began with another key"));
        }
        if redirect_uri != request.redirect_uri {
            return Err(OAuthError::grant("`redirect_uri` is another than at the beginning"));
        }
        if !Pkce::matches(verifier, &request.code_challenge) {
            return Err(OAuthError::grant("the code verifier does not match"));
        }
        let challenge = Fingerprint::of(&request.code_challenge);
        let until = now.saturating_add(CODE_CHALLENGE_SECONDS);
        if !self.store.remember(Memory::CodeChallenge, challenge, until, now).await? {
            return Err(OAuthError::grant("the code challenge was used before"));
        }
        self.require_account(account).await?;
        let granted = self.grant(&request.scopes).await?.scopes().clone();
        let refresh = asker.client.metadata.refreshes.then(fingerprint::secret);
        let expires = match &refresh {
            Some(_) => refreshable_until(request.client_key.is_some(), now, now),
            None => now.saturating_add(ACCESS_TOKEN_SECONDS),
        };
        let (id, token_id) = (random::hex_id(), random::hex_id());
        let session = Session::new(id, account.clone(), request, granted, token_id, now, expires);
        let token = refresh.as_deref().map(Fingerprint::of);
        if !self.store.begin_session(code, session.clone(), token, now).await? {
            return Err(OAuthError::grant("the code was used before"));
        }
        self.answer_with(&session, refresh, now)
    }

    async fn refresh(
        &self,
        asker: &Asker,
        form: &Form<'_>,
        now: u64,
    ) -> Result<TokenAnswer, OAuthError> {
        let token = Fingerprint::of(form.require("refresh_token")?);
        let session = match self.store.present_refresh_token(token, now).await? {
            Presented::Current(session) => *session,
            Presented::Reused => return Err(reused()),
            Presented::Unknown => return Err(no_such_token()),
        };
        asker.is_of(&session.client_id, &session.jkt)?;
        self.check_key(asker, &session).await?;
        if !asker.client.metadata.refreshes {
            let code = OAuthErrorCode::UnauthorizedClient;
            return Err(OAuthError::new(code, "the client has not declared `refresh_token`"));
        }
        self.require_account(&session.account).await?;
        let granted = self.grant(&session.approved).await?.scopes().clone();
        let expires = refreshable_until(session.client_key.is_some(), session.began, now);
        if expires <= now {
            return Err(no_such_token());
        }
        let next = fingerprint::secret();
        let renewal = Renewal::new(Fingerprint::of(&next), random::hex_id(), granted, expires);
        match self.store.rotate_session(token, renewal, now).await? {
            Rotation::Renewed(session) => self.answer_with(&session, Some(next), now),
            Rotation::Reused => Err(reused()),
            Rotation::Unknown => Err(no_such_token()),
        }
    }

    /// A confidential client keeps to the key that it began with. One that it has withdrawn may
    /// have leaked, and is the end of its sessions.
    async fn check_key(&self, asker: &Asker, session: &Session) -> Result<(), OAuthError> {
        let Some(first) = &session.client_key else { return Ok(()) };
        let keys = asker.client.keys.as_ref();
        if !keys.is_some_and(|keys| keys.has(&first.kid, &first.jkt)) {
            self.store.end_session(&session.id).await?;
            return Err(OAuthError::grant("the client has withdrawn the key that it began with"));
        }
        if asker.key.as_ref() != Some(first) {
            return Err(OAuthError::grant("the client began with another key"));
        }
        Ok(())
    }

    fn answer_with(
        &self,
        session: &Session,
        refresh_token: Option<String>,
        now: u64,
    ) -> Result<TokenAnswer, OAuthError> {
        Ok(TokenAnswer {
            access_token: self.tokens.mint(session, now).map_err(OAuthError::fault)?,
            token_type: "DPoP",
            expires_in: ACCESS_TOKEN_SECONDS,
            refresh_token,
            scope: session.granted.to_string(),
            sub: session.account.clone(),
        })
    }
}

impl Asker {
    fn is_of(&self, client_id: &str, jkt: &str) -> Result<(), OAuthError> {
        if self.client.metadata.client_id.to_string() != client_id {
            return Err(OAuthError::grant("that is another client's"));
        }
        if self.jkt != jkt {
            return Err(OAuthError::grant("that is bound to another key than the proof's"));
        }
        Ok(())
    }
}

/// Until when a session that began then can be refreshed, if it is not refreshed in between.
fn refreshable_until(is_confidential: bool, began: u64, now: u64) -> u64 {
    let (session, refresh) = if is_confidential {
        (CONFIDENTIAL_SESSION_SECONDS, CONFIDENTIAL_REFRESH_SECONDS)
    } else {
        (PUBLIC_SESSION_SECONDS, PUBLIC_REFRESH_SECONDS)
    };
    began.saturating_add(session).min(now.saturating_add(refresh))
}

fn reused() -> OAuthError {
    tracing::warn!("a used refresh token came back");
    OAuthError::grant("the refresh token was used before")
}

fn no_such_token() -> OAuthError {
    OAuthError::grant("there is no such refresh token")
}
