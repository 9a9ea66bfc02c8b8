//! `com.atproto.server.createSession`

use std::sync::Arc;

use atproto_lexicons::com::atproto::server::{CreateSession, CreateSessionOutput};
use atproto_xrpc::{XrpcError, auth::session::Scope, server::Context};

use super::{
    login,
    session::{Profile, describe},
};
use crate::{
    accounts::Status,
    app::App,
    auth::refusal,
    counters::{self, Method, Outcome},
};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<()>,
    input: CreateSession,
) -> Result<CreateSessionOutput, XrpcError> {
    let address = context.client_address;
    let login = login::check(&app, &input.identifier, &input.password, address).await?;
    let login::Login { account, mut scope, app_password } = login;
    let method = if app_password.is_some() { Method::AppPassword } else { Method::Password };
    if matches!(account.status, Status::Takendown | Status::Suspended) {
        if input.allow_takendown != Some(true) {
            counters::auth_attempt(method, Outcome::Takendown);
            return Err(refusal(account.status));
        }
        scope = Scope::Takendown;
    }
    counters::auth_attempt(method, Outcome::Success);
    let tokens = app.begin_session(&account.did, scope, app_password).await?;
    counters::session_created("com.atproto.server.createSession");
    tracing::info!(did = %account.did, "logged in");
    let profile = Profile::of(&app, account, scope == Scope::Access).await;
    let mut output = CreateSessionOutput::new(
        tokens.access_jwt,
        tokens.refresh_jwt,
        profile.handle,
        profile.did,
    );
    describe!(output, profile);
    Ok(output)
}
