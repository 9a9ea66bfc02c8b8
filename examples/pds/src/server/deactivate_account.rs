//! `com.atproto.server.deactivateAccount`

use std::sync::Arc;

use atproto_core::endpoint::NoBody;
use atproto_lexicons::com::atproto::server::DeactivateAccount;
use atproto_xrpc::{XrpcError, server::Context};

use crate::{app::App, auth::Caller};

/// `deleteAfter` is a recommendation that is not followed: nothing is deleted unasked.
pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    _input: DeactivateAccount,
) -> Result<NoBody, XrpcError> {
    let did = &context.proof.did;
    app.accounts.set_deactivated(did, true).await?;
    app.announce_current(did).await?;
    tracing::info!(%did, "account deactivated");
    Ok(NoBody)
}
