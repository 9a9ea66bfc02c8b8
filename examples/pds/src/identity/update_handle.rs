//! `com.atproto.identity.updateHandle`

use std::sync::Arc;

use atproto_core::{
    endpoint::NoBody,
    syntax::{Did, Handle},
};
use atproto_lexicons::com::atproto::identity::UpdateHandle;
use atproto_xrpc::{XrpcError, server::Context};

use crate::{app::App, auth::Caller, handles};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    input: UpdateHandle,
) -> Result<NoBody, XrpcError> {
    let did = &context.proof.did;
    app.auth.limits.new_handle(did)?;
    let account = app.accounts.by_did(did).await?;
    if account.is_some_and(|account| account.handle.as_ref() == Some(&input.handle)) {
        // Asking for it again repairs an identity that says something else.
        app.announce_current(did).await?;
        return Ok(NoBody);
    }
    check(&app, did, &input.handle).await?;
    app.change_handle(did, &input.handle).await?;
    tracing::info!(%did, "handle changed");
    Ok(NoBody)
}

/// A handle of ours has to follow the rules for new ones; any other has to point here
/// already.
async fn check(app: &App, did: &Did, handle: &Handle) -> Result<(), XrpcError> {
    let domains = app.config.handle_domains();
    if handles::is_ours(handle, &domains) {
        return handles::check(handle, &domains);
    }
    if app.resolver.handle(handle).await.ok().as_ref() == Some(did) {
        return Ok(());
    }
    Err(XrpcError::bad_request("InvalidHandle", "External handle did not resolve to DID"))
}
