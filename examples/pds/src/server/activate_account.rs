//! `com.atproto.server.activateAccount`

use std::sync::Arc;

use atproto_core::endpoint::NoBody;
use atproto_lexicons::com::atproto::server::ActivateAccount;
use atproto_xrpc::{XrpcError, server::Context};

use crate::{app::App, auth::Caller};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    _input: ActivateAccount,
) -> Result<NoBody, XrpcError> {
    let did = &context.proof.did;
    app.resolver.purge(did);
    app.identity_is_ours(did).await?;
    app.accounts.set_deactivated(did, false).await?;
    app.announce_current(did).await?;
    tracing::info!(%did, "account activated");
    Ok(NoBody)
}
