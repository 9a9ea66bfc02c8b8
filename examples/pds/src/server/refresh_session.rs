//! `com.atproto.server.refreshSession`

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use atproto_lexicons::com::atproto::server::{RefreshSession, RefreshSessionOutput};
use atproto_xrpc::{
    XrpcError,
    auth::session::{Scope, SessionClaims, TokenPair},
    server::Context,
};

use super::session::{Profile, describe};
use crate::{
    accounts::{Account, Rotation, Status},
    app::App,
    auth::refusal,
    counters::{self, Method, Outcome},
};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<SessionClaims>,
    _input: RefreshSession,
) -> Result<RefreshSessionOutput, XrpcError> {
    app.auth.limits.refresh(context.client_address)?;
    let claims = context.proof;
    let account = owner(&app, &claims).await?;
    let (tokens, scope) = rotate(&app, &claims).await?;
    counters::auth_attempt(Method::Refresh, Outcome::Success);
    let profile = Profile::of(&app, account, scope == Scope::Access).await;
    let mut output = RefreshSessionOutput::new(
        tokens.access_jwt,
        tokens.refresh_jwt,
        profile.handle,
        profile.did,
    );
    describe!(output, profile);
    Ok(output)
}

async fn owner(app: &App, claims: &SessionClaims) -> Result<Account, XrpcError> {
    let account = app.accounts.by_did(&claims.sub).await?;
    let account = account.filter(|account| account.status != Status::Deleted);
    let account = account.ok_or_else(|| {
        counters::auth_attempt(Method::Refresh, Outcome::WrongCredentials);
        XrpcError::invalid_request(format!("Could not find user info for account: {}", claims.sub))
    })?;
    if matches!(account.status, Status::Takendown | Status::Suspended) {
        counters::auth_attempt(Method::Refresh, Outcome::Takendown);
        return Err(refusal(account.status));
    }
    Ok(account)
}

/// The next pair of tokens. A token that is presented twice soon after each other gets the
/// same pair's ids twice; what comes later ends the session.
async fn rotate(app: &App, claims: &SessionClaims) -> Result<(TokenPair, Scope), XrpcError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // Only its id and its lifetime are used, should the token have no successor yet.
    let fresh = app.sessions.mint(&claims.sub, Scope::Access);
    let (next, expires) = (&fresh.refresh_id, fresh.refresh_expires);
    match app.accounts.rotate_session(&claims.jti, next, expires, now).await? {
        Rotation::Next { id, scope } => {
            Ok((app.sessions.mint_at(&claims.sub, scope, id, now), scope))
        }
        ended => {
            let reused = ended == Rotation::Reused;
            if reused {
                tracing::warn!(did = %claims.sub, "a used refresh token came back");
            }
            let outcome = if reused { Outcome::Reused } else { Outcome::Expired };
            counters::auth_attempt(Method::Refresh, outcome);
            Err(XrpcError::bad_request("ExpiredToken", "Token has been revoked"))
        }
    }
}
