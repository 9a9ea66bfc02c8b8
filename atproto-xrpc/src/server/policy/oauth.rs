use std::{fmt, sync::Arc};

use atproto_core::syntax::Did;
use axum::{
    extract::Request,
    middleware::{Next, from_fn},
};
use http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
    request::Parts,
};

use super::{AccountVerifier, Credentials};
use crate::{
    XrpcError,
    auth::clock::unix_now,
    oauth::{
        Grant,
        authorization_server::{
            AuthorizationServer, OAuthError, OAuthErrorCode,
            http::{DPOP, DPOP_NONCE, proof},
        },
    },
};

/// Apps, by OAuth: `Authorization: DPoP` with an access token of this authorization server, and
/// a proof that the app has the key that the token is bound to. A verifier for
/// [`Account`](super::Account), alone or as one of several.
///
/// Handlers get the [`Grant`] and ask it before they do something: being admitted means that
/// the app acts for the account, not what it may do.
///
/// Answers to such requests have to carry a nonce: see [`with_dpop_nonces`].
#[derive(Clone)]
pub struct OAuth(Arc<AuthorizationServer>);

/// An app that acts for an account.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OAuthAccount {
    /// Whose account it is.
    pub did: Did,
    /// Which app.
    pub client_id: String,
    /// What it may do.
    pub grant: Grant,
    /// The session.
    pub session: String,
}

impl OAuth {
    /// The apps that have tokens of this server.
    pub fn new(server: Arc<AuthorizationServer>) -> Self {
        Self(server)
    }

    async fn admit(&self, token: &str, request: &Parts) -> Result<OAuthAccount, OAuthError> {
        let now = unix_now();
        let (method, path) = (request.method.as_str(), request.uri.path());
        let jkt = self.0.prove_use(method, path, proof(&request.headers), token, now)?;
        let found = self.0.introspect(token, &jkt, now).await?;
        Ok(OAuthAccount {
            did: found.session.account,
            client_id: found.session.client_id,
            grant: found.grant,
            session: found.session.id,
        })
    }
}

impl AccountVerifier for OAuth {
    type Account = OAuthAccount;

    async fn verify(
        &self,
        credentials: Credentials<'_>,
        request: &Parts,
        _nsid: &str,
    ) -> Result<OAuthAccount, XrpcError> {
        match credentials {
            Credentials::Dpop(token) => Ok(self.admit(token, request).await.map_err(refusal)?),
            // A token that is bound to a key is none without it: RFC 9449, section 7.2.
            _ => Err(XrpcError::invalid_token("Unexpected authorization type")),
        }
    }
}

/// Without what it knows.
impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OAuth").field(&self.0).finish()
    }
}

impl XrpcError {
    /// 403 `ScopeMissingError`: the app would need this scope, as [`Permission`] writes it, and
    /// does not have it. Name and text are those of the reference PDS.
    ///
    /// [`Permission`]: crate::oauth::Permission
    pub fn scope_missing(scope: impl fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, "ScopeMissingError")
            .with_message(format!("Missing required scope \"{scope}\""))
    }
}

/// The same router, whose answers to requests with a proof, or with credentials that need one,
/// carry the nonce for the next. Clients refuse answers without.
pub fn with_dpop_nonces(router: axum::Router, server: Arc<AuthorizationServer>) -> axum::Router {
    router.layer(from_fn(move |request: Request, next: Next| {
        let server = Arc::clone(&server);
        async move {
            let headers = request.headers();
            let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
            let is_bound = authorization.is_some_and(|value| {
                value.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
            });
            let wants_nonce = is_bound || headers.contains_key(DPOP);
            let mut response = next.run(request).await;
            if wants_nonce && let Ok(nonce) = HeaderValue::try_from(server.nonce(unix_now())) {
                response.headers_mut().insert(DPOP_NONCE, nonce);
            }
            response
        }
    }))
}

/// Refusals at a server that tokens are for: RFC 9449, section 7.1.
fn refusal(error: OAuthError) -> XrpcError {
    let status = match error.code {
        OAuthErrorCode::ServerError => return XrpcError::internal(error),
        OAuthErrorCode::TemporarilyUnavailable => {
            return XrpcError::unavailable(error.description);
        }
        _ => StatusCode::UNAUTHORIZED,
    };
    let name = error.code.as_str();
    let text: String = error
        .description
        .chars()
        .filter(|c| matches!(c, ' '..='~') && !"\"\\".contains(*c))
        .collect();
    let challenge = format!("DPoP error=\"{name}\", error_description=\"{text}\"");
    let refusal = XrpcError::new(status, name).with_message(error.description);
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => refusal.with_header(WWW_AUTHENTICATE, challenge),
        Err(_) => refusal,
    }
}

const SCHEME: &[u8] = b"dpop ";
