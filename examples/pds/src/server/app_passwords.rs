//! `com.atproto.server.createAppPassword`, `listAppPasswords` and `revokeAppPassword`

use std::sync::Arc;

use atproto_core::{endpoint::NoBody, syntax::Datetime};
use atproto_lexicons::com::atproto::server::{
    CreateAppPassword, CreateAppPasswordOutput, ListAppPasswords, ListAppPasswordsOutput,
    RevokeAppPassword, list_app_passwords,
};
use atproto_xrpc::{XrpcError, server::Context};
use data_encoding::BASE32_NOPAD;

use crate::{
    accounts::{AccountError, AppPassword},
    app::App,
    auth::Caller,
};

/// The longest name, in bytes. Ours.
const MAX_NAME: usize = 256;

pub(super) async fn create(
    app: Arc<App>,
    context: Context<Caller>,
    input: CreateAppPassword,
) -> Result<CreateAppPasswordOutput, XrpcError> {
    let did = &context.proof.did;
    if input.name.is_empty() || input.name.len() > MAX_NAME {
        return Err(XrpcError::invalid_request(format!("name must have 1 to {MAX_NAME} bytes")));
    }
    let password = random_password()?;
    let app_password = AppPassword {
        name: input.name.clone(),
        privileged: input.privileged.unwrap_or_default(),
        created_at: Datetime::now(),
    };
    let created_at = app_password.created_at.clone();
    let added = app.accounts.add_app_password(did, app_password, &password).await;
    added.map_err(|error| match error {
        AccountError::Taken(_) => {
            XrpcError::invalid_request("could not create app-specific password")
        }
        error => error.into(),
    })?;
    tracing::info!(%did, "app password created");
    let mut output = CreateAppPasswordOutput::new(input.name, password, created_at);
    output.privileged = Some(input.privileged.unwrap_or_default());
    Ok(output)
}

pub(super) async fn list(
    app: Arc<App>,
    context: Context<Caller>,
    _params: ListAppPasswords,
) -> Result<ListAppPasswordsOutput, XrpcError> {
    let found = app.accounts.app_passwords(&context.proof.did).await?;
    let shown = found.into_iter().map(|found| {
        let mut shown = list_app_passwords::AppPassword::new(found.name, found.created_at);
        shown.privileged = Some(found.privileged);
        shown
    });
    Ok(ListAppPasswordsOutput::new(shown.collect()))
}

pub(super) async fn revoke(
    app: Arc<App>,
    context: Context<Caller>,
    input: RevokeAppPassword,
) -> Result<NoBody, XrpcError> {
    app.accounts.revoke_app_password(&context.proof.did, &input.name).await?;
    Ok(NoBody)
}

/// `xxxx-xxxx-xxxx-xxxx`: 16 characters of base32, which are 80 random bits.
fn random_password() -> Result<String, XrpcError> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|error| XrpcError::internal(error.to_string()))?;
    let text = BASE32_NOPAD.encode(&bytes).to_lowercase();
    Ok([&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ls_005_app_passwords_have_their_form() {
        let password = super::random_password().unwrap();
        let parts: Vec<&str> = password.split('-').collect();
        assert!(parts.len() == 4 && parts.iter().all(|part| part.len() == 4), "{password}");
    }
}
