//! `com.atproto.server.createAccount`

use std::sync::Arc;

use atproto_core::{
    crypto::PublicKey,
    syntax::{Did, Handle},
};
use atproto_lexicons::com::atproto::server::{CreateAccount, CreateAccountOutput};
use atproto_xrpc::{XrpcError, auth::session::Scope, server::Context};

use super::session::as_value;
use crate::{
    app::App,
    counters,
    creation::{NewAccount, NewIdentity},
    handles, passwords,
};

/// The longest address. Source: RFC 5321, section 4.5.3.1.3, without the angle brackets.
const MAX_EMAIL: usize = 254;

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Option<Did>>,
    input: CreateAccount,
) -> Result<CreateAccountOutput, XrpcError> {
    app.auth.limits.new_account(context.client_address)?;
    let new = check(&app, context.proof, input).await?;
    let created = app.create_account(new).await?;
    let account = created.account;
    let tokens = app.begin_session(&account.did, Scope::Access, None).await?;
    counters::account_created();
    counters::session_created("com.atproto.server.createAccount");
    let handle = account.handle.unwrap_or_else(Handle::invalid);
    let mut output =
        CreateAccountOutput::new(tokens.access_jwt, tokens.refresh_jwt, handle, account.did);
    output.did_doc = created.document.as_ref().and_then(as_value);
    Ok(output)
}

/// Everything that can be said against a wish without changing anything.
async fn check(
    app: &App,
    proven: Option<Did>,
    input: CreateAccount,
) -> Result<NewAccount, XrpcError> {
    if input.plc_op.is_some() {
        return Err(XrpcError::invalid_request("Unsupported input: \"plcOp\""));
    }
    let invite_code = invite_code(app, input.invite_code)?;
    let email = email(input.email)?;
    let identity = identity(app, &input.handle, proven, input.did, input.recovery_key).await?;
    let password = input
        .password
        .ok_or_else(|| XrpcError::bad_request("InvalidPassword", "Password is required"))?;
    passwords::check(&password)?;
    let password_hash = Some(app.auth.passwords.hash(&password).await?);
    Ok(NewAccount {
        handle: input.handle,
        email: Some(email),
        password_hash,
        invite_code,
        identity,
    })
}

fn invite_code(app: &App, given: Option<String>) -> Result<Option<String>, XrpcError> {
    match (app.config.invite_required, given) {
        (false, _) => Ok(None),
        (true, Some(code)) => Ok(Some(code)),
        (true, None) => Err(XrpcError::bad_request("InvalidInviteCode", "No invite code provided")),
    }
}

/// An address in lower case. Whether letters arrive there is not for its form to say.
fn email(given: Option<String>) -> Result<String, XrpcError> {
    let given = given.ok_or_else(|| XrpcError::invalid_request("Email is required"))?;
    let email = given.trim().to_lowercase();
    let well_formed = email.len() <= MAX_EMAIL
        && email.split_once('@').is_some_and(|(local, domain)| {
            let plain = |text: &str| {
                !text.is_empty()
                    && text.chars().all(|c| c.is_alphanumeric() || c.is_ascii_graphic())
            };
            plain(local) && plain(domain) && !domain.contains('@') && domain.contains('.')
        });
    if well_formed {
        return Ok(email);
    }
    Err(XrpcError::invalid_request(
        "This email address is not supported, please use a different email.",
    ))
}

async fn identity(
    app: &App,
    handle: &Handle,
    proven: Option<Did>,
    did: Option<Did>,
    recovery_key: Option<String>,
) -> Result<NewIdentity, XrpcError> {
    let domains = app.config.handle_domains();
    let Some(did) = did else {
        handles::check(handle, &domains)?;
        let recovery_key = recovery_key.as_deref().map(PublicKey::from_did_key).transpose();
        let recovery_key =
            recovery_key.map_err(|_| XrpcError::invalid_request("recoveryKey is not a did:key"))?;
        return Ok(NewIdentity::Made { recovery_key });
    };
    if proven.as_ref() != Some(&did) {
        return Err(XrpcError::unauthorized(
            "AuthenticationRequired",
            format!("Missing auth to create account with did: {did}"),
        ));
    }
    if handles::is_ours(handle, &domains) {
        handles::check(handle, &domains)?;
    } else if app.resolver.handle(handle).await.ok().as_ref() != Some(&did) {
        return Err(XrpcError::bad_request(
            "InvalidHandle",
            "External handle did not resolve to DID",
        ));
    }
    Ok(NewIdentity::MovesIn(did))
}

#[cfg(test)]
mod tests {
    use super::email;

    #[test]
    fn addresses() {
        let of = |text: &str| email(Some(text.to_owned())).ok();
        assert_eq!(of(" Alice@Example.com ").as_deref(), Some("alice@example.com"));
        for bad in ["", "a", "@example.com", "a@", "a@b", "a@b@c.d", "a b@c.d", "a@c.d\u{0}"] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(of(&format!("{}@example.com", "a".repeat(250))), None);
    }
}
